package farm

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles"
)

// customer is one person as the control port shows and takes them. Here card
// numbers are plain on purpose: they are invented, and tests bind them.
type customer struct {
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Document document `json:"document"`
	Mobile   string   `json:"mobile"`
	Email    string   `json:"email"`
	Cards    []card   `json:"cards"`
}

type document struct {
	Type   string `json:"type"`
	Number string `json:"number"`
}

type card struct {
	Number        string `json:"number"`
	Type          string `json:"type"`
	Class         string `json:"class"`
	CVV           string `json:"cvv"`
	Expiry        string `json:"expiry"`
	OnlinePayment *bool  `json:"online_payment"` // absent means true
	State         string `json:"state"`          // absent means open
}

func (c *control) listCustomers(r *http.Request) (any, error) {
	books, err := c.books(r)
	if err != nil {
		return nil, err
	}
	p := query(r)
	filter := ledger.Filter{
		Kind: p.text("kind"), Limit: p.number("limit", 1, maxPage, 20), Cursor: p.text("cursor"), Unbound: p.flag("unbound"),
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	found, next, err := books.Customers(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	list := make([]customer, len(found))
	for i, one := range found {
		list[i] = showCustomer(one)
	}
	return page("customers", list, next), nil
}

func (c *control) addCustomer(r *http.Request) (any, error) {
	books, err := c.books(r)
	if err == nil {
		err = query(r).done()
	}
	if err != nil {
		return nil, err
	}
	var given customer
	if err := body(r, &given); err != nil {
		return nil, err
	}
	added := given.domain()
	if err := books.AddCustomer(r.Context(), added); err != nil {
		return nil, err
	}
	return made{showCustomer(added)}, nil
}

func showCustomer(c ledger.Customer) customer {
	out := customer{
		Kind: c.Kind, Name: c.Name, Document: document(c.Document), Mobile: c.Mobile, Email: c.Email,
		Cards: make([]card, len(c.Cards)),
	}
	for i, one := range c.Cards {
		out.Cards[i] = card{one.Number, one.Type, one.Class, one.CVV, one.Expiry, &one.OnlinePayment, one.State}
	}
	return out
}

// domain fills in what people leave out; the ledger checks the rest.
func (c customer) domain() ledger.Customer {
	out := ledger.Customer{
		Kind: c.Kind, Name: c.Name, Document: ledger.Document(c.Document), Mobile: c.Mobile, Email: c.Email,
	}
	for _, one := range c.Cards {
		if one.State == "" {
			one.State = "open"
		}
		if one.Class == "" && one.Type != "credit" {
			one.Class = "I"
		}
		out.Cards = append(out.Cards, ledger.Card{
			Number: one.Number, Type: one.Type, Class: one.Class, CVV: one.CVV, Expiry: one.Expiry,
			OnlinePayment: one.OnlinePayment == nil || *one.OnlinePayment, State: one.State,
		})
	}
	if out.Kind == "" && len(out.Cards) > 0 {
		out.Kind = kindOf(out.Cards[0])
	}
	return out
}

func kindOf(c ledger.Card) string {
	switch {
	case c.Type == "debit" && c.Class == "II":
		return "class_ii"
	case c.Type == "debit" && c.Class == "III":
		return "class_iii"
	}
	return c.Type
}

// message is one message as the control port shows it.
type message struct {
	ID   string    `json:"id"`
	Kind string    `json:"kind"`
	To   string    `json:"to"`
	Code string    `json:"code"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
	// Approval is how the case stands that the message asks to approve. Empty: it asks for nothing.
	Approval ledger.CaseState `json:"approval,omitempty"`
}

// inbox lists messages newest first. With wait_s it waits until there is one,
// with after until there is one that came after the message of that id.
func (c *control) inbox(r *http.Request) (any, error) {
	books, err := c.books(r)
	if err != nil {
		return nil, err
	}
	p := query(r)
	to, after := address(p.text("to")), p.text("after")
	limit, waitS := p.number("limit", 1, maxPage, 20), p.number("wait_s", 0, maxWaitS, 0)
	if err := p.done(); err != nil {
		return nil, err
	}
	found, err := messages(r.Context(), books, to, after, limit, time.Duration(waitS)*time.Second)
	if err != nil {
		return nil, err
	}
	list := make([]message, len(found))
	for i, m := range found {
		list[i] = message{m.ID, m.Kind, m.To, m.Code, m.Text, m.At.In(profiles.Beijing), m.Case}
	}
	return page("messages", list, ""), nil
}

// messages waits for a message after the one with the id after; who does not
// wait looks once. Nothing there is no error.
func messages(ctx context.Context, books *ledger.Ledger, to, after string, limit int, most time.Duration) ([]ledger.Message, error) {
	if most > 0 {
		ctx, cancel := context.WithTimeout(ctx, most)
		defer cancel()
		found, err := books.Wait(ctx, to, after, limit)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil, nil
		}
		return found, err
	}
	seen := int64(0)
	if after != "" {
		var err error
		if seen, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, invalid("after is not the id of a message")
		}
	}
	found, err := books.Messages(ctx, to, limit)
	for i, m := range found {
		if id, err := strconv.ParseInt(m.ID, 10, 64); err == nil && id <= seen {
			return found[:i], nil
		}
	}
	return found, err
}

// address repairs a + that a person typed into a URL, where it means a space.
func address(to string) string {
	if rest, ok := strings.CutPrefix(to, " "); ok {
		return "+" + rest
	}
	return to
}

// agreement is one agreement as the control port shows it.
type agreement struct {
	Number    string    `json:"number"`
	State     string    `json:"state"`
	CardLast4 string    `json:"card_last4"`
	At        time.Time `json:"at"`
}

func showAgreement(a ledger.Agreement) agreement {
	return agreement{a.Number, a.State, a.CardLast4, a.At.In(profiles.Beijing)}
}

func (c *control) listAgreements(r *http.Request) (any, error) {
	books, err := c.books(r)
	if err != nil {
		return nil, err
	}
	p := query(r)
	filter := ledger.AgreementFilter{
		Card: p.text("card"), Limit: p.number("limit", 1, maxPage, 100), Cursor: p.text("cursor"),
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	found, next, err := books.Agreements(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	list := make([]agreement, len(found))
	for i, a := range found {
		list[i] = showAgreement(a)
	}
	return page("agreements", list, next), nil
}

// revoke ends an agreement on the bank's own account and has the bank say so.
// Repeating it changes nothing more, and says it again.
func (c *control) revoke(r *http.Request) (any, error) {
	b, err := c.bank(r)
	if err == nil {
		err = query(r).done()
	}
	if err != nil {
		return nil, err
	}
	books, err := b.books()
	if err != nil {
		return nil, err
	}
	ended, err := books.Revoke(r.Context(), r.PathValue("agreement"))
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, notFound("agreement")
	}
	if err != nil {
		return nil, err
	}
	if err := c.farm.notices.ended(b, ended); err != nil {
		c.farm.log.Warn("a bank revoked an agreement and could not say so", "bank", b.profile.ID, "error", err)
	}
	return showAgreement(ended), nil
}

func (c *control) books(r *http.Request) (*ledger.Ledger, error) {
	b, err := c.bank(r)
	if err != nil {
		return nil, err
	}
	return b.books()
}
