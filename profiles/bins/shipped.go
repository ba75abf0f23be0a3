package bins

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:generate go run ./gen

//go:embed table.csv
var tableCSV string

// Shipped returns the rows of the table that ships, none of them claimed by a
// bank. Where the table contradicts itself, the row that its origin finds
// first stands first.
//
// Every row's scheme is unionpay, whatever its first digit: the table lists
// cards of mainland issuers, and their old cards on 4, 5, 35 and 37 are
// dual-brand cards, which clear over UnionPay at home. (That domestic use goes
// by UnionPay is inferred; that such cards stand in UnionPay's own issuer table
// is found.) A single-brand Visa or Mastercard card is a prefix of a profile.
func Shipped() ([]Row, error) {
	columns := []string{"prefix", "length", "code", "bank", "type", "scheme"}
	r := csv.NewReader(strings.NewReader(tableCSV))
	r.Comment = '#'
	r.FieldsPerRecord = len(columns)
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("shipped card table: %w", err)
	}
	if len(records) == 0 || !slices.Equal(records[0], columns) {
		return nil, errors.New("shipped card table: not the columns that the loader knows")
	}
	rows := make([]Row, 0, len(records)-1)
	for _, record := range records[1:] {
		length, err := strconv.ParseUint(record[1], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("shipped card table: length of prefix %s: %w", record[0], err)
		}
		rows = append(rows, Row{
			Prefix: record[0], Length: uint8(length),
			Table: record[2], Type: record[4], Scheme: record[5],
		})
	}
	return rows, nil
}

// Source is the line that names the table's origin, version and licence.
func Source() string {
	line, _, _ := strings.Cut(tableCSV, "\n")
	return line
}
