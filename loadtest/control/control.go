// Package control speaks to the farm's control port: who can be bound, what
// reached their phones, and what the banks themselves say of it all.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kaqiao/profiles/secret"
)

// maxAnswerBytes is the longest answer taken of the farm: a page of 1,000 rows stays far below it.
const maxAnswerBytes = 16 << 20

// Farm is the farm's control port. It is safe for concurrent use.
type Farm struct {
	url    string
	client *http.Client
}

// New speaks to the control port at url, such as http://127.0.0.1:9090.
func New(url string, client *http.Client) *Farm { return &Farm{url: url, client: client} }

// Bank is a bank of the farm.
type Bank struct {
	ID       string `json:"id"`
	Tier     string `json:"tier"` // state, city or foreign
	Channel  string `json:"channel"`
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
}

// Customer is one invented person with the cards that can be bound.
type Customer struct {
	Name     secret.Name   `json:"name"`
	Document Document      `json:"document"`
	Mobile   secret.Mobile `json:"mobile"`
	Email    string        `json:"email"`
	Cards    []Card        `json:"cards"`
}

// Document is an identity document.
type Document struct {
	Type   string          `json:"type"`
	Number secret.Document `json:"number"`
}

// Card is one card.
type Card struct {
	Number        secret.Card   `json:"number"`
	Type          string        `json:"type"`
	Class         string        `json:"class"`
	CVV           secret.CVV    `json:"cvv"`
	Expiry        secret.Expiry `json:"expiry"` // YYYY-MM
	OnlinePayment bool          `json:"online_payment"`
}

// Message is one message to a person.
type Message struct {
	ID   string      `json:"id"`
	Kind string      `json:"kind"` // sms, app_push, email, phone
	To   string      `json:"to"`
	Code secret.Code `json:"code"`
	At   time.Time   `json:"at"`
}

// Agreement is one signed agreement in a bank's books.
type Agreement struct {
	Number    string    `json:"number"`
	State     string    `json:"state"` // signed, unsigned, invalidated
	CardLast4 string    `json:"card_last4"`
	At        time.Time `json:"at"`
}

// Exchange is one request as the bank saw it.
type Exchange struct {
	ID        string  `json:"id"`
	Operation string  `json:"operation"`
	Number    string  `json:"number"` // the gateway's number of the request
	Outcome   string  `json:"outcome"`
	Refusal   string  `json:"refusal"`
	Fault     string  `json:"fault"`
	DrawnMS   float64 `json:"drawn_ms"` // the delay that the bank had in mind
	TookMS    float64 `json:"took_ms"`  // from the request's last byte to the answer's
}

// Banks returns all banks of the farm.
func (f *Farm) Banks(ctx context.Context) ([]Bank, error) {
	var page struct {
		Banks []Bank `json:"banks"`
	}
	err := f.ask(ctx, http.MethodGet, "/banks", nil, nil, &page)
	return page.Banks, err
}

// Customers returns up to limit customers of one kind none of whose cards is bound, and the next page's cursor.
func (f *Farm) Customers(ctx context.Context, bank, kind, cursor string, limit int) ([]Customer, string, error) {
	q := url.Values{"unbound": {"true"}, "limit": {strconv.Itoa(limit)}}
	set(q, "kind", kind)
	set(q, "cursor", cursor)
	var page struct {
		Customers []Customer `json:"customers"`
		Next      string     `json:"next"`
	}
	err := f.ask(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/customers", q, nil, &page)
	return page.Customers, page.Next, err
}

// Inbox returns the messages to a person, newest first. It waits up to wait, in
// whole seconds, for there to be one after the message with the id after; an
// empty id: any at all.
func (f *Farm) Inbox(ctx context.Context, bank, to, after string, wait time.Duration) ([]Message, error) {
	q := url.Values{"to": {to}, "wait_s": {strconv.Itoa(int(wait.Seconds()))}}
	set(q, "after", after)
	var page struct {
		Messages []Message `json:"messages"`
	}
	err := f.ask(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/inbox", q, nil, &page)
	return page.Messages, err
}

// Decide approves or denies what a message asks for, as the bank's people would, or its customer.
func (f *Farm) Decide(ctx context.Context, bank, message string, approve bool) error {
	verb := "deny"
	if approve {
		verb = "approve"
	}
	return f.ask(ctx, http.MethodPost, "/banks/"+url.PathEscape(bank)+"/inbox/"+url.PathEscape(message)+"/"+verb, nil, nil, nil)
}

// Agreements returns one page of a bank's agreements and the next page's cursor.
func (f *Farm) Agreements(ctx context.Context, bank, cursor string, limit int) ([]Agreement, string, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	set(q, "cursor", cursor)
	var page struct {
		Agreements []Agreement `json:"agreements"`
		Next       string      `json:"next"`
	}
	err := f.ask(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/agreements", q, nil, &page)
	return page.Agreements, page.Next, err
}

// Exchanges returns one page of what a bank was asked, newest first, and the next page's cursor.
func (f *Farm) Exchanges(ctx context.Context, bank, cursor string, limit int) ([]Exchange, string, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	set(q, "cursor", cursor)
	var page struct {
		Exchanges []Exchange `json:"exchanges"`
		Next      string     `json:"next"`
	}
	err := f.ask(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/exchanges", q, nil, &page)
	return page.Exchanges, page.Next, err
}

// Behave lays behaviour, JSON of the shape that the farm documents, over a bank's own.
func (f *Farm) Behave(ctx context.Context, bank string, behaviour any) error {
	return f.ask(ctx, http.MethodPut, "/banks/"+url.PathEscape(bank)+"/behaviour", nil, behaviour, nil)
}

// Layered reports whether a layer lies over a bank's own behaviour.
func (f *Farm) Layered(ctx context.Context, bank string) (bool, error) {
	var now struct {
		Layered bool `json:"layered"`
	}
	err := f.ask(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/behaviour", nil, nil, &now)
	return now.Layered, err
}

// Calm takes the layer over a bank's own behaviour away.
func (f *Farm) Calm(ctx context.Context, bank string) error {
	return f.ask(ctx, http.MethodDelete, "/banks/"+url.PathEscape(bank)+"/behaviour", nil, nil, nil)
}

// Enrol adds a customer whose cards' state is open, frozen, closed, locked or lost.
func (f *Farm) Enrol(ctx context.Context, bank, state string, c Customer) error {
	cards := make([]map[string]any, len(c.Cards))
	for i, card := range c.Cards {
		cards[i] = map[string]any{
			"number": card.Number.Reveal(), "type": card.Type, "class": card.Class, "cvv": card.CVV.Reveal(),
			"expiry": card.Expiry.Reveal(), "online_payment": card.OnlinePayment, "state": state,
		}
	}
	return f.ask(ctx, http.MethodPost, "/banks/"+url.PathEscape(bank)+"/customers", nil, map[string]any{
		"name": c.Name.Reveal(), "mobile": c.Mobile.Reveal(), "email": c.Email, "cards": cards,
		"document": map[string]any{"type": c.Document.Type, "number": c.Document.Number.Reveal()},
	}, nil)
}

// RefusalError is an answer of the farm that is not a success.
type RefusalError struct {
	Status int
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (r *RefusalError) Error() string {
	return fmt.Sprintf("status %d %s: %s", r.Status, r.Code, r.Detail)
}

// ask sends one request and reads its answer into out, where there is one. Its
// errors name the path and never the query, which may hold a person's number.
func (f *Farm) ask(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("farm %s: %w", path, err)
		}
		body = bytes.NewReader(text)
	}
	address := f.url + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return fmt.Errorf("farm %s: the address is not valid", path)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := f.client.Do(req)
	if err != nil {
		return fmt.Errorf("farm %s: %w", path, unquoted(err))
	}
	defer func() { _ = res.Body.Close() }()
	if err := read(res, out); err != nil {
		return fmt.Errorf("farm %s: %w", path, err)
	}
	return nil
}

func read(res *http.Response, out any) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		refusal := &RefusalError{Status: res.StatusCode}
		_ = json.Unmarshal(text, refusal) // an answer that is no problem document keeps its status
		return refusal
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// unquoted takes the address, and with it the query, out of a client's error.
func unquoted(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // Do returns exactly this type
		return u.Err
	}
	return err
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}
