package cli

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// topTable is a table of a measurement.
type topTable struct {
	head    []string
	rows    [][]string
	numbers int // the last columns, which are aligned to the right and never cut
}

// addRow adds a row. Texts that would control the terminal are quoted.
func (t *topTable) addRow(cells ...string) {
	t.rows = append(t.rows, quoteAll(cells))
}

// columnGap is the number of spaces between two columns, and minColumn the width that a column
// of names keeps.
const (
	columnGap = 2
	minColumn = 4
)

// render returns the table as lines of at most width columns. 0 means any number.
func (t *topTable) render(width int) []string {
	names := len(t.head) - t.numbers
	widths := t.columnWidths()
	if width > 0 {
		shrinkColumns(widths, names, width)
	}
	lines := make([]string, 0, len(t.rows)+1)
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString(strings.Repeat(" ", columnGap))
			}
			cell = cutToWidth(cell, widths[i])
			padding := strings.Repeat(" ", max(widths[i]-textWidth(cell), 0))
			if i < names {
				line.WriteString(cell + padding)
			} else {
				line.WriteString(padding + cell)
			}
		}
		lines = append(lines, cutToWidth(line.String(), width))
	}
	return lines
}

// columnWidths returns the widths that show all cells.
func (t *topTable) columnWidths() []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], textWidth(cell))
		}
	}
	return widths
}

// shrinkColumns makes the widest columns of names narrower until all columns fit.
func shrinkColumns(widths []int, names, total int) {
	sum := columnGap * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	for ; sum > total; sum-- {
		widest := 0
		for i := range names {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minColumn {
			return
		}
		widths[widest]--
	}
}

// tableOverhead is how many lines a table has besides its rows: an empty one, and the head.
const tableOverhead = 2

// fitTables returns the tables that fit into height lines, with as many rows as do. Rooms are
// shown rather than namespaces, and namespaces rather than queues. Both leave rows to the
// rooms: they take a quarter of the lines each, and rows that are left.
func fitTables(tables []topTable, height int) []topTable {
	isRooms := func(t topTable) bool { return t.head[0] == roomHead }
	for len(tables)*(tableOverhead+1) > height {
		if last := len(tables) - 1; tables[0].head[0] == queueHead || last > 0 && !isRooms(tables[last]) {
			tables = tables[:last]
		} else {
			tables = tables[1:]
		}
	}
	free := height - tableOverhead*len(tables)
	given := make([]int, len(tables))
	give := func(rooms bool, most int) {
		for i, t := range tables {
			if isRooms(t) == rooms {
				n := min(len(t.rows)-given[i], most, free)
				given[i] += n
				free -= n
			}
		}
	}
	give(false, max(height/4-tableOverhead, 1))
	give(true, free)
	give(false, free)
	for i := range tables {
		tables[i].rows = tables[i].rows[:given[i]]
	}
	return tables
}

// cutToWidth shortens a text to a number of columns of a terminal. 0 means any number.
func cutToWidth(text string, columns int) string {
	if columns <= 0 || textWidth(text) <= columns {
		return text
	}
	used := 0
	for i, r := range text {
		if used += runeWidth(r); used > columns-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// textWidth returns how many columns of a terminal a text takes.
func textWidth(text string) (columns int) {
	for _, r := range text {
		columns += runeWidth(r)
	}
	return columns
}

// runeWidth returns how many columns of a terminal a character takes: two for East Asian
// characters and emojis, none for marks over other characters.
func runeWidth(r rune) int {
	if r < unicode.MaxASCII {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
