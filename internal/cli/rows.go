package cli

import (
	"slices"
	"strings"

	"github.com/fatih/color"
	"github.com/mattn/go-runewidth"
)

// table prints rows under headings as they come. The first rows settle how
// wide the columns are. On a terminal long cells are cut so that no row breaks.
type table struct {
	p      *printer
	rows   [][]string // that wait for the widths, with the headings
	widths []int      // nil until they are settled
}

// settledBy is how many rows settle the widths of columns.
const settledBy = 1000

func (p *printer) table(headings ...string) *table { return &table{p: p, rows: [][]string{headings}} }

// row adds a row.
func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	if t.widths != nil {
		t.print(cells)
		return
	}
	if t.rows = append(t.rows, cells); len(t.rows) > settledBy {
		t.end()
	}
}

// end settles the widths and prints what waited for them.
func (t *table) end() {
	if t.widths != nil {
		return
	}
	columns := len(t.rows[0])
	for t.p.width > 0 && columns > 1 && columns*(leastColumn+2) > t.p.width+2 {
		columns-- // a terminal too narrow for all shows the first ones
	}
	t.widths = make([]int, columns)
	for _, row := range t.rows {
		for i := range t.widths {
			t.widths[i] = max(t.widths[i], runewidth.StringWidth(row[i]))
		}
	}
	t.p.fit(t.widths)
	t.p.write(t.p.out, t.p.paint(color.Bold, t.text(t.rows[0]))+"\n")
	for _, row := range t.rows[1:] {
		t.print(row)
	}
	t.rows = nil
}

func (t *table) print(row []string) { t.p.write(t.p.out, t.text(row)+"\n") }

func (t *table) text(row []string) string {
	cells := make([]string, len(t.widths))
	for i, width := range t.widths {
		cell := row[i]
		if t.p.width > 0 {
			cell = runewidth.Truncate(cell, width, "…")
		}
		cells[i] = runewidth.FillRight(cell, width)
	}
	return strings.TrimRight(strings.Join(cells, "  "), " ")
}

// room is how many columns a terminal has beside some, at least one; 0 where
// the output is none.
func (p *printer) room(beside int) int {
	if p.width == 0 {
		return 0
	}
	return max(p.width-beside, 1)
}

// cut shortens a text that stands behind so many columns to what a terminal
// has left for it.
func (p *printer) cut(text string, behind int) string {
	if p.width == 0 {
		return text
	}
	return runewidth.Truncate(clean(text), max(p.width-behind, leastColumn), "…")
}

// leastColumn is the fewest columns of a terminal that a cell makes sense in.
const leastColumn = 5

// fit narrows columns until a row fits the terminal: always the widest one,
// and none below what makes sense of it.
func (p *printer) fit(widths []int) {
	for p.width > 0 {
		total := 2 * (len(widths) - 1)
		for _, w := range widths {
			total += w
		}
		widest := slices.Index(widths, slices.Max(widths))
		if total <= p.width || widths[widest] <= leastColumn {
			return
		}
		widths[widest]--
	}
}

// list prints an array for programs, an element at a time: what it holds need
// not fit into memory.
type list struct {
	p *printer
	n int
}

func (p *printer) list() *list { return &list{p: p} }

func (l *list) add(v any) error {
	if l.p.format == formatYAML {
		l.n++
		return l.p.emit([]any{v})
	}
	lead := "[\n  "
	if l.n > 0 {
		lead = ",\n  "
	}
	l.n++
	text, err := indented(v, "  ")
	l.p.write(l.p.out, lead+strings.TrimSuffix(escapeJSON(text), "\n"))
	return err
}

func (l *list) end() error {
	switch {
	case l.n == 0:
		return l.p.emit([]any{})
	case l.p.format == formatJSON:
		l.p.write(l.p.out, "\n]\n")
	}
	return nil
}
