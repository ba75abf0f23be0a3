// Package demo binds one card of each tier against a running gateway and farm
// and shows every step as it happens: the request, the bytes to the bank as the
// farm decoded and masked them, the code arriving, the agreement on both sides.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"kaqiao/loadtest/load"
)

// Config says where gateway and farm are.
type Config struct {
	Gateway string // base URL
	Farm    string // base URL of the control port
	KeyFile string // the caller's bearer key
	Out     io.Writer
}

// Run binds one card of each tier that the farm has.
func Run(ctx context.Context, cfg Config) error {
	key, err := os.ReadFile(cfg.KeyFile)
	if err != nil {
		return fmt.Errorf("read the caller's key: %w", err)
	}
	d := &demo{
		gateway: peer{base: cfg.Gateway, key: strings.TrimSpace(string(key))},
		farm:    peer{base: cfg.Farm},
		out:     cfg.Out,
	}
	banks, err := d.onePerTier(ctx)
	if err != nil {
		return err
	}
	for _, b := range banks {
		if err := d.bind(ctx, b); err != nil {
			return fmt.Errorf("bind a card of %s: %w", b.ID, err)
		}
	}
	if err := d.push(ctx); err != nil {
		return fmt.Errorf("bind a card in the bank's app: %w", err)
	}
	return nil
}

type demo struct {
	gateway, farm peer
	out           io.Writer
	step          int
}

type bankInfo struct {
	ID, Tier, Channel, Protocol, Address string
	Name                                 struct{ ZH, EN string }
}

func (d *demo) banks(ctx context.Context) ([]bankInfo, error) {
	var all struct{ Banks []bankInfo }
	_, err := d.farm.call(ctx, http.MethodGet, "/banks", nil, nil, &all)
	return all.Banks, err
}

// bank is the bank of this id, or none.
func (d *demo) bank(ctx context.Context, id string) (bankInfo, error) {
	all, err := d.banks(ctx)
	for _, b := range all {
		if b.ID == id {
			return b, nil
		}
	}
	return bankInfo{}, err
}

// onePerTier picks the first bank of each tier, in the order of the tiers' speed.
func (d *demo) onePerTier(ctx context.Context) ([]bankInfo, error) {
	all, err := d.banks(ctx)
	if err != nil {
		return nil, err
	}
	var picked []bankInfo
	for _, tier := range []string{"state", "city", "foreign"} {
		for _, b := range all {
			if b.Tier == tier {
				picked = append(picked, b)
				break
			}
		}
	}
	return picked, nil
}

// bind walks one card from the request to the agreement.
func (d *demo) bind(ctx context.Context, b bankInfo) error {
	d.step = 0
	fmt.Fprintf(d.out, "\n━━ tier %s: %s %s over %s (%s, %s) ━━\n", b.Tier, b.ID, b.Name.ZH, b.Channel, b.Protocol, b.Address)
	who, err := d.customer(ctx, b.ID)
	if err != nil {
		return err
	}

	request := who.binding(b.Tier)
	apply, err := d.ask(ctx, b, "/v1/bindings", request, request.masked())
	if err != nil {
		return err
	}

	switch apply.State {
	case "awaiting_code":
		err = d.confirm(ctx, b, who, apply.ID)
	case "awaiting_approval":
		_, err = d.approve(ctx, b, who, apply.ID, "email", "phone", "app_push")
	default:
		err = fmt.Errorf("the binding is %s", apply.State)
	}
	if err != nil {
		return err
	}
	return d.agreement(ctx, b.ID, who.Cards[0].Number)
}

// ask sends one request of the wallet's, and shows it with what the bank saw and said.
func (d *demo) ask(ctx context.Context, b bankInfo, path string, in, shown any) (out binding, err error) {
	d.say("the wallet asks: POST %s", path)
	if err := d.showValue(shown); err != nil {
		return out, err
	}
	begun := time.Now()
	head, err := d.gateway.call(ctx, http.MethodPost, path, in, idempotencyKey(), &out)
	if err != nil {
		return out, err
	}
	took := time.Since(begun)
	if err := d.exchange(ctx, b.ID, head.Get("Kaqiao-Bank-Number")); err != nil {
		return out, err
	}
	d.say("the gateway answers after %d ms: %s, next: %s", took.Milliseconds(), out.State, out.Next.Action)
	return out, d.show(out.raw)
}

// confirm waits for the code and brings it.
func (d *demo) confirm(ctx context.Context, b bankInfo, who customer, id string) error {
	code, err := d.code(ctx, b.ID, who.Mobile)
	if err != nil {
		return err
	}
	d.say("the wallet brings the code: POST /v1/bindings/%s/confirm", id)
	var done binding
	begun := time.Now()
	head, err := d.gateway.call(ctx, http.MethodPost, "/v1/bindings/"+id+"/confirm", map[string]any{"code": code}, idempotencyKey(), &done)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	if err := d.exchange(ctx, b.ID, head.Get("Kaqiao-Bank-Number")); err != nil {
		return err
	}
	d.say("the gateway answers after %d ms: %s", took.Milliseconds(), done.State)
	return d.show(done.raw)
}

func (d *demo) customer(ctx context.Context, bank string) (customer, error) {
	var page struct{ Customers []customer }
	q := url.Values{"kind": {"debit"}, "unbound": {"true"}, "limit": {"20"}}
	if _, err := d.farm.call(ctx, http.MethodGet, "/banks/"+bank+"/customers?"+q.Encode(), nil, nil, &page); err != nil {
		return customer{}, err
	}
	for _, c := range page.Customers {
		if len(c.Cards) > 0 && load.InGBK(c.Name) {
			return c, nil
		}
	}
	return customer{}, errors.New("the farm has no unbound customer left: make clean begins anew")
}

// message is one message between gateway and bank, as the farm shows it.
type message struct {
	Type string
	Body json.RawMessage
}

// exchange shows what crossed the wire, as the bank recorded it.
func (d *demo) exchange(ctx context.Context, bank, number string) error {
	var page struct {
		Exchanges []struct {
			DrawnMS         float64 `json:"drawn_ms"`
			Request, Answer message
		}
	}
	q := url.Values{"number": {number}, "limit": {"1"}}
	if _, err := d.farm.call(ctx, http.MethodGet, "/banks/"+bank+"/exchanges?"+q.Encode(), nil, nil, &page); err != nil {
		return err
	}
	if len(page.Exchanges) == 0 {
		return fmt.Errorf("the bank has no record of number %s", number)
	}
	e := page.Exchanges[0]
	d.say("the bank receives %s (decoded and masked)", e.Request.Type)
	if err := d.show(e.Request.Body); err != nil {
		return err
	}
	d.say("the bank takes %.0f ms and answers %s", e.DrawnMS, e.Answer.Type)
	return d.show(e.Answer.Body)
}

func (d *demo) code(ctx context.Context, bank, mobile string) (string, error) {
	var page struct {
		Messages []struct{ Code, Text string }
	}
	q := url.Values{"to": {mobile}, "wait_s": {"10"}}
	if _, err := d.farm.call(ctx, http.MethodGet, "/banks/"+bank+"/inbox?"+q.Encode(), nil, nil, &page); err != nil {
		return "", err
	}
	if len(page.Messages) == 0 {
		return "", fmt.Errorf("no code arrived")
	}
	d.say("a text message arrives")
	fmt.Fprintln(d.out, under+page.Messages[0].Text)
	return page.Messages[0].Code, nil
}

func (d *demo) agreement(ctx context.Context, bank, card string) error {
	var page struct {
		Agreements []json.RawMessage
	}
	if _, err := d.farm.call(ctx, http.MethodGet, "/banks/"+bank+"/agreements?"+url.Values{"card": {card}}.Encode(), nil, nil, &page); err != nil {
		return err
	}
	d.say("the bank's own book has it too")
	for _, a := range page.Agreements {
		if err := d.show(a); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) say(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.out, "\n%2d. %s\n", d.step, fmt.Sprintf(format, args...))
}

// show prints JSON under its step.
func (d *demo) show(raw []byte) error {
	text, err := fold(raw, under)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, text)
	return nil
}

func (d *demo) showValue(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return d.show(raw)
}

// under is how far what belongs to a step stands in.
const under = "    "
