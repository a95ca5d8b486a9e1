package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// progressReader counts the lines that are read, and shows the count on a terminal when
// reading takes more than a second.
type progressReader struct {
	in       io.Reader
	terminal io.Writer // nil: nothing is shown

	mu       sync.Mutex // guards the following: the HTTP client may read on after the reply
	lines    int
	nextShow time.Time
	shown    bool
	cleared  bool
}

// progressInterval is the time between two updates of the count.
const progressInterval = 500 * time.Millisecond

// Read reads and counts lines.
func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if p.terminal != nil {
		p.countLines(bytes.Count(b[:n], []byte("\n")), time.Now())
	}
	return n, err
}

// countLines adds to the count, and shows it if it is time.
func (p *progressReader) countLines(lines int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines += lines
	if p.nextShow.IsZero() {
		p.nextShow = now.Add(2 * progressInterval)
	}
	if !p.cleared && now.After(p.nextShow) {
		fmt.Fprintf(p.terminal, "\r%s", formatCount(p.lines, "line"))
		p.shown, p.nextShow = true, now.Add(progressInterval)
	}
}

// clearProgress removes the count from the terminal, and shows no further one.
func (p *progressReader) clearProgress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && !p.cleared {
		fmt.Fprint(p.terminal, "\r\x1b[K")
	}
	p.cleared = true
}
