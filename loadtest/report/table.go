package report

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// columns is the width of a report: it fits a terminal of 100 columns.
const columns = 100

// align says on which side of its column a cell stands.
type align bool

const (
	left  align = false
	right align = true
)

// column is one column of a table.
type column struct {
	title string
	align align
	least int // width
}

// table sets cells below each other. Widths are of characters as a terminal
// shows them: a Chinese one takes two columns.
type table struct {
	columns []column
	rows    [][]string
	tint    func(row, col int) string // an ANSI style, or nothing
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

const gap = "  "

func (t *table) write(w io.StringWriter, p paint) {
	title := make([]string, len(t.columns))
	for i, c := range t.columns {
		title[i] = c.title
	}
	t.line(w, title, t.widths(), func(int) string { return p.style(faint) })
	t.cells(w, p)
}

// cells writes the rows without the titles.
func (t *table) cells(w io.StringWriter, p paint) {
	widths := t.widths()
	for i, row := range t.rows {
		t.line(w, row, widths, func(col int) string {
			if t.tint == nil {
				return ""
			}
			return p.style(t.tint(i, col))
		})
	}
}

func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = max(c.least, width(c.title))
		for _, row := range t.rows {
			widths[i] = max(widths[i], width(row[i]))
		}
	}
	return widths
}

func (t *table) line(w io.StringWriter, cells []string, widths []int, style func(col int) string) {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString(gap)
		}
		pad := strings.Repeat(" ", widths[i]-width(cell))
		before, after := "", pad
		if t.columns[i].align == right {
			before, after = pad, ""
		}
		b.WriteString(before)
		if s := style(i); s != "" && cell != "" {
			b.WriteString(s + cell + plain)
		} else {
			b.WriteString(cell)
		}
		b.WriteString(after)
	}
	_, _ = w.WriteString(strings.TrimRight(b.String(), " ") + "\n")
}

// width is how many columns a terminal gives a text.
func width(s string) int { return uniseg.StringWidth(s) }

// paint gives a report colour, or none.
type paint bool

// The ANSI styles in use.
const (
	plain = "\x1b[0m"
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	amber = "\x1b[33m"
)

func (p paint) style(s string) string {
	if !p {
		return ""
	}
	return s
}

func (p paint) in(style, text string) string {
	if !p {
		return text
	}
	return style + text + plain
}
