package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The words that a customer may be described with.
var (
	kinds = []string{"debit", "credit", "virtual", "class_ii", "class_iii", "foreign", "corporate", "hk_macao_taiwan"}
	types = []string{"debit", "credit", "virtual"}
	// states are a card's, as a customer shows them: frozen and closed are its account's,
	// locked and lost its own.
	states    = []string{"open", "frozen", "closed", "locked", "lost"}
	classes   = []string{"I", "II", "III"}
	documents = []string{
		"resident_id", "passport", "hk_macao_permit", "taiwan_permit",
		"hk_macao_taiwan_residence", "foreign_residence", "business_licence",
	}
)

// Kinds are the kinds of customers.
func Kinds() []string { return slices.Clone(kinds) }

// Filter chooses customers.
type Filter struct {
	Kind   string // empty: all
	Limit  int    // 1 to 1,000. Default 20
	Cursor string // where the page before ended; empty: the beginning
	// Unbound leaves only customers who can be bound at once: none of their cards
	// has a signed agreement, and nobody waits for a code of theirs, nor for the pause after one.
	Unbound bool
}

// Customers returns a page in the order in which they came, and the next page's cursor, empty at the end.
func (l *Ledger) Customers(ctx context.Context, f Filter) ([]Customer, string, error) {
	limit, after, err := page(f.Limit, 20, f.Cursor, 0)
	if err == nil && f.Kind != "" && !slices.Contains(kinds, f.Kind) {
		err = oneOf("kind", kinds)
	}
	if err != nil {
		return nil, "", fmt.Errorf("ledger: customers: %w", err)
	}
	now := l.now()
	rows, err := choose(ctx, l.reader.customers, l.reader.customersOfKind, f.Kind,
		after, f.Unbound, limit+1, now.UnixMilli(), now.Add(-l.terms.ResendAfter).UnixMilli())
	if err != nil {
		return nil, "", fmt.Errorf("ledger: customers: %w", l.orClosed(err))
	}
	found, ids, err := scanCustomers(rows)
	if err != nil {
		return nil, "", fmt.Errorf("ledger: customers: %w", l.orClosed(err))
	}
	next := ""
	if len(found) > limit {
		found, next = found[:limit], strconv.FormatInt(ids[limit-1], 10)
	}
	return found, next, nil
}

// AddCustomer adds one customer with cards. A card's state is open and a debit
// card's class is I where nothing is said. ErrExists: a card is in the ledger
// already. ErrInvalid: something is wrong with what the error names.
func (l *Ledger) AddCustomer(ctx context.Context, c Customer) error {
	c, err := c.checked()
	if err != nil {
		return fmt.Errorf("ledger: add customer: %w", err)
	}
	var exists bool
	err = l.writer.do(ctx, func(t *transaction) (err error) {
		for _, card := range c.Cards {
			if err = t.cardExists.row(card.Number).Scan(&exists); err != nil || exists {
				return err
			}
		}
		return t.add.customer(c)
	})
	if err == nil && exists {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("ledger: add customer: %w", err)
	}
	return nil
}

// checked fills in defaults and names everything that is wrong, but no value.
func (c Customer) checked() (Customer, error) {
	var wrong []error
	must := func(ok bool, field, rule string) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("%w: %s %s", ErrInvalid, field, rule))
		}
	}
	must(slices.Contains(kinds, c.Kind), "kind", "must be one of "+strings.Join(kinds, ", "))
	must(c.Name != "" && utf8.ValidString(c.Name) && utf8.RuneCountInString(c.Name) <= 100, "name", "must be 1 to 100 characters")
	must(slices.Contains(documents, c.Document.Type), "document.type", "must be one of "+strings.Join(documents, ", "))
	must(c.Document.Number != "" && len(c.Document.Number) <= 32, "document.number", "must be 1 to 32 characters")
	must(c.Mobile == "" || mobile(c.Mobile), "mobile", "must be +86 and 11 digits, or empty")
	must(len(c.Email) <= 254, "email", "must be at most 254 characters")
	must(len(c.Cards) >= 1 && len(c.Cards) <= 20, "cards", "must be 1 to 20")
	cards := make([]Card, len(c.Cards))
	for i, card := range c.Cards {
		at := "cards[" + strconv.Itoa(i) + "]."
		if card.State == "" {
			card.State = "open"
		}
		if card.Class == "" && card.Type != "credit" {
			card.Class = "I"
		}
		must(digits(card.Number, 13, 19), at+"number", "must be 13 to 19 digits")
		must(slices.Contains(types, card.Type), at+"type", "must be one of "+strings.Join(types, ", "))
		must(card.Type == "credit" && card.Class == "" || card.Type != "credit" && slices.Contains(classes, card.Class),
			at+"class", "must be I, II or III, and empty for a credit card")
		must(card.CVV == "" || digits(card.CVV, 3, 4), at+"cvv", "must be 3 or 4 digits")
		_, err := time.Parse("2006-01", card.Expiry)
		must(card.Expiry == "" || err == nil, at+"expiry", "must be YYYY-MM")
		must(card.Type != "credit" || card.CVV != "" && card.Expiry != "", at+"cvv and expiry", "are required of a credit card")
		must(slices.Contains(states, card.State), at+"state", "must be one of "+strings.Join(states, ", "))
		must(!slices.ContainsFunc(cards[:i], func(o Card) bool { return o.Number == card.Number }), at+"number", "stands there twice")
		cards[i] = card
	}
	c.Cards = cards
	return c, errors.Join(wrong...)
}

// adder puts customers in, within one transaction.
type adder struct{ customers, accounts, cards statement }

func newAdder(p preparer) (*adder, error) {
	var a adder
	return &a, prepareAll(p, map[*statement]string{
		&a.customers: `INSERT INTO customers (kind, name, document_type, document, mobile, email) VALUES (?, ?, ?, ?, ?, ?)`,
		&a.accounts:  `INSERT INTO accounts (customer, class, state) VALUES (?, ?, ?)`,
		&a.cards:     `INSERT INTO cards (number, account, type, cvv, expiry, online_payment, state) VALUES (?, ?, ?, ?, ?, ?, ?)`,
	})
}

// customer adds a customer that has been checked, with an account for each card.
func (a *adder) customer(c Customer) error {
	customer, err := a.customers.insert(c.Kind, c.Name, c.Document.Type, c.Document.Number, c.Mobile, c.Email)
	if err != nil {
		return err
	}
	for _, card := range c.Cards {
		ofAccount, ofCard := "open", "open"
		switch card.State {
		case "frozen", "closed":
			ofAccount = card.State
		case "locked", "lost":
			ofCard = card.State
		}
		account, err := a.accounts.insert(customer, card.Class, ofAccount)
		if err != nil {
			return err
		}
		if err := a.cards.exec(card.Number, account, card.Type, card.CVV, card.Expiry, card.OnlinePayment, ofCard); err != nil {
			return err
		}
	}
	return nil
}

// scanCustomers folds rows of one card each into customers.
func scanCustomers(rows *sql.Rows) (found []Customer, ids []int64, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		var c Customer
		var card Card
		if err := rows.Scan(&id, &c.Kind, &c.Name, &c.Document.Type, &c.Document.Number, &c.Mobile, &c.Email,
			&card.Number, &card.Type, &card.Class, &card.CVV, &card.Expiry, &card.OnlinePayment, &card.State); err != nil {
			return nil, nil, err
		}
		if n := len(ids); n == 0 || ids[n-1] != id {
			found, ids = append(found, c), append(ids, id)
		}
		last := &found[len(found)-1]
		last.Cards = append(last.Cards, card)
	}
	return found, ids, rows.Err()
}

func mobile(s string) bool { return strings.HasPrefix(s, "+86") && digits(s[3:], 11, 11) }

// digits reports whether s is low to high ASCII digits.
func digits(s string, low, high int) bool {
	for _, b := range []byte(s) {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(s) >= low && len(s) <= high
}

func oneOf(field string, words []string) error {
	return fmt.Errorf("%w: %s must be one of %s", ErrInvalid, field, strings.Join(words, ", "))
}

// page reads a limit of 1 to 1,000 (0: the default) and a cursor, which is the id where the page before ended.
func page(limit, byDefault int, cursor string, start int64) (int, int64, error) {
	if limit == 0 {
		limit = byDefault
	}
	if limit < 1 || limit > 1000 {
		return 0, 0, fmt.Errorf("%w: limit must be 1 to 1000", ErrInvalid)
	}
	if cursor == "" {
		return limit, start, nil
	}
	id, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || id < 0 {
		return 0, 0, fmt.Errorf("%w: cursor is not one of ours", ErrInvalid)
	}
	return limit, id, nil
}
