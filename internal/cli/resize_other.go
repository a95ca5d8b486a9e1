//go:build !unix

package cli

import "os"

// notifyResize does nothing: each measurement is shown in the size that the terminal has.
func notifyResize(chan<- os.Signal) {}
