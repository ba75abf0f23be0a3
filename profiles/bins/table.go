package bins

import "fmt"

// The bounds of what the table takes and finds.
const (
	minPrefix, maxPrefix = 3, 10
	minLength, maxLength = 13, 19
)

// Table is an immutable lookup table, safe for concurrent use.
type Table struct {
	rows []Row
	at   map[uint64]int32 // key of prefix and card length → index in rows
	// prefixes are, for each card length, the prefix lengths that occur, longest first.
	prefixes [maxLength + 1][]uint8
}

// Conflict is two rows that say different things of the same prefix and card length.
type Conflict struct{ Kept, Dropped Row }

// Build makes a table. Of several rows with one prefix and card length the
// first is kept, so rows that shall win stand first; where another row differs
// from the kept one, that is told. The error names a row that can't be one.
func Build(rows []Row) (*Table, []Conflict, error) {
	t := &Table{rows: make([]Row, 0, len(rows)), at: make(map[uint64]int32, len(rows))}
	var conflicts []Conflict
	var seen [maxLength + 1][maxPrefix + 1]bool
	for _, row := range rows {
		key, ok := rowKey(row)
		if !ok {
			return nil, nil, fmt.Errorf("bins: prefix %q of %d digits: want %d to %d digits of a card of %d to %d",
				row.Prefix, row.Length, minPrefix, maxPrefix, minLength, maxLength)
		}
		if i, twice := t.at[key]; twice {
			if t.rows[i] != row {
				conflicts = append(conflicts, Conflict{Kept: t.rows[i], Dropped: row})
			}
			continue
		}
		t.at[key] = int32(len(t.rows)) //nolint:gosec // the profiles' own limits keep the table far below 2^31 rows
		t.rows = append(t.rows, row)
		seen[row.Length][len(row.Prefix)] = true
	}
	for length := range seen {
		for n := uint8(maxPrefix); n >= minPrefix; n-- {
			if seen[length][n] {
				t.prefixes[length] = append(t.prefixes[length], n)
			}
		}
	}
	return t, conflicts, nil
}

// Lookup finds the row of a card number: of the prefixes that occur with the
// number's own length, the longest. It does not judge the Luhn digit, because
// some rows carry none. It allocates nothing.
func (t *Table) Lookup(number string) (Row, bool) {
	if len(number) < minLength || len(number) > maxLength {
		return Row{}, false
	}
	var heads [maxPrefix + 1]uint64 // heads[n] is the number's first n digits
	for i := range len(number) {
		d := number[i] - '0'
		if d > 9 {
			return Row{}, false
		}
		if i < maxPrefix {
			heads[i+1] = heads[i]*10 + uint64(d)
		}
	}
	for _, n := range t.prefixes[len(number)] {
		if i, ok := t.at[pack(heads[n], int(n), len(number))]; ok {
			return t.rows[i], true
		}
	}
	return Row{}, false
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Of returns the rows that a bank claims, in the table's order. It walks the whole table.
func (t *Table) Of(bank string) []Row {
	var rows []Row
	for _, row := range t.rows {
		if row.Bank == bank {
			rows = append(rows, row)
		}
	}
	return rows
}

func rowKey(row Row) (uint64, bool) {
	if len(row.Prefix) < minPrefix || len(row.Prefix) > maxPrefix || row.Length < minLength || row.Length > maxLength {
		return 0, false
	}
	var head uint64
	for i := range len(row.Prefix) {
		d := row.Prefix[i] - '0'
		if d > 9 {
			return 0, false
		}
		head = head*10 + uint64(d)
	}
	return pack(head, len(row.Prefix), int(row.Length)), true
}

// pack makes one number of a prefix and both lengths. 034 and 34 differ by their length.
func pack(head uint64, prefix, length int) uint64 {
	return head<<16 | uint64(prefix)<<8 | uint64(length) //nolint:gosec // both are small and positive
}
