// Package people invents a bank's customers: the same seed, the same people.
package people

import (
	"iter"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
)

// Of returns the first n customers of a bank. Customer i is the same whatever n is.
func Of(bank *profiles.Bank, table *bins.Table, seed uint64, n int) iter.Seq[ledger.Customer] {
	return func(func(ledger.Customer) bool) {}
}
