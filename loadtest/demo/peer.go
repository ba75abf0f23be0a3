package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/oklog/ulid/v2"

	"kaqiao/profiles/secret"
)

// peer is one program that speaks JSON. The demo shows the bare HTTP a wallet
// would write, so it does not use the Go client.
type peer struct{ base, key string }

func idempotencyKey() http.Header { return http.Header{"Idempotency-Key": {ulid.Make().String()}} }

func (p peer) call(ctx context.Context, method, path string, in any, head http.Header, out any) (http.Header, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return nil, err
	}
	for k, v := range head {
		req.Header[k] = v
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.key != "" {
		req.Header.Set("Authorization", "Bearer "+p.key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, b)
	}
	if out == nil {
		return resp.Header, nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp.Header, nil
}

// binding is what the demo reads of a binding; raw is all of it.
type binding struct {
	ID, State string
	Next      struct{ Action string }
	raw       []byte
}

func (b *binding) UnmarshalJSON(data []byte) error {
	type fields binding
	b.raw = bytes.Clone(data)
	return json.Unmarshal(data, (*fields)(b))
}

// customer is one of the farm's people.
type customer struct {
	Name          string
	Document      document
	Mobile, Email string
	Cards         []struct{ Number, CVV, Expiry string }
}

type document struct {
	Type   string `json:"type"`
	Number string `json:"number"`
}

// request is the body of POST /v1/bindings.
type request struct {
	UserID    string     `json:"user_id"`
	Platform  string     `json:"platform"`
	Card      card       `json:"card"`
	Holder    holder     `json:"holder"`
	Terminal  terminal   `json:"terminal"`
	Agreement *agreement `json:"agreement,omitempty"`
}

type card struct {
	Number string `json:"number"`
}

type holder struct {
	Name     string   `json:"name"`
	Document document `json:"document"`
	Mobile   string   `json:"mobile"`
	Email    string   `json:"email"`
}

type terminal struct {
	OS             string `json:"os"`
	OSVersion      string `json:"os_version"`
	ClientVersion  string `json:"client_version"`
	RestrictedMode bool   `json:"restricted_mode"`
	DeviceID       string `json:"device_id"`
}

type agreement struct {
	PasswordFree struct {
		Enabled bool  `json:"enabled"`
		Limit   money `json:"limit"`
	} `json:"password_free"`
}

type money struct {
	Currency string `json:"currency"`
	Minor    int64  `json:"minor"` // fen
}

// binding makes the request that a wallet would send for the customer's first card.
// The foreign banks open no small payments without a password.
func (c customer) binding(tier string) request {
	r := request{
		UserID: "u_demo_" + ulid.Make().String(), Platform: "wechat",
		Card:     card{c.Cards[0].Number},
		Holder:   holder{Name: c.Name, Document: c.Document, Mobile: c.Mobile, Email: c.Email},
		Terminal: terminal{OS: "android", OSVersion: "14", ClientVersion: "8.0.50", DeviceID: "d-1"},
	}
	if tier != "foreign" {
		r.Agreement = &agreement{}
		r.Agreement.PasswordFree.Enabled = true
		r.Agreement.PasswordFree.Limit = money{"CNY", 20_000}
	}
	return r
}

// masked is the request with everything secret shown as its type allows.
func (r request) masked() request {
	r.Card.Number = secret.NewCard(r.Card.Number).String()
	r.Holder.Name = secret.NewName(r.Holder.Name).String()
	r.Holder.Document.Number = secret.NewDocument(r.Holder.Document.Number).String()
	r.Holder.Mobile = secret.NewMobile(r.Holder.Mobile).String()
	_, domain, _ := strings.Cut(r.Holder.Email, "@")
	r.Holder.Email = "***@" + domain
	return r
}
