package people

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"kaqiao/profiles/bins"
)

// attempts is how many numbers each customer may try, until one is of the bank
// whose prefix it was made from: a longer prefix inside may be another bank's.
const attempts = 8

// enough is the number of free digits with which a million customers find numbers of their own.
const enough = 7

// cards makes numbers of one type of one bank. Customer i has the numbers
// i×attempts to i×attempts+7 of each prefix to himself.
type cards struct {
	table  *bins.Table
	common []bins.Row // those of rows that are tried first
	rows   []bins.Row
	offset uint64
}

// newCards returns nil where the bank has no such cards.
func newCards(table *bins.Table, bank, kind string, seed uint64) *cards {
	rows := slices.DeleteFunc(table.Of(bank), func(r bins.Row) bool { return r.Type != kind || r.Offline })
	// Wallets take UnionPay everywhere, other schemes here and there.
	rows = prefer(rows, func(r bins.Row) bool { return r.Scheme == "unionpay" })
	rows = prefer(rows, func(r bins.Row) bool { return free(r) >= enough })
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b bins.Row) int {
		return cmp.Or(strings.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Length, b.Length))
	})
	// Old domestic prefixes (103, 95599…) serve where 62 has no number left:
	// a reader takes 62 for a card at once.
	common := prefer(rows, func(r bins.Row) bool { return strings.HasPrefix(r.Prefix, "62") })
	sum := keyed("cards "+kind, seed, bank, 0)
	return &cards{table: table, common: common, rows: rows, offset: binary.BigEndian.Uint64(sum[:])}
}

// number makes the card number of customer i; false: there is none left.
func (c *cards) number(i int) (string, bool) {
	if c == nil {
		return "", false
	}
	if number, ok := c.of(c.common, i); ok {
		return number, true
	}
	return c.of(c.rows, i)
}

func (c *cards) of(rows []bins.Row, i int) (string, bool) {
	for attempt := range attempts {
		row := rows[(i+attempt)%len(rows)]
		space := uint64(1)
		for range free(row) {
			space *= 10
		}
		at := uint64(i)*attempts + uint64(attempt) //nolint:gosec // neither is negative
		if at >= space {
			continue
		}
		number := compose(row, scatter(at, c.offset, space))
		if found, ok := c.table.Lookup(number); ok && found == row {
			return number, true
		}
	}
	return "", false
}

// free is how many digits of a card the bank chooses.
func free(r bins.Row) int {
	n := int(r.Length) - len(r.Prefix)
	if r.NoLuhn {
		return n
	}
	return n - 1
}

// scatter maps 0 … space-1 one to one onto itself without visible order. Space is a power of ten, at most 10^16.
func scatter(at, offset, space uint64) uint64 {
	const step = 618_033_989 // odd, no multiple of 5, so it shares no divisor with a power of ten
	return (at*step + offset%space) % space
}

func compose(row bins.Row, serial uint64) string {
	b := make([]byte, row.Length)
	copy(b, row.Prefix)
	last := len(b)
	if !row.NoLuhn {
		last--
	}
	for i := last - 1; i >= len(row.Prefix); i-- {
		b[i] = byte('0' + serial%10)
		serial /= 10
	}
	if !row.NoLuhn {
		b[last] = bins.LuhnDigit(string(b[:last]))
	}
	return string(b)
}

// prefer keeps the rows that are liked, or all where none is.
func prefer(rows []bins.Row, liked func(bins.Row) bool) []bins.Row {
	kept := slices.DeleteFunc(slices.Clone(rows), func(r bins.Row) bool { return !liked(r) })
	if len(kept) == 0 {
		return rows
	}
	return kept
}
