package flow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

func TestWrongCodes(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	for _, left := range []int{2, 1} {
		got, err := h.confirm(b.ID, wrongCode)
		p := problem(t, err)
		if p.Reason != op.CodeWrong || p.AttemptsLeft == nil || *p.AttemptsLeft != left || p.Outcome != op.Refused || !p.Asked || p.Binding != b.ID || p.RawCode != "PB511027" {
			t.Fatalf("%d left: %+v", left, p)
		}
		if got.State != flow.AwaitingCode || got.Challenge.AttemptsLeft != left {
			t.Errorf("%d left: %+v", left, got)
		}
	}
	got, err := h.confirm(b.ID, wrongCode)
	p := problem(t, err)
	if p.Reason != op.CodeLocked || *p.AttemptsLeft != 0 || got.State != flow.Failed || got.Next.Action != "restart" || got.Reason != op.CodeLocked {
		t.Errorf("the third: %+v, %+v", p, got)
	}
	if _, err := h.store.Sealed(t.Context(), b.ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the card is still in the vault: %v", err)
	}
	if again := h.create(t); again.State != flow.AwaitingCode {
		t.Errorf("the card can't be bound again: %+v", again)
	}
}

// Whoever wonders why a binding went the way it did finds the other routes in the log.
func TestTheLogSaysWhyARouteWasNotTaken(t *testing.T) {
	set := shipped(t)
	abc := set.Bank("abc")
	abc.Routes = append([]profiles.Route{{Channel: "direct", Member: "1"}}, abc.Routes...)
	h := newHouse(t, t.TempDir(), set)
	if b := h.create(t); b.Channel != "nucc" {
		t.Errorf("it went over %s", b.Channel)
	}
	if want := `bank=abc channel=direct why="channel is not connected"`; !strings.Contains(h.log.String(), want) {
		t.Errorf("%s is not in the log:\n%s", want, h.log)
	}
}

func TestChallengeAgain(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.add(59*time.Second + 500*time.Millisecond)
	_, err := h.challenge(b.ID, "")
	if p := problem(t, err); p.Reason != op.TooManyRequests || p.RetryAfterS != 1 {
		t.Fatalf("inside the pause: %+v", p)
	}
	h.add(500 * time.Millisecond)
	_, err = h.challenge(b.ID, "pigeon")
	if p := problem(t, err); p.Reason != op.Validation || p.Fields[0].Pointer != "/kind" {
		t.Errorf("an unknown kind: %+v", p)
	}
	again, err := h.challenge(b.ID, "sms")
	if err != nil || again.State != flow.AwaitingCode || again.Number == b.Number || again.Challenge.Kind != "sms" ||
		!again.Challenge.ResendAt.Equal(start.Add(2*time.Minute)) || !again.Begun.Equal(start.Add(time.Minute)) {
		t.Fatalf("got %+v, %v", again, err)
	}
	if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Active {
		t.Errorf("the new code: %+v, %v", got, err)
	}
}

// Until the bank has taken another code's request, the earlier code counts.
func TestChallengeThatDoesNotGoWell(t *testing.T) {
	for name, c := range map[string]struct {
		fate   fate
		reason op.Reason
		state  string // at once
		number bool   // a new one in the end
	}{
		"refused":       {turnedDown, op.AccountFrozen, flow.AwaitingCode, false},
		"no line":       {noLine, op.ChannelUnavailable, flow.AwaitingCode, false},
		"never arrived": {lostBefore, "", flow.Processing, false},
		"answer lost":   {lostAfter, "", flow.Processing, true},
		"late":          {late, "", flow.Processing, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir(), shipped(t))
			b := h.create(t)
			h.add(time.Minute)
			h.bank.fates = []fate{c.fate}
			got, err := h.challenge(b.ID, "")
			if c.reason != "" && problem(t, err).Reason != c.reason {
				t.Errorf("told %v", err)
			}
			if got.State != c.state {
				t.Errorf("at once %s", got.State)
			}
			h.pass(t, time.Minute)
			got = h.get(t, b.ID)
			if got.State != flow.AwaitingCode || (got.Number != b.Number) != c.number {
				t.Fatalf("in the end: %+v", got)
			}
			if got, err := h.confirm(b.ID, canaryCode); err != nil || got.State != flow.Active {
				t.Errorf("the code that counts: %+v, %v", got, err)
			}
		})
	}
}

func TestBankRefusesAtOnce(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	for f, want := range map[fate]struct {
		reason  op.Reason
		outcome op.Outcome
		asked   bool
	}{
		turnedDown: {op.AccountFrozen, op.Refused, true},
		busy:       {op.BankBusy, op.Refused, true},
		noLine:     {op.ChannelUnavailable, op.NotSent, false},
	} {
		h.bank.fates = []fate{f}
		b, err := h.flow.Create(t.Context(), request(), flow.Keyed{})
		p := problem(t, err)
		if p.Reason != want.reason || p.Outcome != want.outcome || p.Asked != want.asked || p.Binding == "" || p.Bank != "abc" || f == busy && p.RetryAfterS != 60 {
			t.Errorf("%v: %+v", f, p)
		}
		if b.State != flow.Failed || b.ID != p.Binding || h.get(t, b.ID).Reason != want.reason {
			t.Errorf("%v: %+v", f, b)
		}
	}
	// At the confirm a final no ends the session, a broken line does not.
	b := h.create(t)
	h.bank.fates = []fate{noLine, turnedDown}
	got, err := h.confirm(b.ID, canaryCode)
	if p := problem(t, err); p.Outcome != op.NotSent || got.State != flow.AwaitingCode {
		t.Errorf("no line: %+v, %s", p, got.State)
	}
	got, err = h.confirm(b.ID, canaryCode)
	if p := problem(t, err); p.Reason != op.AccountFrozen || got.State != flow.Failed {
		t.Errorf("turned down: %+v, %s", p, got.State)
	}
}

func TestGateShut(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.gate.shut = &op.Problem{Reason: op.BankRateLimited, Outcome: op.NotSent, RetryAfterS: 2}
	_, err := h.confirm(b.ID, canaryCode)
	if p := problem(t, err); p.Reason != op.BankRateLimited || p.RetryAfterS != 2 || p.Binding != b.ID {
		t.Errorf("confirm: %+v", p)
	}
	if got := h.get(t, b.ID); got.State != flow.AwaitingCode || got.Version != b.Version || len(got.History) != 1 {
		t.Errorf("something was written: %+v", got)
	}
	in := request()
	in.UserID = "u_2"
	_, err = h.flow.Create(t.Context(), in, keyed("POST /v1/bindings", "k1", "x"))
	if p := problem(t, err); p.Binding != "" || p.Bank != "abc" {
		t.Errorf("create: %+v", p)
	}
	if h.gate.shut.Binding != "" {
		t.Error("the gate's own problem was written to")
	}
	h.gate.shut = nil
	if _, _, done, err := h.flow.Replay(t.Context(), keyed("POST /v1/bindings", "k1", "x")); done || err != nil {
		t.Errorf("a refusal before the journal was kept: %v, %v", done, err)
	}
}

func TestCancel(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	asked := len(h.bank.codes)
	for range 2 {
		got, err := h.flow.Cancel(t.Context(), "wallet", b.ID, flow.Keyed{})
		if err != nil || got.State != flow.Cancelled || got.Next.Action != "restart" {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if len(h.bank.codes) != asked || h.bank.counts[op.Cancel] != 0 {
		t.Error("the bank was asked")
	}
	if _, err := h.store.Sealed(t.Context(), b.ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the card is still in the vault: %v", err)
	}
	b = h.create(t)
	h.bank.fates = []fate{lostAfter}
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is unknown on purpose
	_, err := h.flow.Cancel(t.Context(), "wallet", b.ID, flow.Keyed{})
	if p := problem(t, err); p.Reason != op.InvalidState || p.RetryAfterS == 0 {
		t.Errorf("cancelled what may be signed: %+v", p)
	}
	_, err = h.flow.Revoke(t.Context(), "wallet", b.ID, flow.Keyed{})
	if p := problem(t, err); p.Reason != op.InvalidState {
		t.Errorf("revoked what may be signed: %+v", p)
	}
}

func TestPasswordFree(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	on := journal.PasswordFree{Enabled: true, LimitFen: 20000}
	if _, err := h.flow.PasswordFree(t.Context(), "wallet", b.ID, on, flow.Keyed{}); problem(t, err).Reason != op.InvalidState {
		t.Errorf("before it is active: %v", err)
	}
	if _, err := h.confirm(b.ID, canaryCode); err != nil {
		t.Fatal(err)
	}
	got, err := h.flow.PasswordFree(t.Context(), "wallet", b.ID, on, flow.Keyed{})
	if err != nil || got.PasswordFree != on || got.State != flow.Active {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = h.flow.PasswordFree(t.Context(), "wallet", b.ID, journal.PasswordFree{Enabled: true, LimitFen: 100001}, flow.Keyed{})
	if p := problem(t, err); p.Reason != op.Validation || p.Fields[0].Pointer != "/limit/minor" {
		t.Errorf("above the bank's limit: %+v", p)
	}
	got, err = h.flow.PasswordFree(t.Context(), "wallet", b.ID, journal.PasswordFree{LimitFen: 5}, flow.Keyed{})
	if err != nil || got.PasswordFree != (journal.PasswordFree{}) {
		t.Errorf("off: %+v, %v", got, err)
	}
}

func TestOtherCallersSeeNothing(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	ctx := t.Context()
	for name, try := range map[string]func(id string) error{
		"get": func(id string) error { _, err := h.flow.Get(ctx, "thief", id); return err },
		"confirm": func(id string) error {
			_, err := h.flow.Confirm(ctx, "thief", id, secret.NewCode(canaryCode), secret.CVV{}, secret.Expiry{}, flow.Keyed{})
			return err
		},
		"challenge": func(id string) error {
			_, err := h.flow.Challenge(ctx, "thief", id, "", secret.CVV{}, secret.Expiry{}, flow.Keyed{})
			return err
		},
		"cancel": func(id string) error { _, err := h.flow.Cancel(ctx, "thief", id, flow.Keyed{}); return err },
		"revoke": func(id string) error { _, err := h.flow.Revoke(ctx, "thief", id, flow.Keyed{}); return err },
		"password-free": func(id string) error {
			_, err := h.flow.PasswordFree(ctx, "thief", id, journal.PasswordFree{}, flow.Keyed{})
			return err
		},
	} {
		theirs, none := problem(t, try(b.ID)), problem(t, try("bnd_nowhere"))
		if theirs.Reason != op.NotFound || none.Reason != op.NotFound || theirs.Detail != none.Detail || theirs.Bank != "" {
			t.Errorf("%s: %+v against %+v", name, theirs, none)
		}
	}
	page, _, err := h.flow.List(ctx, journal.Filter{Caller: "thief", Limit: 10})
	if err != nil || len(page) != 0 {
		t.Errorf("list: %v, %v", page, err)
	}
}

func TestList(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	var ids []string
	for range 3 {
		b := h.create(t)
		h.add(time.Second)
		ids = append(ids, b.ID)
		if _, err := h.flow.Cancel(t.Context(), "wallet", b.ID, flow.Keyed{}); err != nil {
			t.Fatal(err)
		}
	}
	h.bank.fates = []fate{lostAfter}
	unknown := h.create(t)
	page, next, err := h.flow.List(t.Context(), journal.Filter{Caller: "wallet", States: []string{flow.Cancelled}, Limit: 2})
	if err != nil || len(page) != 2 || page[0].ID != ids[2] || page[1].ID != ids[1] || next != ids[1] {
		t.Fatalf("got %v, %q, %v", page, next, err)
	}
	page, next, err = h.flow.List(t.Context(), journal.Filter{Caller: "wallet", States: []string{flow.Cancelled}, Before: next, Limit: 2})
	if err != nil || len(page) != 1 || page[0].ID != ids[0] || next != "" {
		t.Errorf("got %v, %q, %v", page, next, err)
	}
	page, _, err = h.flow.List(t.Context(), journal.Filter{Caller: "wallet", States: []string{flow.Processing}, Limit: 2})
	if err != nil || len(page) != 1 || page[0].ID != unknown.ID {
		t.Errorf("got %v, %v", page, err)
	}
}

func TestOneLiveBindingOfACard(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	_, err := h.flow.Create(t.Context(), request(), flow.Keyed{})
	if p := problem(t, err); p.Reason != op.AlreadyBound || p.Outcome != op.NotSent || h.bank.counts[op.Apply] != 1 {
		t.Errorf("got %+v after %d applies", p, h.bank.counts[op.Apply])
	}
	other := request()
	other.UserID = "u_2"
	if _, err := h.flow.Create(t.Context(), other, flow.Keyed{}); err != nil {
		t.Errorf("another user: %v", err)
	}
	h.bank.fates = []fate{lostAfter}
	h.confirm(b.ID, canaryCode) //nolint:errcheck // its outcome is unknown on purpose
	if _, err := h.flow.Create(t.Context(), request(), flow.Keyed{}); problem(t, err).Reason != op.AlreadyBound {
		t.Errorf("while it may be signed: %v", err)
	}
}

// However many confirm at once, the bank is asked once.
func TestConfirmsAtOnce(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	const callers = 8
	var wait sync.WaitGroup
	var mu sync.Mutex
	var states []string
	var reasons []op.Reason
	for range callers {
		wait.Go(func() {
			got, err := h.confirm(b.ID, canaryCode)
			mu.Lock()
			defer mu.Unlock()
			var p *op.Problem
			if errors.As(err, &p) {
				reasons = append(reasons, p.Reason)
			} else {
				states = append(states, got.State)
			}
		})
	}
	wait.Wait()
	if h.bank.counts[op.Confirm] != 1 {
		t.Errorf("the bank was asked %d times", h.bank.counts[op.Confirm])
	}
	for _, r := range reasons {
		if r != op.InvalidState {
			t.Errorf("refused with %s", r)
		}
	}
	if !slices.Contains(states, flow.Active) || len(states)+len(reasons) != callers {
		t.Errorf("states %v, refusals %v", states, reasons)
	}
}

// The bank's notice arrives while our unsigning is on its way: the answer is not lost, nor is the state.
func TestOvertakenByANotice(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	b, err := h.confirm(b.ID, canaryCode)
	if err != nil {
		t.Fatal(err)
	}
	notice := op.Notice{Kind: op.Unsign, Channel: "nucc", Member: b.Member, Agreement: b.Agreement, Number: "N-7", Heard: "it has ended"}
	once := true
	h.store.before = func(c journal.Change) error {
		if once && len(c.Attempts) > 0 && c.Attempts[0].Kind == op.Unsign && c.Attempts[0].Settled {
			once = false
			return h.flow.Heard(context.Background(), notice)
		}
		return nil
	}
	k := keyed("DELETE "+b.ID, "k1", "")
	got, err := h.flow.Revoke(t.Context(), "wallet", b.ID, k)
	if err != nil || got.State != flow.Revoked {
		t.Fatalf("got %+v, %v", got, err)
	}
	notices, err := h.store.Notices(t.Context(), b.ID)
	if err != nil || len(notices) != 1 || notices[0].ID != "N-7" || notices[0].Heard != "it has ended" || notices[0].At.IsZero() {
		t.Errorf("kept of the notice: %+v, %v", notices, err)
	}
	status, body, done, err := h.flow.Replay(t.Context(), k)
	if want, text := render(got, nil); !done || err != nil || status != want || string(body) != string(text) {
		t.Errorf("replayed %d %s, %v, %v; want %d %s", status, body, done, err, want, text)
	}
	for _, a := range h.get(t, b.ID).History {
		if !a.Settled || !a.AskAt.IsZero() {
			t.Errorf("left open: %+v", a)
		}
	}
}

func TestJournalFull(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	b := h.create(t)
	h.store.before = func(journal.Change) error { return journal.ErrFull }
	_, err := h.confirm(b.ID, canaryCode)
	if p := problem(t, err); p.Reason != op.Overloaded || p.RetryAfterS == 0 || h.bank.counts[op.Confirm] != 0 {
		t.Errorf("got %+v", p)
	}
	h.store.before = func(journal.Change) error { return errors.New("disk is broken") }
	var p *op.Problem
	if _, err := h.confirm(b.ID, canaryCode); err == nil || errors.As(err, &p) || h.bank.counts[op.Confirm] != 0 {
		t.Errorf("got %v", err)
	}
}

func TestCreditCard(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	in := request()
	in.Card = secret.NewCard(creditCard(t, shipped(t)))
	_, err := h.flow.Create(t.Context(), in, flow.Keyed{})
	if p := problem(t, err); p.Reason != op.Validation || !slices.Equal(pointers(p), []string{"/card/cvv", "/card/expiry"}) {
		t.Fatalf("without: %+v", p)
	}
	in.CVV, in.Expiry = secret.NewCVV(canaryCVV), secret.NewExpiry("2026-02")
	if _, err = h.flow.Create(t.Context(), in, flow.Keyed{}); problem(t, err).Reason != op.CardExpired {
		t.Errorf("last month's: %v", err)
	}
	in.Expiry = secret.NewExpiry("2026-03")
	b, err := h.flow.Create(t.Context(), in, flow.Keyed{})
	if err != nil || !slices.Equal(b.Next.Requires, []string{"code"}) || !slices.Equal(b.ResendRequires, []string{"card.cvv", "card.expiry"}) {
		t.Fatalf("got %+v, %v", b, err)
	}
	h.add(time.Minute)
	_, err = h.flow.Challenge(t.Context(), "wallet", b.ID, "pigeon", secret.CVV{}, secret.NewExpiry("2026-02"), flow.Keyed{})
	if p := problem(t, err); p.Reason != op.Validation || !slices.Equal(pointers(p), []string{"/kind", "/card/cvv", "/card/expiry"}) || h.bank.counts[op.Challenge] != 0 {
		t.Errorf("another code without: %+v", p)
	}
	b, err = h.flow.Challenge(t.Context(), "wallet", b.ID, "", in.CVV, in.Expiry, flow.Keyed{})
	if got := h.bank.last; err != nil || !got.Person.CVV.Equal(in.CVV) || !got.Person.Expiry.Equal(in.Expiry) {
		t.Errorf("another code: %v, the bank got %+v", err, got.Kind)
	}
	b, err = h.flow.Confirm(t.Context(), "wallet", b.ID, secret.NewCode(canaryCode), in.CVV, in.Expiry, flow.Keyed{})
	if got := h.bank.last; err != nil || b.State != flow.Active || !got.Person.CVV.IsZero() || !got.Person.Expiry.IsZero() {
		t.Errorf("confirmed: %+v, %v; what the bank does not want must not travel", b, err)
	}
	if leaks := h.leaks(); leaks != nil {
		t.Errorf("written down: %v", leaks)
	}
}

// Other protocols want a credit card's two with the code as well.
func TestCreditCardWhereConfirmWantsAll(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	h.strict = true
	h.wire(shipped(t))
	in := request()
	in.Card, in.CVV, in.Expiry = secret.NewCard(creditCard(t, shipped(t))), secret.NewCVV(canaryCVV), secret.NewExpiry("2026-03")
	b, err := h.flow.Create(t.Context(), in, flow.Keyed{})
	if err != nil || !slices.Equal(b.Next.Requires, []string{"code", "card.cvv", "card.expiry"}) {
		t.Fatalf("got %+v, %v", b, err)
	}
	_, err = h.confirm(b.ID, canaryCode)
	if p := problem(t, err); p.Reason != op.Validation || !slices.Equal(pointers(p), []string{"/card/cvv", "/card/expiry"}) || h.bank.counts[op.Confirm] != 0 {
		t.Errorf("confirmed without: %+v", p)
	}
	b, err = h.flow.Confirm(t.Context(), "wallet", b.ID, secret.NewCode(canaryCode), in.CVV, in.Expiry, flow.Keyed{})
	if got := h.bank.last; err != nil || b.State != flow.Active || !got.Person.CVV.Equal(in.CVV) {
		t.Errorf("got %+v, %v", b, err)
	}
}

func pointers(p *op.Problem) []string {
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Pointer)
	}
	return all
}
