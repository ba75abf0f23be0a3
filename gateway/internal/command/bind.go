package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/client"
)

// binding is what the bind command is told by flags; what is missing is asked for.
type binding struct {
	gateway, keyFile           string
	user, platform             string
	card, cvv, expiry          string
	name, docType, doc, mobile string
	email                      string
	os, osVersion, version     string
	code                       string
	wait                       time.Duration
	json, seal                 bool

	sealer *client.Sealer // nil: fields go plain
}

func bind(w world) *cobra.Command {
	var b binding
	c := &cobra.Command{
		Use: "bind", Short: "Bind a card from the terminal", Args: none,
		Long: "Bind a card from the terminal. What no flag says is asked for; codes and security codes are not shown while they are typed.\nFlags are seen by everybody on this machine: use them for test cards only.",
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c.Context(), w) },
	}
	f := c.Flags()
	f.StringVar(&b.gateway, "gateway", "http://127.0.0.1:8080", "where the gateway is")
	f.StringVar(&b.keyFile, "key-file", ".kaqiao/dev-caller.key", "file with the caller's key")
	f.StringVar(&b.user, "user", "u_terminal", "the wallet's id of its user")
	f.StringVar(&b.platform, "platform", "wechat", "the wallet: wechat, alipay, unionpay")
	f.StringVar(&b.card, "card", "", "card number, digits only")
	f.StringVar(&b.cvv, "cvv", "", "security code of a credit card")
	f.StringVar(&b.expiry, "expiry", "", "expiry of a credit card, YYYY-MM")
	f.StringVar(&b.name, "name", "", "card holder's name")
	f.StringVar(&b.docType, "document-type", "resident_id", "type of the identity document")
	f.StringVar(&b.doc, "document", "", "number of the identity document")
	f.StringVar(&b.mobile, "mobile", "", "mobile number reserved at the bank, +86…")
	f.StringVar(&b.email, "email", "", "e-mail address, for banks that write to it")
	f.StringVar(&b.os, "os", "android", "the phone: android, ios, harmony")
	f.StringVar(&b.osVersion, "os-version", "14", "version of the phone's system")
	f.StringVar(&b.version, "client-version", "8.0.50", "version of the wallet")
	f.StringVar(&b.code, "code", "", "the code that the bank sends (default: ask)")
	f.DurationVar(&b.wait, "wait", 10*time.Minute, "how long to wait for the bank and the code")
	f.BoolVar(&b.seal, "seal", false, "send card, CVV and document number sealed to the gateway's key")
	f.BoolVar(&b.json, "json", false, "print the binding as JSON")
	return c
}

func (b *binding) run(ctx context.Context, w world) error {
	raw, err := os.ReadFile(b.keyFile)
	if err != nil {
		return usageError{fmt.Errorf("the caller's key: %w (`make up` makes one for development; otherwise `gateway keys caller`)", err)}
	}
	c, err := client.New(b.gateway, string(raw))
	if err != nil {
		return usageError{err}
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()

	if b.seal {
		if b.sealer, err = c.Sealer(ctx); err != nil {
			return explain(err)
		}
	}
	say := newAsker(w)
	if err := b.complete(ctx, c, say); err != nil {
		return explain(err)
	}
	say.tell("asking the bank …")
	in := b.request()
	if b.sealer != nil {
		if in, err = b.sealer.Binding(in); err != nil {
			return err
		}
	}
	answer, err := c.Bind(ctx, in, func(ctx context.Context, now client.Binding) (client.ConfirmRequest, error) {
		return b.confirm(ctx, now, say)
	})
	if err != nil {
		return explain(err)
	}
	return b.report(w, answer)
}

// complete asks for what no flag said, and for CVV and expiry only where the card needs them.
func (b *binding) complete(ctx context.Context, c *client.Client, say *asker) error {
	if err := say.ask(ctx, &b.card, "card number", false); err != nil {
		return err
	}
	b.card = strings.Join(strings.Fields(b.card), "")
	ask := client.CardResolveRequest{Number: b.card, Platform: b.platform}
	if b.sealer != nil {
		var err error
		if ask, err = b.sealer.Resolve(ask); err != nil {
			return err
		}
	}
	card, err := c.ResolveCard(ctx, ask)
	if err != nil {
		return err
	}
	if card.Result == client.CardResolutionResultCard {
		say.tell("%s %s, %s card ****%s", card.Bank.Name.Zh, card.Bank.Name.En, card.Card.Type, card.Card.Last4)
	}
	if slices.Contains(card.Elements, client.CardResolutionElementsCvv) {
		if err := say.ask(ctx, &b.expiry, "expiry (YYYY-MM)", false); err != nil {
			return err
		}
		if err := say.ask(ctx, &b.cvv, "security code", true); err != nil {
			return err
		}
	}
	if err := say.ask(ctx, &b.name, "name", false); err != nil {
		return err
	}
	if err := say.ask(ctx, &b.doc, b.docType+" number", false); err != nil {
		return err
	}
	if err := say.ask(ctx, &b.mobile, "mobile number (+86…)", false); err != nil {
		return err
	}
	if len(b.mobile) == 11 && b.mobile[0] == '1' { // as people in China say it
		b.mobile = "+86" + b.mobile
	}
	return nil
}

func (b *binding) request() client.BindingRequest {
	return client.BindingRequest{
		UserID: b.user, Platform: b.platform,
		Card: client.Card{Number: b.card, Cvv: b.cvv, Expiry: b.expiry},
		Holder: client.Holder{Name: b.name, Mobile: b.mobile, Email: b.email,
			Document: client.Document{Type: client.DocumentType(b.docType), Number: b.doc}},
		Terminal: client.Terminal{Os: client.TerminalOs(b.os), OsVersion: b.osVersion, ClientVersion: b.version},
	}
}

func (b *binding) confirm(ctx context.Context, now client.Binding, say *asker) (client.ConfirmRequest, error) {
	if now.Problem.Code == "" {
		say.tell("%s: a code was sent by %s to %s", now.ID, now.Challenge.Kind, now.Challenge.To)
	} else {
		say.tell("%s (%s)\n  %s\n  %s", now.Problem.Title, now.Problem.Code, now.Problem.Remedy.Zh, now.Problem.Remedy.En)
	}
	code := b.code
	b.code = "" // a wrong one is not sent twice
	if err := say.ask(ctx, &code, "code", true); err != nil {
		return client.ConfirmRequest{}, err
	}
	out := client.ConfirmRequest{Code: code}
	if slices.Contains(now.Next.Requires, client.NextRequiresCardCvv) {
		out.Card.Cvv = b.cvv
	}
	if slices.Contains(now.Next.Requires, client.NextRequiresCardExpiry) {
		out.Card.Expiry = b.expiry
	}
	if b.sealer != nil {
		return b.sealer.Confirm(out)
	}
	return out, nil
}

func (b *binding) report(w world, a client.Answer) error {
	if b.json {
		out, err := json.MarshalIndent(a.Binding, "", "  ")
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(w.out, "%s\n", out)
	} else {
		_, _ = fmt.Fprintf(w.out, "%s %s at %s over %s", a.ID, a.State, a.Bank.ID, a.Channel)
		if a.Agreement.Number != "" {
			_, _ = fmt.Fprintf(w.out, ", agreement %s", a.Agreement.Number)
		}
		_, _ = fmt.Fprintln(w.out)
	}
	if a.State != client.BindingStateActive {
		return fmt.Errorf("the binding ended %s: %s %s", a.State, a.Problem.Remedy.Zh, a.Problem.Remedy.En)
	}
	return nil
}

// explain says what a person can do about a refusal.
func explain(err error) error {
	var p *client.Problem
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w\n  is the gateway running? --gateway says where it is", err)
	}
	if !errors.As(err, &p) {
		return err
	}
	text := fmt.Sprintf("%s (%s)\n  %s\n  %s", p.Title, p.Code, p.Remedy.Zh, p.Remedy.En)
	for _, f := range p.Errors {
		text += fmt.Sprintf("\n  %s %s", f.Pointer, f.Message)
	}
	return errors.New(text)
}
