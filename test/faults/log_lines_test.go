package faults_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
)

// logLines collects the log of a process.
type logLines struct {
	mu      sync.Mutex // guards text
	text    bytes.Buffer
	arrived chan struct{} // receives a value when text has grown; never closed
}

func newLogLines() *logLines { return &logLines{arrived: make(chan struct{}, 1)} }

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.arrived <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

// countLines returns how many lines contain words.
func (l *logLines) countLines(words string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

// lastLines returns at most count lines, from the first line that contains words, or the last
// count lines for "".
func (l *logLines) lastLines(words string, count int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Split(l.text.String(), "\n")
	for i, line := range all {
		if words == "" {
			i = max(len(all)-count, 0)
		} else if !strings.Contains(line, words) {
			continue
		}
		return strings.Join(all[i:min(i+count, len(all))], "\n")
	}
	return ""
}

// awaitWords waits until a line of the log contains words.
func (l *logLines) awaitWords(words string, ended <-chan struct{}) error {
	late := time.After(maxWait)
	for l.countLines(words) == 0 {
		select {
		case <-l.arrived:
		case <-ended:
			return fmt.Errorf("caddy has ended:\n%s", l.lastLines("", 40))
		case <-late:
			return fmt.Errorf("caddy has not logged %q:\n%s", words, l.lastLines("", 40))
		}
	}
	return nil
}
