package ledger_test

import (
	"context"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// clock is a bank's clock that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 10, 0, 0, 0, profiles.Beijing)} }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) forward(d time.Duration) { c.now = c.now.Add(d) }

func terms() ledger.Terms {
	return ledger.Terms{
		Bank: "abc", Name: "中国农业银行", CodeDigits: 6, CodeTTL: 5 * time.Minute, Attempts: 3,
		ResendAfter: time.Minute, SignsPerDay: 20, Classes: []string{"I", "II"},
		Kinds: []string{"sms", "app_push", "email", "phone"}, ApproveWithin: 15 * time.Minute,
	}
}

// one is a customer in good order with a debit card of class I.
func one() ledger.Customer { return numbered(1) }

func numbered(i int) ledger.Customer {
	return ledger.Customer{
		Kind: "debit", Name: "张三", Document: ledger.Document{Type: "resident_id", Number: "11010519491231002X"},
		Mobile: "+861380000" + pad(i, 4), Email: "a@b.example",
		Cards: []ledger.Card{{Number: "622848000000000" + pad(i, 4), Type: "debit", Class: "I", OnlinePayment: true, State: "open"}},
	}
}

func pad(i, width int) string {
	s := strconv.Itoa(i)
	return strings.Repeat("0", width-len(s)) + s
}

func credit(c ledger.Customer) ledger.Customer {
	c.Kind = "credit"
	c.Cards[0].Type, c.Cards[0].Class, c.Cards[0].CVV, c.Cards[0].Expiry = "credit", "", "123", "2029-08"
	return c
}

func only(cs ...ledger.Customer) iter.Seq[ledger.Customer] { return slices.Values(cs) }

func open(t testing.TB, cfg ledger.Config) *ledger.Ledger {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "abc.db")
	}
	if cfg.Terms.Bank == "" {
		cfg.Terms = terms()
	}
	l, err := ledger.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// identity says all that is true of a customer and the first card.
func identity(c ledger.Customer) ledger.Identity {
	return ledger.Identity{
		Card: secret.NewCard(c.Cards[0].Number), Name: secret.NewName(c.Name),
		DocumentType: c.Document.Type, Document: secret.NewDocument(c.Document.Number), Mobile: secret.NewMobile(c.Mobile),
		CVV: secret.NewCVV(c.Cards[0].CVV), Expiry: secret.NewExpiry(c.Cards[0].Expiry),
	}
}

func request(number string) ledger.Request {
	return ledger.Request{Channel: "nucc", Number: number, Institution: "Z2000000000001"}
}

func apply(t testing.TB, l *ledger.Ledger, number string, id ledger.Identity) ledger.Answer {
	t.Helper()
	a, err := l.Apply(t.Context(), ledger.Apply{Request: request(number), Identity: id})
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return a
}

func confirm(t testing.TB, l *ledger.Ledger, number string, id ledger.Identity, code string) ledger.Answer {
	t.Helper()
	a, err := l.Confirm(t.Context(), ledger.Confirm{Request: request(number), Identity: id, Code: secret.NewCode(code), Account: "u_1001"})
	if err != nil {
		t.Fatalf("confirm: %v", err)
	}
	return a
}

func unsign(t testing.TB, l *ledger.Ledger, number, agreement, tail string) ledger.Answer {
	t.Helper()
	a, err := l.Unsign(t.Context(), ledger.Unsign{Request: request(number), Agreement: agreement, CardTail: tail})
	if err != nil {
		t.Fatalf("unsign: %v", err)
	}
	return a
}

// latestCode reads the code off the customer's latest message.
func latestCode(t testing.TB, l *ledger.Ledger, c ledger.Customer) string {
	t.Helper()
	m, err := l.Messages(context.Background(), c.Mobile, 1)
	if err != nil || len(m) != 1 {
		t.Fatalf("messages: %d, %v", len(m), err)
	}
	return m[0].Code
}

func agreements(t testing.TB, l *ledger.Ledger, card string) []ledger.Agreement {
	t.Helper()
	found, _, err := l.Agreements(t.Context(), ledger.AgreementFilter{Card: card, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func refusal(t testing.TB, what string, got ledger.Answer, want ledger.Refusal) {
	t.Helper()
	if got.Refusal != want {
		t.Errorf("%s: refusal %q, want %q", what, got.Refusal, want)
	}
}

func TestSignAndUnsign(t *testing.T) {
	clock, c := newClock(), one()
	l := open(t, ledger.Config{People: only(c), Now: clock.Now})
	id := identity(c)

	applied := apply(t, l, "n1", id)
	if want := (ledger.Answer{Class: "I", CardType: "debit", At: clock.now.Local()}); !applied.At.Equal(want.At) || applied.Refusal != "" || applied.Class != "I" || applied.CardType != "debit" {
		t.Errorf("applied: %+v", applied)
	}
	messages, err := l.Messages(t.Context(), c.Mobile, 0)
	if err != nil || len(messages) != 1 {
		t.Fatalf("messages: %v, %v", messages, err)
	}
	m := messages[0]
	if m.Kind != "sms" || m.To != c.Mobile || len(m.Code) != 6 || !m.At.Equal(clock.now) {
		t.Errorf("message: %+v", m)
	}
	for _, part := range []string{"【中国农业银行】", m.Code, "尾号0001", "5分钟"} {
		if !strings.Contains(m.Text, part) {
			t.Errorf("the message lacks %q", part)
		}
	}

	clock.forward(time.Second)
	signed := confirm(t, l, "n1", id, m.Code)
	if signed.Refusal != "" || !strings.HasPrefix(signed.Agreement, "ABC20261123100001") || len(signed.Agreement) > 32 || signed.Class != "I" || signed.Repeated {
		t.Errorf("signed: %+v", signed)
	}
	again := confirm(t, l, "n1", id, "999990")
	if again.Refusal != "" || again.Agreement != signed.Agreement || !again.Repeated || !again.At.Equal(signed.At) {
		t.Errorf("a confirm that succeeded, repeated: %+v", again)
	}
	got := agreements(t, l, c.Cards[0].Number)
	if len(got) != 1 || got[0].Number != signed.Agreement || got[0].State != "signed" || got[0].CardLast4 != "0001" || got[0].Institution != "Z2000000000001" {
		t.Errorf("agreements: %+v", got)
	}

	refusal(t, "another tail", unsign(t, l, "u1", signed.Agreement, "9999"), ledger.NoAgreement)
	refusal(t, "another number", unsign(t, l, "u2", "ABC1", "0001"), ledger.NoAgreement)
	refusal(t, "right", unsign(t, l, "u3", signed.Agreement, "0001"), "")
	refusal(t, "right, repeated", unsign(t, l, "u3", signed.Agreement, "0001"), "")
	refusal(t, "a number used for another agreement", unsign(t, l, "u3", "ABC1", "0001"), ledger.ElementsChanged)
	refusal(t, "asked anew", unsign(t, l, "u4", signed.Agreement, "0001"), ledger.AlreadyUnsigned)
	other := ledger.Unsign{Request: request("u5"), Agreement: signed.Agreement, CardTail: "0001"}
	other.Institution = "Z2000000000002"
	a, err := l.Unsign(t.Context(), other)
	if err != nil || a.Refusal != ledger.NoAgreement {
		t.Errorf("another institution: %+v, %v", a, err)
	}
	if got := agreements(t, l, ""); len(got) != 1 || got[0].State != "unsigned" || !got[0].At.Equal(clock.now) {
		t.Errorf("agreements: %+v", got)
	}
}
