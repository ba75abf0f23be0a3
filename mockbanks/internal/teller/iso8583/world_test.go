package iso8583_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	bank "kaqiao/mockbanks/internal/teller/iso8583"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

const (
	ours   = "04990000" // the gateway
	number = "04031000" // the bank
	hub    = "00010000"
)

func keys() []seal.Key {
	shared := func(use, algorithm, text string) seal.Key {
		return seal.Key{Serial: use, Owner: seal.Both, Use: use, Algorithm: algorithm, State: "active", Secret: secret.NewKey(text)}
	}
	return []seal.Key{shared("mac", "des", "0123456789ABCDEF"), shared("master", "des3", "0123456789ABCDEFFEDCBA9876543210")}
}

// world is one bank's host with its books, and the gateway's end of one line.
type world struct {
	t      *testing.T
	now    time.Time
	books  *ledger.Ledger
	teller *bank.Teller
	line   teller.Line
	codec  *iso8583.Codec
	pushed []wire.Frame
	stan   int
}

// Member implements teller.Directory.
func (w *world) Member(n string) (string, bool) { return "bob", n == number }

// Ledger implements teller.Directory.
func (w *world) Ledger(context.Context, string) (teller.Ledger, error) { return w.books, nil }

func start(t *testing.T, opts iso8583.Options) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, profiles.Beijing)}
	var err error
	w.books, err = ledger.Open(ledger.Config{
		Path: filepath.Join(t.TempDir(), "bob.db"), Now: func() time.Time { return w.now },
		People: slices.Values([]ledger.Customer{person(1, "I"), person(2, "III"), person(3, "I")}),
		Terms:  ledger.Terms{Bank: "bob", Name: "北京银行", ResendAfter: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.books.Close(); err != nil {
			t.Error(err)
		}
	})
	w.codec = w.side(seal.Gateway, opts)
	w.teller = w.host(opts)
	w.line = w.open()
	return w
}

func (w *world) side(side seal.Side, opts iso8583.Options) *iso8583.Codec {
	w.t.Helper()
	c, err := iso8583.New(opts, seal.NewRing(side, keys()))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// host is the bank's program as it starts.
func (w *world) host(opts iso8583.Options) *bank.Teller {
	return bank.New(teller.Config{
		Channel: &profiles.Channel{ID: "bob"}, Directory: w, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
	}, w.side(seal.Bank, opts))
}

func (w *world) open() teller.Line {
	return w.teller.Line(func(f wire.Frame) error { w.pushed = append(w.pushed, f); return nil })
}

func person(i int, class string) ledger.Customer {
	return ledger.Customer{
		Kind: "debit", Name: "张三", Document: ledger.Document{Type: "resident_id", Number: "11010519491231002X"},
		Mobile: fmt.Sprintf("+861380000%04d", i), Email: "a@b.example",
		Cards: []ledger.Card{{Number: card(i), Type: "debit", Class: class, OnlinePayment: true, State: "open"}},
	}
}

func card(i int) string { return fmt.Sprintf("622848000000000%04d", i) }

func (w *world) trace() iso8583.Trace {
	w.stan++
	return iso8583.Trace{Transmitted: w.now.Format("0102150405"), STAN: fmt.Sprintf("%06d", w.stan)}
}

// full is our number of a trace.
func (w *world) full(t iso8583.Trace) string { return w.now.Format("2006") + t.Key() }

func (w *world) request(code string, i int) *iso8583.Request {
	return &iso8583.Request{
		Header: iso8583.Header{Destination: number, Source: ours}, Trace: w.trace(),
		Common: iso8583.Common{
			PAN: secret.NewCard(card(i)), ProcessingCode: code, Acquirer: ours, Forwarder: ours, Receiver: number,
			LocalTime: w.now.Format("150405"), LocalDate: w.now.Format("0102"), MerchantType: "6400",
			Identity: iso8583.Identity{
				DocumentType: "01", Document: secret.NewDocument("11010519491231002X"), CVN2: secret.NewCVV(iso8583.NoCVN2),
				Name: secret.NewName("张三"), Mobile: secret.NewMobile(fmt.Sprintf("1380000%04d", i)),
			},
		},
	}
}

func (w *world) sign(setUp *iso8583.Request, i int, code string) *iso8583.Request {
	m := w.request("892000", i)
	m.Common.Usages = iso8583.Usages{Order: w.full(setUp.Trace), Code: secret.NewCode(code), Wallet: secret.NewKey("u_1")}
	return m
}

func (w *world) cancel(agreement string) *iso8583.Request {
	return &iso8583.Request{
		Header: iso8583.Header{Destination: number, Source: ours}, Trace: w.trace(),
		Common: iso8583.Common{ProcessingCode: "893000", Usages: iso8583.Usages{Agreement: agreement}},
	}
}

func (w *world) reversal(of *iso8583.Request, repeat bool) *iso8583.Reversal {
	return &iso8583.Reversal{
		Header: of.Header, Trace: w.trace(), Repeat: repeat, Original: iso8583.OriginalOf(of),
		Common: iso8583.Common{ProcessingCode: of.Common.ProcessingCode, PAN: of.Common.PAN, Acquirer: ours, Forwarder: ours},
	}
}

func (w *world) network(code string) *iso8583.Network {
	return &iso8583.Network{Header: iso8583.Header{Destination: number, Source: ours}, Trace: w.trace(), Code: code}
}

func (w *world) signOn() {
	w.t.Helper()
	if a := say[*iso8583.NetworkAnswer](w, w.network("001")); a.ResponseCode != "00" || a.Code != "001" {
		w.t.Fatalf("sign-on: %+v", a)
	}
}

// raw has a frame answered.
func (w *world) raw(f wire.Frame) teller.Answer {
	w.t.Helper()
	call, answer, err := w.line.Understand(f)
	if err == nil && call != nil {
		answer, err = call.Execute(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// say sends a message and reads the answer as the gateway does.
func say[M wire.Message](w *world, m wire.Message) M {
	w.t.Helper()
	f, err := w.codec.Encode(m)
	if err != nil {
		w.t.Fatal(err)
	}
	answer := w.raw(f)
	back, err := w.codec.Decode(answer.Frame)
	if err != nil {
		w.t.Fatalf("the answer: %v", err)
	}
	right, ok := back.(M)
	if !ok {
		w.t.Fatalf("the answer is %T", back)
	}
	if iso8583.TraceOf(back) != iso8583.TraceOf(m) {
		w.t.Fatalf("the answer has another trace: %+v", back)
	}
	return right
}

// code says a request and returns field 39.
func (w *world) code(m *iso8583.Request) string {
	w.t.Helper()
	return say[*iso8583.Answer](w, m).ResponseCode
}

// sms is the latest code.
func (w *world) sms(i int) string {
	w.t.Helper()
	m, err := w.books.Messages(w.t.Context(), fmt.Sprintf("+861380000%04d", i), 1)
	if err != nil || len(m) != 1 {
		w.t.Fatalf("messages %v, %v", m, err)
	}
	return m[0].Code
}

func (w *world) states() (out []string) {
	w.t.Helper()
	all, _, err := w.books.Agreements(w.t.Context(), ledger.AgreementFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range all {
		out = append(out, a.State)
	}
	return out
}
