package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

const verifyRoute = "POST /v1/verifications"

// Does implements bank.Doer for a channel that can say everything, unless it is mute.
func (c *fakeCodec) Does(kind op.Kind) bool { return kind != op.Verify || !c.mute }

// keyedVerify is an idempotency key of a verification.
func keyedVerify(key string) flow.Keyed {
	k := keyed(verifyRoute, key, "body")
	k.Render = nil
	k.Verified = func(v flow.Verification, p *op.Problem) (int, []byte) {
		if p != nil {
			body, _ := json.Marshal(p)
			return 422, body
		}
		body, _ := json.Marshal(v)
		return 200, body
	}
	return k
}

func TestVerify(t *testing.T) {
	set := shipped(t)
	credit := request()
	credit.Card, credit.CVV, credit.Expiry = secret.NewCard(creditCard(t, set)), secret.NewCVV(canaryCVV), secret.NewExpiry("2029-08")
	wrong := request()
	wrong.Document = secret.NewDocument("110101199003071161") // valid, and somebody else's
	for name, c := range map[string]struct {
		in       flow.NewBinding
		fate     fate
		elements []string
		want     op.Problem // its zero value: it matches
	}{
		"four elements": {in: request(), elements: []string{"name", "document", "card", "mobile"}},
		"six elements":  {in: credit, elements: []string{"name", "document", "card", "mobile", "cvv", "expiry"}},
		"mismatch":      {in: wrong, want: op.Problem{Reason: op.DocumentMismatch, Outcome: op.Refused, Asked: true, RawCode: "05"}},
		"turned down":   {in: request(), fate: turnedDown, want: op.Problem{Reason: op.AccountFrozen, Outcome: op.Refused, Asked: true, RawCode: "PB511006"}},
		"silence":       {in: request(), fate: lostAfter, want: op.Problem{Reason: op.BankTimeout, Outcome: op.Unknown, Asked: true}},
		"busy":          {in: request(), fate: busy, want: op.Problem{Reason: op.BankBusy, Outcome: op.Unknown, Asked: true, RawCode: "ES000099"}},
		"no line":       {in: request(), fate: noLine, want: op.Problem{Reason: op.ChannelUnavailable, Outcome: op.NotSent}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), set)
			h.bank.fates = []fate{c.fate}
			k := keyedVerify("k1")
			v, err := h.flow.Verify(t.Context(), c.in, k)
			if c.want.Reason != "" {
				p := problem(t, err)
				if p.Reason != c.want.Reason || p.Outcome != c.want.Outcome || p.Asked != c.want.Asked || p.RawCode != c.want.RawCode || p.Bank == "" || p.Detail == "" {
					t.Errorf("got %+v, want %+v", p, c.want)
				}
			} else if err != nil || v.Bank == "" || v.Channel != "nucc" || !slices.Equal(v.Elements, c.elements) || !v.At.Equal(start) {
				t.Errorf("got %+v, %v", v, err)
			}
			if v.AttemptNumber == "" || h.bank.counts[op.Verify] != 1 {
				t.Errorf("number %q, asked %v", v.AttemptNumber, h.bank.counts)
			}
			// The same key has the same answer, and the bank is not asked again.
			var said *op.Problem
			errors.As(err, &said)
			status, body := k.Verified(v, said)
			gotStatus, gotBody, done, err := h.flow.Replay(t.Context(), k)
			if !done || err != nil || gotStatus != status || string(gotBody) != string(body) {
				t.Errorf("replay: %d %s, %v, %v; want %d %s", gotStatus, gotBody, done, err, status, body)
			}
			h.keptNothing(t, c.in)
		})
	}
}

// keptNothing: no binding, nothing sealed, nothing due, and none of the person's values on the disk.
func (h *house) keptNothing(t fataler, in flow.NewBinding) {
	t.Helper()
	for _, text := range append(h.store.written, h.log.String()) {
		for _, value := range []string{in.Card.Reveal(), in.Document.Reveal(), in.Mobile.Reveal()[3:], canaryCVV} {
			if strings.Contains(text, value) {
				t.Fatalf("a value of the request was written down: %s", in.Card)
			}
		}
		if strings.Contains(text, `"Data"`) || strings.Contains(text, "bnd_") {
			t.Fatalf("something of a binding was written: %s", text)
		}
	}
	if due, err := h.store.Due(context.Background(), h.Now().Add(1000*time.Hour), 10); err != nil || len(due) != 0 {
		t.Fatalf("to be found out: %v, %v", due, err)
	}
	if page, _, err := h.flow.List(context.Background(), journal.Filter{Caller: "wallet", Limit: 10}); err != nil || len(page) != 0 {
		t.Fatalf("bindings: %v, %v", page, err)
	}
}

// What is refused before a bank is asked, as with a binding; and a bank that none of the channels can ask.
func TestVerifyIsChecked(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	in := request()
	in.Terminal.OSVersion, in.Card = "4.4", secret.NewCard("6228480000000000019")
	in.PasswordFree = journal.PasswordFree{Enabled: true} // which a verification has no use for
	_, err := h.flow.Verify(t.Context(), in, flow.Keyed{})
	if p := problem(t, err); p.Reason != op.OSTooOld || !slices.Equal(pointers(p), []string{"/terminal/os_version", "/card/number"}) || p.Asked {
		t.Errorf("got %+v", p)
	}
	h.mute = true
	h.wire(shipped(t))
	_, err = h.flow.Verify(t.Context(), request(), keyedVerify("k"))
	if p := problem(t, err); p.Reason != op.VerificationUnsupported || p.Outcome != op.NotSent || p.Bank != "abc" {
		t.Errorf("mute: %+v", p)
	}
	h.gate.shut = &op.Problem{Reason: op.BankRateLimited, Outcome: op.NotSent}
	h.mute = false
	h.wire(shipped(t))
	_, err = h.flow.Verify(t.Context(), request(), keyedVerify("k"))
	if p := problem(t, err); p.Reason != op.BankRateLimited || p.Bank != "abc" || p.Binding != "" {
		t.Errorf("shut: %+v", p)
	}
	if len(h.bank.counts) != 0 || len(h.store.written) != 0 {
		t.Errorf("asked %v, wrote %d", h.bank.counts, len(h.store.written))
	}
}

// A verification that dies with its process is nobody's to find out: the bank is not asked about it, and its key says so.
func TestVerifyThatDied(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	h.store.before = func(c journal.Change) error {
		if c.Attempts[0].Settled {
			return errors.New("process died")
		}
		return nil
	}
	k := keyedVerify("k")
	if v, err := h.flow.Verify(t.Context(), request(), k); err != nil || v.Bank != "abc" {
		t.Fatalf("the answer stands, whatever the journal makes of it: %+v, %v", v, err)
	}
	h.store.before = nil
	h.wire(set)
	_, _, _, err := h.flow.Replay(t.Context(), k)
	if p := problem(t, err); p.Reason != op.IdempotencyConflict || p.RetryAfterS == 0 {
		t.Errorf("before its deadline: %+v", p)
	}
	h.pass(t, time.Minute)
	for range 2 {
		status, body, done, err := h.flow.Replay(t.Context(), k)
		if err != nil || !done || status != 422 || !strings.Contains(string(body), string(op.OutcomeUnknown)) {
			t.Errorf("after it: %d %s, %v, %v", status, body, done, err)
		}
	}
	if h.bank.queries() != 0 {
		t.Error("the bank was asked about it")
	}
	h.keptNothing(t, request())
}
