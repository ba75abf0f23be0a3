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
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp.Header, nil
}

// binding is what the demo reads of a binding; raw is all of it.
type binding struct {
	ID, State string
	Next      struct{ Action string }
	raw       map[string]any
}

func (b *binding) UnmarshalJSON(data []byte) error {
	type fields binding
	if err := json.Unmarshal(data, (*fields)(b)); err != nil {
		return err
	}
	return json.Unmarshal(data, &b.raw)
}

// customer is one of the farm's people.
type customer struct {
	Name     string
	Document struct {
		Type   string `json:"type"`
		Number string `json:"number"`
	}
	Mobile, Email string
	Cards         []struct{ Number, CVV, Expiry string }
}

// binding makes the request that a wallet would send for the customer's first card.
func (c customer) binding() map[string]any {
	return map[string]any{
		"user_id": "u_demo_" + ulid.Make().String(), "platform": "wechat",
		"card": map[string]any{"number": c.Cards[0].Number},
		"holder": map[string]any{
			"name": c.Name, "document": map[string]any{"type": c.Document.Type, "number": c.Document.Number},
			"mobile": c.Mobile, "email": c.Email,
		},
		"terminal": map[string]any{
			"os": "android", "os_version": "14", "client_version": "8.0.50", "restricted_mode": false, "device_id": "d-1",
		},
		"agreement": map[string]any{"password_free": map[string]any{
			"enabled": true, "limit": map[string]any{"currency": "CNY", "minor": 20000},
		}},
	}
}

// masked copies a request with everything secret shown as its type allows.
func masked(request map[string]any) map[string]any {
	out := make(map[string]any, len(request))
	for k, v := range request {
		text, _ := v.(string)
		switch inner, isMap := v.(map[string]any); {
		case isMap:
			out[k] = masked(inner)
		case k == "number" && request["type"] != nil:
			out[k] = secret.NewDocument(text).String()
		case k == "number":
			out[k] = secret.NewCard(text).String()
		case k == "name":
			out[k] = secret.NewName(text).String()
		case k == "mobile":
			out[k] = secret.NewMobile(text).String()
		case k == "email":
			_, domain, _ := strings.Cut(text, "@")
			out[k] = "***@" + domain
		default:
			out[k] = v
		}
	}
	return out
}

// show prints JSON indented under its step.
func (d *demo) show(v any) {
	b, err := json.MarshalIndent(v, "   ", "  ")
	if err != nil {
		fmt.Fprintf(d.out, "   %v\n", err)
		return
	}
	fmt.Fprintf(d.out, "   %s\n", b)
}
