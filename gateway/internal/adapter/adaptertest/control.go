package adaptertest

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

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// control speaks to the banks' control port: it orders them about, and reads their own books.
type control struct {
	url    string
	client *http.Client
}

func newControl(at string) *control {
	return &control{url: at, client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// customer is one invented person with a card.
type customer struct {
	Name     secret.Name `json:"name"`
	Document struct {
		Type   string          `json:"type"`
		Number secret.Document `json:"number"`
	} `json:"document"`
	Mobile secret.Mobile `json:"mobile"`
	Cards  []struct {
		Number secret.Card `json:"number"`
		Type   string      `json:"type"`
	} `json:"cards"`
}

// person is who it is in the gateway's own terms.
func (c customer) person() op.Person {
	return op.Person{
		Card: c.Cards[0].Number, CardType: c.Cards[0].Type, Name: c.Name,
		DocumentType: c.Document.Type, Document: c.Document.Number, Mobile: c.Mobile,
	}
}

// message is what a bank has sent to a person.
type message struct {
	ID       string      `json:"id"`
	Kind     string      `json:"kind"`
	Code     secret.Code `json:"code"`
	Approval string      `json:"approval"`
}

// agreement is one of a bank's book.
type agreement struct {
	Number string `json:"number"`
	State  string `json:"state"`
}

// exchange is one request as the bank saw it.
type exchange struct {
	ID        string `json:"id"`
	Operation string `json:"operation"`
	Number    string `json:"number"`
	Outcome   string `json:"outcome"`
	Refusal   string `json:"refusal"`
}

// behave has a bank or a hub (where: banks, channels) meet one call or notice with a fault.
func (c *control) behave(ctx context.Context, where, id string, fault map[string]any) error {
	return c.ask(ctx, http.MethodPut, "/"+where+"/"+id+"/behaviour", nil, map[string]any{"faults": []any{fault}}, nil)
}

// calm takes the fault away.
func (c *control) calm(ctx context.Context, where, id string) error {
	return c.ask(ctx, http.MethodDelete, "/"+where+"/"+id+"/behaviour", nil, nil, nil)
}

// left is how often the fault that was ordered may still strike.
func (c *control) left(ctx context.Context, where, id string) (int, error) {
	var out struct {
		Faults []struct {
			Left int `json:"left"`
		} `json:"faults"`
	}
	err := c.ask(ctx, http.MethodGet, "/"+where+"/"+id+"/behaviour", nil, nil, &out)
	if err == nil && len(out.Faults) != 1 {
		err = fmt.Errorf("%d faults are in force, not the one that was ordered", len(out.Faults))
	}
	if err != nil {
		return 0, err
	}
	return out.Faults[0].Left, nil
}

// unbound are the people with a debit card who could be bound at once: nothing is signed, and nothing waited for.
func (c *control) unbound(ctx context.Context, bank string) ([]customer, error) {
	var page struct {
		Customers []customer `json:"customers"`
	}
	err := c.ask(ctx, http.MethodGet, "/banks/"+bank+"/customers", url.Values{"unbound": {"true"}, "kind": {"debit"}, "limit": {"1000"}}, nil, &page)
	return page.Customers, err
}

// inbox is what has reached a person, newest first.
func (c *control) inbox(ctx context.Context, bank string, to secret.Mobile) ([]message, error) {
	var page struct {
		Messages []message `json:"messages"`
	}
	err := c.ask(ctx, http.MethodGet, "/banks/"+bank+"/inbox", url.Values{"to": {to.Reveal()}, "limit": {"100"}}, nil, &page)
	return page.Messages, err
}

// approve says yes to what a message asks.
func (c *control) approve(ctx context.Context, bank, message string) error {
	return c.ask(ctx, http.MethodPost, "/banks/"+bank+"/inbox/"+message+"/approve", nil, nil, nil)
}

// agreements are those of a card, newest first.
func (c *control) agreements(ctx context.Context, bank string, card secret.Card) ([]agreement, error) {
	var page struct {
		Agreements []agreement `json:"agreements"`
	}
	err := c.ask(ctx, http.MethodGet, "/banks/"+bank+"/agreements", url.Values{"card": {card.Reveal()}}, nil, &page)
	return page.Agreements, err
}

// revoke has the bank end an agreement on its own account.
func (c *control) revoke(ctx context.Context, bank, number string) error {
	return c.ask(ctx, http.MethodPost, "/banks/"+bank+"/agreements/"+number+"/revoke", nil, nil, nil)
}

// exchanges are what the bank was asked after the exchange with the id after (0: since it began), newest first, and
// the newest id.
func (c *control) exchanges(ctx context.Context, bank string, after int) ([]exchange, int, error) {
	return c.page(ctx, "/banks/"+bank, after)
}

// refusals are the codes with which messages were refused before they reached a bank.
func (c *control) refusals(ctx context.Context, channel string, after int) (codes []string, last int, err error) {
	list, last, err := c.page(ctx, "/channels/"+channel, after)
	for _, x := range list {
		if x.Outcome == "refused" {
			codes = append(codes, x.Refusal)
		}
	}
	return codes, last, err
}

// page looks at the last 200.
func (c *control) page(ctx context.Context, whose string, after int) (list []exchange, last int, err error) {
	var page struct {
		Exchanges []exchange `json:"exchanges"`
	}
	if err := c.ask(ctx, http.MethodGet, whose+"/exchanges", url.Values{"limit": {"200"}}, nil, &page); err != nil {
		return nil, 0, err
	}
	last = after
	for _, x := range page.Exchanges {
		id, err := strconv.Atoi(x.ID)
		if err != nil {
			return nil, 0, fmt.Errorf("an exchange's id is no number: %w", err)
		}
		if id > after {
			list, last = append(list, x), max(last, id)
		}
	}
	return list, last, nil
}

// refusalError is an answer of the control port that is not a success.
type refusalError struct {
	status int
	Detail string `json:"detail"`
}

func (r *refusalError) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.Detail) }

// ask names in its errors the path and never the query, which may hold a person's number.
func (c *control) ask(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path+"?"+query.Encode(), body)
	if err != nil {
		return fmt.Errorf("control port %s: the address is not valid", path)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return fmt.Errorf("control port %s: no answer", path)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return fmt.Errorf("control port %s: %w", path, err)
	case res.StatusCode >= 300:
		refused := &refusalError{status: res.StatusCode}
		_ = json.Unmarshal(text, refused)
		return fmt.Errorf("control port %s: %w", path, refused)
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}

// until looks again and again until done says yes, for at most a time. Its error is done's, or that it was in vain.
func until(ctx context.Context, most time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errVain
		}
	}
}
