package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// writeTable writes rows in aligned columns under the words of a head.
func writeTable(w io.Writer, head string, rows [][]any) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.ReplaceAll(head, " ", "\t"))
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(columns, "\t")
			}
			fmt.Fprint(columns, quoteUnprintable(fmt.Sprint(cell)))
		}
		fmt.Fprintln(columns)
	}
	columns.Flush() // an error of standard output has nowhere to go
}

// quoteUnprintable returns a text without control characters, quoted if it had some. Clients
// choose names, which must not control the terminal.
func quoteUnprintable(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToGraphic(text)
	}
	return text
}

// truncateText shortens a text to 80 characters.
func truncateText(text string) string {
	const maxRunes = 80
	if runes := []rune(text); len(runes) > maxRunes {
		return string(runes[:maxRunes-1]) + "…"
	}
	return text
}

// formatCount returns a number with its noun, in the plural unless it is 1.
func formatCount(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// countSockets returns a number of sockets of the node that replied.
func countSockets(n int) string { return formatCount(n, "socket") + " on this node" }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
