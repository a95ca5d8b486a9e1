package cli

import (
	"io"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"golang.org/x/term"
)

// Codes of terminals. The screen is another one than the shell's, without a cursor, and long
// lines do not wrap.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// screenLimit is how long the lists of a screen may be.
const screenLimit = 200

// topReport is one measurement, or why there is none.
type topReport struct {
	top *api.Top
	err error
}

// topScreen shows measurements on a terminal.
type topScreen struct {
	out     io.Writer
	size    func() (width, height int)
	reports <-chan topReport
	keys    <-chan byte // closed at the end of the input; nil without a keyboard
	ended   <-chan os.Signal
	resized <-chan os.Signal

	latest *api.Top
	note   string // why there is no later one
}

// showTop shows measurements on the terminal until the user ends it.
func (c *invocation) showTop(q url.Values, out *os.File) error {
	ended, resized := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(ended)
	notifyResize(resized)
	defer signal.Stop(resized)
	reports, done := make(chan topReport), make(chan struct{})
	defer close(done)
	q.Set("limit", strconv.Itoa(screenLimit))
	// The goroutine ends after the measurement that runs when the screen is left.
	spawn.Go(nil, "measurements of top", func() { c.repeatTop(q, reports, done) }, nil)
	s := &topScreen{out: out, reports: reports, ended: ended, resized: resized, size: func() (width, height int) {
		width, height, _ = term.GetSize(int(out.Fd()))
		return width, height
	}}
	keys, restore := openKeyboard(c.cmd.InOrStdin(), done)
	defer restore()
	s.keys = keys
	return s.run()
}

// repeatTop measures until done is closed: once without a time, so that the screen is filled at
// once, then for the time of the query. After an error it waits as long.
func (c *invocation) repeatTop(q url.Values, reports chan<- topReport, done <-chan struct{}) {
	interval, _ := time.ParseDuration(q.Get("for")) // topQuery made it
	q.Set("for", "0s")
	for {
		top, _, err := c.requestTop(q)
		select {
		case reports <- topReport{top, err}:
		case <-done:
			return
		}
		if err == nil {
			q.Set("for", interval.String())
			continue
		}
		select {
		case <-time.After(interval):
		case <-done:
			return
		}
	}
}

// openKeyboard returns the keys that are pressed, if the input is a terminal. They are not
// shown, and arrive without the return key. restore undoes that.
func openKeyboard(in io.Reader, done <-chan struct{}) (keys <-chan byte, restore func()) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	former, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, func() {}
	}
	pressed := make(chan byte)
	// The goroutine ends with the input or after the next key, or the process ends before.
	spawn.Go(nil, "keyboard of top", func() { readKeys(file, pressed, done) }, nil)
	return pressed, func() { _ = term.Restore(int(file.Fd()), former) }
}

// readKeys sends the bytes of the input, and closes keys at its end.
func readKeys(in io.Reader, keys chan<- byte, done <-chan struct{}) {
	defer close(keys)
	one := make([]byte, 1)
	for {
		if _, err := in.Read(one); err != nil {
			return
		}
		select {
		case keys <- one[0]:
		case <-done:
			return
		}
	}
}

// ctrlC is the key Ctrl-C of a terminal that does not make a signal of it.
const ctrlC = 3

// run shows measurements until a key or a signal ends it. An error before the first one is
// returned; later ones are shown: a reload closes the admin endpoint for a moment.
func (s *topScreen) run() error {
	entered := false
	defer func() {
		if entered {
			_, _ = io.WriteString(s.out, leaveScreen) // an error of the terminal has nowhere to go
		}
	}()
	for {
		select {
		case report := <-s.reports:
			if report.err != nil && s.latest == nil {
				return report.err
			}
			s.addReport(report)
		case <-s.resized:
		case key, open := <-s.keys:
			if !open {
				s.keys = nil
			}
			if open && (key == 'q' || key == 'Q' || key == ctrlC) {
				return nil
			}
			continue
		case <-s.ended:
			return nil
		}
		if s.latest == nil {
			continue
		}
		if !entered {
			_, _ = io.WriteString(s.out, enterScreen)
			entered = true
		}
		if err := s.draw(); err != nil {
			return err
		}
	}
}

func (s *topScreen) addReport(report topReport) {
	s.note = ""
	if report.err != nil {
		s.note = report.err.Error()
		return
	}
	s.latest = report.top
}

// draw writes the whole screen at once, so that it does not flicker. Lines are cleared before
// their text: after the last column, clearing would take the last character.
func (s *topScreen) draw() error {
	width, height := s.size()
	lines := renderTop(s.latest, s.note, max(width, 1), max(height, 1))
	text := cursorHome + clearLine + strings.Join(lines, "\r\n"+clearLine)
	if len(lines) < height {
		text += "\r\n" + clearBelow
	}
	_, err := io.WriteString(s.out, text)
	return err
}
