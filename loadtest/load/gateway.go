package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/profiles/secret"
)

// maxAnswerBytes is the longest answer taken of the gateway.
const maxAnswerBytes = 1 << 20

// Answer is what the gateway said to one request, as far as a load tester needs it.
type Answer struct {
	Status     int
	ID         string // of the binding
	State      string
	Requires   []string  // what a confirm must bring
	PollAfter  time.Time // not earlier than this
	Challenge  string    // the kind of message that the bank has sent
	BankNumber string    // the gateway's number of the exchange with the bank; empty: no bank was asked
	Category   string    // of the problem, if there is one
	Code       string    // of the problem
}

// Wallet is what a wallet sends for one binding.
type Wallet struct {
	Key      string // idempotency key
	User     string
	Platform string
	Subject  Subject
	Phone    Phone // zero: one that every platform takes
}

// Proof is what a confirm brings.
type Proof struct {
	Key    string // idempotency key
	Code   secret.Code
	CVV    secret.CVV
	Expiry secret.Expiry
}

// HTTPGateway asks a gateway through its client.
type HTTPGateway struct{ transport *client.Transport }

// NewGateway speaks to the gateway at url with a caller's key.
func NewGateway(url string, key secret.Key, doer *http.Client) (*HTTPGateway, error) {
	authorise := func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+key.Reveal())
		// Without it net/http would send a request that carries an Idempotency-Key
		// again by itself, and a load tester would not show the failure.
		req.GetBody = nil
		return nil
	}
	t, err := client.NewClient(url, client.WithHTTPClient(doer), client.WithRequestEditorFn(authorise))
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return &HTTPGateway{transport: t}, nil
}

// Apply starts a binding.
func (g *HTTPGateway) Apply(ctx context.Context, w Wallet) (Answer, error) {
	c := w.Subject.Customer
	card := w.Subject.Card()
	if w.Phone == (Phone{}) {
		w.Phone = today()
	}
	return answer(g.transport.CreateBinding(ctx, &client.CreateBindingParams{IdempotencyKey: w.Key}, client.BindingRequest{ //nolint:bodyclose // answer closes it
		UserID: w.User, Platform: w.Platform,
		Card: client.Card{Number: card.Number.Reveal(), Cvv: card.CVV.Reveal(), Expiry: card.Expiry.Reveal()},
		Holder: client.Holder{
			Name: c.Name.Reveal(), Mobile: c.Mobile.Reveal(), Email: c.Email,
			Document: client.Document{Type: client.DocumentType(c.Document.Type), Number: c.Document.Number.Reveal()},
		},
		Terminal: client.Terminal{
			Os: client.TerminalOs(w.Phone.OS), OsVersion: w.Phone.Version, ClientVersion: w.Phone.ClientVersion,
			RestrictedMode: w.Phone.Restricted, DeviceID: w.User,
		},
	}))
}

// Confirm brings the code.
func (g *HTTPGateway) Confirm(ctx context.Context, id string, p Proof) (Answer, error) {
	body := client.ConfirmRequest{Code: p.Code.Reveal()}
	body.Card = client.CardAnew{Cvv: p.CVV.Reveal(), Expiry: p.Expiry.Reveal()}
	return answer(g.transport.ConfirmBinding(ctx, id, &client.ConfirmBindingParams{IdempotencyKey: p.Key}, body)) //nolint:bodyclose // answer closes it
}

// Get asks how a binding stands.
func (g *HTTPGateway) Get(ctx context.Context, id string) (Answer, error) {
	return answer(g.transport.GetBinding(ctx, id)) //nolint:bodyclose // answer closes it
}

// envelope holds what is wanted of a binding and of a problem document: they share no field but these.
type envelope struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Next  struct {
		Requires []string  `json:"requires"`
		After    time.Time `json:"after"`
	} `json:"next"`
	Challenge struct {
		Kind string `json:"kind"`
	} `json:"challenge"`
	Problem struct {
		Code     string `json:"code"`
		Category string `json:"category"`
	} `json:"problem"`
	Code     string `json:"code"`
	Category string `json:"category"`
	Binding  string `json:"binding"`
}

var errNotJSON = errors.New("the answer is not JSON")

func answer(res *http.Response, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return Answer{}, err
	}
	var e envelope
	if json.Unmarshal(text, &e) != nil { // json's own error may quote what it read
		return Answer{}, errNotJSON
	}
	a := Answer{
		Status: res.StatusCode, ID: e.ID, State: e.State, Requires: e.Next.Requires, PollAfter: e.Next.After,
		Challenge:  e.Challenge.Kind,
		BankNumber: res.Header.Get("Kaqiao-Bank-Number"),
		Category:   e.Category, Code: e.Code,
	}
	if a.Code == "" {
		a.Category, a.Code = e.Problem.Category, e.Problem.Code
	}
	if a.ID == "" {
		a.ID = e.Binding
	}
	return a, nil
}
