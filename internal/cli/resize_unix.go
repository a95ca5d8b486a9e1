//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyResize sends a signal when the size of the terminal changes.
func notifyResize(resized chan<- os.Signal) { signal.Notify(resized, syscall.SIGWINCH) }
