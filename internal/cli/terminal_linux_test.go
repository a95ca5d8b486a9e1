package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// terminal is a pseudo terminal of a command, and the end that a user sees.
type terminal struct {
	testing.TB
	user, command *os.File
	seen          string
}

func openTerminal(t testing.TB, width, height int) *terminal {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine has no pseudo terminals: ", err)
	}
	t.Cleanup(func() { user.Close() })
	var number, unlocked uint32
	control(t, user, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	control(t, user, syscall.TIOCGPTN, unsafe.Pointer(&number))
	command, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Close() })
	tt := &terminal{TB: t, user: user, command: command}
	tt.resize(width, height)
	return tt
}

func control(t testing.TB, file *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument)); errno != 0 {
		t.Fatal(errno)
	}
}

func (tt *terminal) resize(width, height int) {
	tt.Helper()
	size := [4]uint16{uint16(height), uint16(width)}
	control(tt, tt.command, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// runCaddy runs a command on the terminal, and returns its error later.
func (tt *terminal) runCaddy(args ...string) <-chan error {
	root := &cobra.Command{Use: "caddy", SilenceUsage: true, SilenceErrors: true}
	command := Command()
	parent := &cobra.Command{Use: command.Name}
	root.AddCommand(parent)
	command.CobraFunc(parent)
	root.SetIn(tt.command)
	root.SetOut(tt.command)
	root.SetErr(tt.command)
	root.SetArgs(append([]string{"socketio"}, args...))
	done := make(chan error, 1)
	go func() { done <- root.Execute() }()
	return done
}

// await reads until the user sees a text, and returns all that was seen since the last call.
func (tt *terminal) await(text string) string {
	tt.Helper()
	stop := time.AfterFunc(20*time.Second, func() { tt.command.WriteString("(timeout)") })
	defer stop.Stop()
	buffer := make([]byte, 4096)
	for {
		if before, after, ok := strings.Cut(tt.seen, text); ok {
			tt.seen = after
			return before + text
		}
		n, err := tt.user.Read(buffer)
		tt.seen += string(buffer[:n])
		if err != nil || strings.Contains(tt.seen, "(timeout)") {
			tt.Fatalf("%q does not come: %v, %.2000q", text, err, tt.seen)
		}
	}
}

// interrupt sends the signal of Ctrl-C. A command of the test handles it.
func interrupt(t *testing.T) {
	t.Helper()
	received := make(chan os.Signal, 1) // so that it never ends the test
	signal.Notify(received, os.Interrupt)
	t.Cleanup(func() { signal.Stop(received) })
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-received
}

func TestTopOnATerminal(t *testing.T) {
	address := serveTop(t, func(*http.Request) (int, any) {
		time.Sleep(time.Millisecond)
		return 200, sampleTop()
	})
	for name, end := range map[string]func(*terminal){
		"q":      func(tt *terminal) { tt.user.WriteString("q") },
		"Ctrl-C": func(tt *terminal) { tt.user.WriteString("\x03") },
		"signal": func(*terminal) { interrupt(t) },
	} {
		tt := openTerminal(t, 80, 24)
		before, err := term.GetState(int(tt.command.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		done := tt.runCaddy("top", "--address", address)
		if frame := tt.await("QUEUE OF SOCKET"); !strings.HasPrefix(frame, enterScreen) || strings.Contains(frame, "\x1b[2J") {
			t.Errorf("%s: got %q", name, frame)
		}
		tt.await(cursorHome)
		tt.resize(30, 4)
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			t.Fatal(err)
		}
		tt.await(clearLine + "07:13:02  2 nodes  1204 socke…\r\n")
		end(tt)
		tt.await(leaveScreen)
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		after, err := term.GetState(int(tt.command.Fd()))
		if err != nil || fmt.Sprint(*after) != fmt.Sprint(*before) {
			t.Errorf("%s: the terminal is left in another mode: %v", name, err)
		}
	}
}

func TestDrainOnATerminal(t *testing.T) {
	var cancelled atomic.Bool
	address := serveTop(t, func(r *http.Request) (int, any) {
		state := api.DrainReply{State: "draining", Connections: 3200, Total: 5000, Over: "30s", Left: "19.2s"}
		if r.Method == http.MethodDelete {
			cancelled.Store(true)
			state.State = "serving"
		}
		return 200, state
	})
	for width, line := range map[int]string{
		80: "\r\x1b[K3200 connections left of 5000, 19s to go",
		24: "\r\x1b[K3200 connections lef…",
	} {
		cancelled.Store(false)
		tt := openTerminal(t, width, 24)
		done := tt.runCaddy("drain", "--address", address)
		tt.await(line)
		interrupt(t)
		if rest := tt.await("new ones are accepted\r\n"); !strings.HasSuffix(rest, "\r\x1b[Kcancelled; 3200 connections left, new ones are accepted\r\n") {
			t.Errorf("%d columns: got %q", width, rest)
		}
		if err := <-done; err == nil || err.Error() != "interrupted" || !cancelled.Load() {
			t.Errorf("%d columns: got %v, cancelled %v", width, err, cancelled.Load())
		}
	}
}
