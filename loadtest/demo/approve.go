package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kaqiao/profiles/secret"
)

// mail is a message that asks somebody for a yes.
type mail struct{ ID, Kind, Text, Approval string }

// How long a decision may take to be seen, and how often it is looked for.
const (
	decidedWithin = 30 * time.Second
	lookAgain     = 50 * time.Millisecond
)

// approve shows what the bank's people, or its customer, are asked, says yes in
// their place, and waits until the gateway knows.
func (d *demo) approve(ctx context.Context, b bankInfo, who customer, id string, kinds ...string) (binding, error) {
	asked, err := d.asked(ctx, b.ID, who, kinds)
	if err != nil {
		return binding{}, err
	}
	for _, m := range asked {
		d.say("%s", map[string]string{
			"email": "the bank writes an e-mail", "phone": "the bank has a call-back to make, to the number it has on file",
			"app_push": "the bank's app asks the customer",
		}[m.Kind])
		fmt.Fprintln(d.out, under+strings.ReplaceAll(m.Text, who.Name, secret.NewName(who.Name).String()))
	}
	path := "/banks/" + b.ID + "/inbox/" + asked[0].ID + "/approve"
	d.say("somebody says yes; here the demo does: POST %s%s", d.farm.base, path)
	begun := time.Now()
	if _, err := d.farm.call(ctx, http.MethodPost, path, nil, nil, nil); err != nil {
		return binding{}, err
	}
	for {
		var done binding
		if _, err := d.gateway.call(ctx, http.MethodGet, "/v1/bindings/"+id, nil, nil, &done); err != nil {
			return done, err
		}
		took := time.Since(begun)
		if done.State != "awaiting_approval" && done.State != "processing" {
			d.say("the wallet, which polls, sees it after %d ms: %s", took.Milliseconds(), done.State)
			return done, d.show(done.raw)
		}
		if took > decidedWithin {
			return done, fmt.Errorf("the gateway has not heard of the approval within %s", decidedWithin)
		}
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// pushing is a bank that can ask its customer in its own app, beside the text message.
const pushing = "abc"

// push binds a card whose customer asks for the bank's app in the place of the code. A farm without this bank has nothing to show.
func (d *demo) push(ctx context.Context) error {
	b, err := d.bank(ctx, pushing)
	if err != nil || b.ID == "" {
		return err
	}
	d.step = 0
	fmt.Fprintf(d.out, "\n━━ approved in the bank's app: %s %s over %s (%s) ━━\n", b.ID, b.Name.ZH, b.Channel, b.Protocol)
	who, err := d.customer(ctx, b.ID)
	if err != nil {
		return err
	}
	request := who.binding(b.Tier)
	d.say("the wallet asks as before, and a code is sent; but its user prefers the app")
	var apply binding
	if _, err := d.gateway.call(ctx, http.MethodPost, "/v1/bindings", request, idempotencyKey(), &apply); err != nil {
		return err
	}
	kind := map[string]string{"kind": "app_push"}
	if _, err := d.ask(ctx, b, "/v1/bindings/"+apply.ID+"/challenge", kind, kind); err != nil {
		return err
	}
	if _, err := d.approve(ctx, b, who, apply.ID, "app_push"); err != nil {
		return err
	}
	return d.agreement(ctx, b.ID, who.Cards[0].Number)
}

// asked are the messages of these kinds that wait for a decision, the first of each kind.
func (d *demo) asked(ctx context.Context, bank string, who customer, kinds []string) (list []mail, err error) {
	for _, kind := range kinds {
		to := who.Mobile
		if kind == "email" {
			to = who.Email
		}
		var page struct{ Messages []mail }
		q := url.Values{"to": {to}} // they were sent before the bank answered
		if _, err := d.farm.call(ctx, http.MethodGet, "/banks/"+bank+"/inbox?"+q.Encode(), nil, nil, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			if m.Kind == kind && m.Approval != "" {
				list = append(list, m)
				break
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("nobody was asked to approve")
	}
	return list, nil
}
