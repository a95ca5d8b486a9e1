package socketio

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// table writes rows under the words of a head.
func table(w io.Writer, head string, rows [][]any) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.ReplaceAll(head, " ", "\t"))
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(columns, "\t")
			}
			fmt.Fprint(columns, printable(fmt.Sprint(cell)))
		}
		fmt.Fprintln(columns)
	}
	columns.Flush() // to where the command's output goes: nobody to tell
}

// printable is text that does nothing to a terminal: names come from clients.
func printable(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToGraphic(text)
	}
	return text
}

// short is the beginning of a text that may be long.
func short(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// progress is input that tells how far it is read, when that takes long.
type progress struct {
	in  io.Reader
	out io.Writer // a terminal; nil to tell nothing

	mu    sync.Mutex // guards the following: a request may read on that has its answer
	lines int
	next  time.Time // to tell at
	shown bool
	ended bool
}

// progressEvery is the time between two tellings.
const progressEvery = 500 * time.Millisecond

// Read reads and counts lines.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if p.out != nil {
		p.tell(bytes.Count(b[:n], []byte("\n")), time.Now())
	}
	return n, err
}

func (p *progress) tell(lines int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines += lines
	if p.next.IsZero() {
		p.next = now.Add(2 * progressEvery)
	}
	if !p.ended && now.After(p.next) {
		fmt.Fprintf(p.out, "\r%s", count(p.lines, "line"))
		p.shown, p.next = true, now.Add(progressEvery)
	}
}

// end clears what was told.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && !p.ended {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.ended = true
}
