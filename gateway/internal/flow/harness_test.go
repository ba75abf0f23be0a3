package flow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/link"
	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/route"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// Values that must never reach a disk or a log.
const (
	canaryCode = "918273"
	wrongCode  = "000000"
	canaryCVV  = "7391"
)

// The start of every test's time. Whole seconds, so that no fraction looks like a secret.
var start = time.Date(2026, 3, 2, 10, 0, 0, 0, profiles.Beijing)

// clock moves only when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// house is a flow with everything that it stands on: a journal in a file, and a bank of the test's own.
type house struct {
	*clock
	store *spyStore
	vault *vault.Vault
	banks *bank.Banks
	flow  *flow.Service
	bank  *fakeBank
	gate  *fakeGate
	log   *bytes.Buffer
	// strict, set before wire, is a channel that wants a credit card's two with the code as well.
	strict   bool
	mute     bool // a channel that can't verify, set before wire
	waking   sync.Mutex
	wakes    []time.Time
	hints    []string
	rechecks []string
	now      func() time.Time // in place of the clock
	wake     func(time.Time)
	event    func(string, time.Time, flow.Binding) []byte
	set      *profiles.Set
}

// Now is the house's time.
func (h *house) Now() time.Time {
	if h.now != nil {
		return h.now()
	}
	return h.clock.Now()
}

func shipped(t fataler) *profiles.Set {
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatalf("profiles: %v", err)
	}
	return set
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newHouse(t fataler, dir string, set *profiles.Set) *house {
	t.Helper()
	return newHouseOf(t, dir, set, asked)
}

func newHouseOf(t fataler, dir string, set *profiles.Set, manner manner) *house {
	t.Helper()
	h := &house{clock: &clock{now: start}, gate: &fakeGate{}, log: &bytes.Buffer{}}
	sqlite, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		t.Fatalf("journal: %v", err)
	}
	h.store = &spyStore{SQLite: sqlite}
	keys := filepath.Join(dir, "vault.key")
	if err := vault.CreateKeyFile(keys); err != nil {
		t.Fatalf("vault: %v", err)
	}
	if h.vault, err = vault.Open(vault.Config{KeyFile: keys, Now: h.Now}); err != nil {
		t.Fatalf("vault: %v", err)
	}
	h.bank = newFakeBank(h.Now)
	h.bank.manner = manner
	h.wire(set)
	return h
}

// wire makes the programs' parts. Called again, it is the restart of a process.
func (h *house) wire(set *profiles.Set) {
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.set = set
	codec := &fakeCodec{strict: h.strict, mute: h.mute, manner: h.bank.manner}
	h.banks = bank.New(h.store, h.gate, []bank.Channel{{
		ID: "nucc", Adapter: codec, Codec: codec, Link: fakeLink{codec, h.bank},
		Timeout: func(string, op.Kind) time.Duration { return 8 * time.Second },
	}}, h.Now, log)
	h.flow = flow.New(flow.Config{
		Set: set, Banks: h.banks, Store: h.store, Vault: h.vault, Numbers: &journal.Numbers{Store: h.store},
		Router: route.New(h.banks), Now: h.Now, Log: log, Event: h.event,
		Wake: func(at time.Time) {
			h.waking.Lock()
			defer h.waking.Unlock()
			h.wakes = append(h.wakes, at)
			if h.wake != nil {
				h.wake(at)
			}
		},
		Hint:    func(id string) { h.hints = append(h.hints, id) },
		Recheck: func(id string) { h.rechecks = append(h.rechecks, id) },
	})
}

// find does once what a resolver does all the time. It returns how many attempts were due.
func (h *house) find(t fataler) int {
	t.Helper()
	due, err := h.store.Due(context.Background(), h.Now(), 100)
	if err != nil {
		t.Fatalf("due: %v", err)
	}
	for _, a := range due {
		h.ask(t, a)
	}
	if _, err := h.flow.Expire(context.Background(), 100); err != nil {
		t.Fatalf("expire: %v", err)
	}
	return len(due)
}

func (h *house) ask(t fataler, a journal.Attempt) {
	t.Helper()
	ctx := context.Background()
	question, ask, err := h.flow.Question(ctx, a)
	if err != nil {
		t.Fatalf("question: %v", err)
	}
	var r op.Result
	if ask {
		r, _ = h.banks.Do(ctx, question)
	}
	if err := h.flow.Told(ctx, a, r); err != nil {
		t.Fatalf("told: %v", err)
	}
}

// pass lets time go by in steps, the resolver at work.
func (h *house) pass(t fataler, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= time.Second {
		h.add(min(d, time.Second))
		h.bank.catchUp()
		h.listen(t)
		h.find(t)
	}
}

// listen hears what the bank says of its own accord.
func (h *house) listen(t fataler) {
	t.Helper()
	for _, n := range h.bank.speak() {
		if err := h.flow.Heard(context.Background(), n); err != nil {
			t.Fatalf("heard: %v", err)
		}
	}
}

func request() flow.NewBinding {
	return flow.NewBinding{
		Caller: "wallet", UserID: "u_1001", Platform: "wechat",
		Card: secret.NewCard("6228480000000000018"), Name: secret.NewName("张三"),
		DocumentType: "resident_id", Document: secret.NewDocument("11010119900307109X"), Mobile: secret.NewMobile("+8613800138000"),
		Terminal: flow.Terminal{OS: "android", OSVersion: "14", ClientVersion: "8.0.50"},
	}
}

func keyed(route, key, body string) flow.Keyed {
	return flow.Keyed{Caller: "wallet", Route: route, Key: key, Fingerprint: []byte(body), Render: render}
}

// render is a stand-in for the API's: everything that a caller sees.
func render(b flow.Binding, p *op.Problem) (int, []byte) {
	if p != nil {
		body, _ := json.Marshal(p)
		return 422, body
	}
	b.BankTook, b.CardHash = 0, nil
	body, _ := json.Marshal(b)
	if b.State == flow.Processing || b.State == flow.Revoking {
		return 202, body
	}
	return 200, body
}

func (h *house) create(t fataler) flow.Binding {
	t.Helper()
	b, err := h.flow.Create(context.Background(), request(), flow.Keyed{})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return b
}

func (h *house) createFor(t fataler, user string) flow.Binding {
	t.Helper()
	in := request()
	in.UserID = user
	b, err := h.flow.Create(context.Background(), in, flow.Keyed{})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return b
}

func (h *house) confirm(id, code string) (flow.Binding, error) {
	return h.flow.Confirm(context.Background(), "wallet", id, secret.NewCode(code), secret.CVV{}, secret.Expiry{}, flow.Keyed{})
}

func (h *house) challenge(id, kind string) (flow.Binding, error) {
	return h.flow.Challenge(context.Background(), "wallet", id, kind, secret.CVV{}, secret.Expiry{}, flow.Keyed{})
}

func (h *house) get(t fataler, id string) flow.Binding {
	t.Helper()
	b, err := h.flow.Get(context.Background(), "wallet", id)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	return b
}

func problem(t fataler, err error) *op.Problem {
	t.Helper()
	var p *op.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got error %v, want a problem", err)
		return &op.Problem{}
	}
	return p
}

// spyStore keeps what was written, as an attacker with the disk would read it.
type spyStore struct {
	*journal.SQLite
	mu      sync.Mutex
	written []string
	seen    map[string]int64
	wrong   []string
	before  func(journal.Change) error
}

func (s *spyStore) Apply(ctx context.Context, c journal.Change) error {
	if s.before != nil {
		if err := s.before(c); err != nil {
			return err
		}
	}
	text := readable(c)
	err := s.SQLite.Apply(ctx, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = append(s.written, text)
	if err == nil && c.Binding != nil {
		if s.seen == nil {
			s.seen = map[string]int64{}
		}
		if c.Binding.Version != s.seen[c.Binding.ID]+1 {
			s.wrong = append(s.wrong, fmt.Sprintf("version %d after %d", c.Binding.Version, s.seen[c.Binding.ID]))
		}
		s.seen[c.Binding.ID] = c.Binding.Version
	}
	return err
}

var ids = regexp.MustCompile(`(bnd|att)_[0-9A-Z]{26}`)

// readable is a change without what is random: ids, hashes and ciphertext hold
// every short number by chance. What is sealed is looked at byte for byte.
func readable(c journal.Change) string {
	var raw []byte
	if c.Binding != nil {
		b := *c.Binding
		b.CardHash = nil
		c.Binding = &b
	}
	if c.Sealed != nil {
		raw = append(raw, c.Sealed.Data...)
		c.Sealed = nil
	}
	for _, key := range []**journal.Key{&c.NewKey, &c.AnsweredKey} {
		if *key != nil {
			k := **key
			raw = append(append(raw, k.Body...), k.Fingerprint...)
			k.Body, k.Fingerprint = nil, nil
			*key = &k
		}
	}
	text, _ := json.Marshal(c)
	return ids.ReplaceAllString(string(text)+string(raw), "$1")
}

// leaks returns what of the secrets was written down.
func (h *house) leaks() []string {
	var found []string
	for _, secret := range []string{canaryCode, canaryCVV} {
		for _, text := range append(h.store.written, h.log.String()) {
			if strings.Contains(text, secret) {
				found = append(found, secret)
				break
			}
		}
	}
	return found
}

// fakeGate is open until it is shut.
type fakeGate struct{ shut *op.Problem }

func (g *fakeGate) Enter(context.Context, string, string, op.Kind) (func(op.Result), *op.Problem) {
	return func(op.Result) {}, g.shut
}

// fakeCodec hands operations and results through as they are.
type fakeCodec struct {
	mu     sync.Mutex
	kept   []any
	mute   bool // it can't verify
	strict bool // it wants a credit card's two at confirm too
	manner manner
}

type parcel struct{ content any }

func (parcel) Type() string { return "parcel" }

func (c *fakeCodec) Request(o op.Operation) (wire.Message, error) { return parcel{o}, nil }

func (c *fakeCodec) Result(_ op.Operation, m wire.Message) op.Result {
	return m.(parcel).content.(op.Result)
}

func (c *fakeCodec) Encode(m wire.Message) (wire.Frame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, m.(parcel).content)
	return wire.Frame{Body: fmt.Append(nil, len(c.kept)-1)}, nil
}

func (c *fakeCodec) Decode(f wire.Frame) (wire.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var i int
	if _, err := fmt.Sscan(string(f.Body), &i); err != nil {
		return nil, err
	}
	return parcel{c.kept[i]}, nil
}

func (c *fakeCodec) Renumbers(op.Kind) bool { return c.manner == undoing }

func (c *fakeCodec) Truth(kind op.Kind) op.Truth {
	switch {
	case c.manner != undoing:
		return op.ByQuery
	case kind == op.Unsign:
		return op.ByRepeat
	}
	return op.ByReversal
}

func (c *fakeCodec) Requires(kind op.Kind, cardType string) []string {
	switch {
	case kind == op.Confirm && c.strict && cardType == "credit":
		return []string{"code", "card.cvv", "card.expiry"}
	case kind == op.Confirm:
		return []string{"code"}
	case kind == op.Challenge && cardType == "credit":
		return []string{"card.cvv", "card.expiry"}
	}
	return nil
}

type fakeLink struct {
	codec *fakeCodec
	bank  *fakeBank
}

func (l fakeLink) Exchange(_ context.Context, f wire.Frame) (wire.Frame, error) {
	m, err := l.codec.Decode(f)
	if err != nil {
		return wire.Frame{}, err
	}
	r, err := l.bank.exchange(m.(parcel).content.(op.Operation))
	if err != nil {
		return wire.Frame{}, err
	}
	return l.codec.Encode(parcel{r})
}

var errSilence = errors.New("no answer")

var errNoLine = fmt.Errorf("dial: %w", link.ErrNotSent)
