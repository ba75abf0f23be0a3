// Package bins tells a card's issuer, type and length from its first digits.
//
// The longest prefix that exists for the card's own length wins: 32 pairs of
// the public table have one prefix inside another, 26 of them across banks
// (found, by comparing public tables).
//
// The shipped table is table.csv, made by gen from the npm package bankcardinfo
// (ISC). A prefix says nothing about the class of the account, nor whether the
// card is still issued: the bank's answer does.
package bins

// Row is one line of the table.
type Row struct {
	Prefix string // 3 to 10 digits
	Length uint8  // digits of the whole card
	Bank   string // the bank's id where a profile claims the row, else ""
	Table  string // the code of the shipped table (ICBC, BJBANK…), else ""
	Type   string // debit, credit, semi_credit, prepaid, virtual
	Scheme string // unionpay, visa, mastercard, jcb, amex
	NoLuhn bool   // cards of this prefix carry no Luhn digit
	// Offline: cards of this prefix can't pay online over UnionPay. No shipped row says so.
	Offline bool
	// QuickPass is what is known of the QuickPass mark (闪付) on such cards: Always, Never, Unknown or
	// nothing, which is Unknown. No shipped row says it; the profile of its bank does.
	QuickPass string
}

// What may be known of a mark on a card.
const (
	Always  = "always"
	Never   = "never"
	Unknown = "unknown"
)
