package ledger_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/secret"

	"pgregory.net/rapid"
)

// The model is what one could write on a sheet of paper: it shares neither
// tables nor order of statements with the ledger.
type (
	sheet struct {
		t       *rapid.T
		ledger  *ledger.Ledger
		clock   *clock
		next    int
		codes   []*noted
		signs   map[string]int    // by card
		signed  map[string]string // institution, account, card → agreement
		states  map[string]string // agreement → state
		answers map[string]ledger.Answer
		wallets map[string]string // accounts of the confirms that succeeded, by their numbers
		applied map[string]string // the apply of each confirm with a number of its own
	}
	noted struct {
		number, institution, code string
		card                      int
		made                      time.Time
		wrong                     int
		dead                      bool // used, superseded or reversed
		used                      bool
	}
)

const signsPerDay = 6

// TestAgainstTheModel plays chance sequences of what institutions, the bank and
// time can do with two cards of one person.
func TestAgainstTheModel(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		rules := terms()
		rules.SignsPerDay = signsPerDay
		second := numbered(2)
		second.Mobile = numbered(1).Mobile
		s := &sheet{
			t: t, clock: newClock(), signs: map[string]int{},
			signed: map[string]string{}, states: map[string]string{}, answers: map[string]ledger.Answer{}, wallets: map[string]string{}, applied: map[string]string{},
		}
		l, err := ledger.Open(ledger.Config{
			Path: filepath.Join(dir, fmt.Sprint(runs, ".db")), Terms: rules, People: only(numbered(1), second), Now: s.clock.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.ledger = l
		defer func() {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		t.Repeat(map[string]func(*rapid.T){
			"apply": s.apply, "confirm": s.confirm, "wrong code": s.wrongCode, "unsign": s.unsign,
			"revoke": s.revoke, "reverse": s.reverse, "late original": s.late, "wait": s.wait, "": s.check,
		})
	})
}

func (s *sheet) institution() string {
	return rapid.SampledFrom([]string{"Z1", "Z2"}).Draw(s.t, "institution")
}

func (s *sheet) request(number, institution string) ledger.Request {
	return ledger.Request{Channel: "nucc", Number: number, Institution: institution}
}

func (s *sheet) wait(*rapid.T) {
	s.clock.forward(rapid.SampledFrom([]time.Duration{30 * time.Second, time.Minute, 4 * time.Minute}).Draw(s.t, "pause"))
}

func (s *sheet) apply(*rapid.T) {
	s.next++
	number, institution, card := fmt.Sprint("n", s.next), s.institution(), rapid.IntRange(1, 2).Draw(s.t, "card")
	day := fmt.Sprint(card, s.clock.now.Format(" 2006-01-02"))
	want := ledger.Refusal("")
	waiting := slices.ContainsFunc(s.codes, func(c *noted) bool {
		return c.institution == institution && !c.used && s.clock.now.Sub(c.made) < time.Minute
	})
	switch {
	case s.signs[day] >= signsPerDay:
		want = ledger.SignsExceeded
	case waiting:
		want = ledger.TooSoon
	}
	a, err := s.ledger.Apply(s.t.Context(), ledger.Apply{Request: s.request(number, institution), Identity: s.identity(card)})
	s.same("apply", number, a, err, want)
	if want != "" {
		return
	}
	s.signs[day]++
	for _, c := range s.codes {
		if c.card == card && c.institution == institution && c.wrong < 3 {
			c.dead = true
		}
	}
	m, err := s.ledger.Messages(s.t.Context(), numbered(1).Mobile, 1)
	if err != nil || len(m) != 1 {
		s.t.Fatalf("messages: %v, %v", m, err)
	}
	s.codes = append(s.codes, &noted{number: number, institution: institution, code: m[0].Code, card: card, made: s.clock.now})
}

func (s *sheet) confirm(t *rapid.T) {
	s.bring(func(c *noted) string { return c.code }, rapid.SampledFrom([]string{"u1", "u2"}).Draw(t, "account"))
}

func (s *sheet) wrongCode(*rapid.T) { s.bring(func(*noted) string { return "000000" }, "u1") }

// bring confirms with a code of the caller's choice, under the apply's number or one of its own.
func (s *sheet) bring(choose func(*noted) string, account string) {
	if len(s.codes) == 0 {
		return
	}
	c := rapid.SampledFrom(s.codes).Draw(s.t, "code")
	number, of := c.number, ""
	if rapid.Bool().Draw(s.t, "own number") {
		s.next++
		number, of = fmt.Sprint("c", s.next), c.number
		s.applied[number] = c.number
	}
	given := choose(c)
	a, err := s.ledger.Confirm(s.t.Context(), ledger.Confirm{
		Request: s.request(number, c.institution), Of: of, Identity: s.identity(c.card), Code: secret.NewCode(given), Account: account,
	})
	before, answered := s.answers["confirm "+number]
	signed := answered && before.Refusal == ""
	switch {
	case signed && s.wallets[number] != account:
		if err != nil || a.Refusal != ledger.ElementsChanged {
			s.t.Fatalf("confirm for another account after success: %+v, %v", a, err)
		}
	case signed:
		if err != nil || a.Refusal != "" || a.Agreement != before.Agreement || !a.Repeated {
			s.t.Fatalf("a confirm that succeeded: %+v, %v", a, err)
		}
	case answered && before.Refusal == ledger.Reversed:
		s.stillReversed("confirm", number, a, err)
	case c.dead:
		s.same("confirm", number, a, err, ledger.CodeUsed)
	case c.wrong >= 3:
		s.same("confirm", number, a, err, ledger.CodeLocked)
	case given != c.code:
		c.wrong++
		s.same("confirm", number, a, err, ledger.CodeWrong)
	case s.clock.now.Sub(c.made) >= 5*time.Minute:
		s.same("confirm", number, a, err, ledger.CodeExpired)
	default:
		s.same("confirm", number, a, err, "")
		s.sign(c, number, account, a.Agreement)
	}
}

func (s *sheet) identity(card int) ledger.Identity {
	id := identity(numbered(card))
	id.Mobile = secret.NewMobile(numbered(1).Mobile)
	return id
}

func (s *sheet) sign(c *noted, number, account, agreement string) {
	key := fmt.Sprint(c.institution, account, c.card)
	if live, ok := s.signed[key]; ok && live != agreement {
		s.t.Fatalf("a second live agreement beside the first")
	} else if _, known := s.states[agreement]; !ok && known {
		s.t.Fatalf("an agreement's number is given twice")
	}
	s.signed[key], s.states[agreement] = agreement, "signed"
	c.dead, c.used, s.wallets[number] = true, true, account
}

// reverse undoes something that was asked, or what nobody has seen yet.
func (s *sheet) reverse(*rapid.T) {
	s.next++
	number := fmt.Sprint("r", s.next)
	choices := []string{fmt.Sprint("apply late", s.next), fmt.Sprint("confirm late", s.next)}
	for _, key := range slices.Sorted(maps.Keys(s.answers)) {
		if strings.HasPrefix(key, "apply ") || strings.HasPrefix(key, "confirm ") {
			choices = append(choices, key)
		}
	}
	key := rapid.SampledFrom(choices).Draw(s.t, "original")
	of, original, _ := strings.Cut(key, " ")
	institution := "Z1"
	for _, c := range s.codes {
		if c.number == original || s.applied[original] == c.number {
			institution = c.institution
		}
	}
	a, err := s.ledger.Reverse(s.t.Context(), ledger.Reverse{Request: s.request(number, institution), Of: of, Original: original})
	was, seen := s.answers[key]
	want, ended := ledger.Refusal(""), ""
	switch {
	case !seen || was.Refusal == ledger.Reversed && strings.HasPrefix(original, "late"):
		want = ledger.NoOriginal
	case was.Refusal == "":
		ended = s.undo(of, original, was.Agreement)
	}
	s.same("reverse", number, a, err, want)
	if a.Agreement != ended {
		s.t.Fatalf("the reversal of %s ended %q, want %q", key, a.Agreement, ended)
	}
	if was.Refusal != ledger.Reversed {
		was.Refusal, was.At = ledger.Reversed, s.clock.now
		s.answers[key] = was
	}
}

// undo returns the agreement that ends with its last signing.
func (s *sheet) undo(of, original, agreement string) string {
	if of == "apply" {
		for _, c := range s.codes {
			if c.number == original && c.wrong < 3 {
				c.dead = true
			}
		}
		return ""
	}
	for key, a := range s.answers {
		if strings.HasPrefix(key, "confirm ") && key != "confirm "+original && a.Refusal == "" && a.Agreement == agreement {
			return ""
		}
	}
	if s.states[agreement] != "signed" {
		return ""
	}
	s.end(agreement, "invalidated")
	return agreement
}

// late sends an original whose reversal has overtaken it.
func (s *sheet) late(*rapid.T) {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(s.answers)) {
		if s.answers[key].Refusal == ledger.Reversed {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return
	}
	key := rapid.SampledFrom(keys).Draw(s.t, "late")
	operation, number, _ := strings.Cut(key, " ")
	var a ledger.Answer
	var err error
	if operation == "apply" {
		a, err = s.ledger.Apply(s.t.Context(), ledger.Apply{Request: s.request(number, "Z1"), Identity: s.identity(1)})
	} else {
		a, err = s.ledger.Confirm(s.t.Context(), ledger.Confirm{Request: s.request(number, "Z1"), Identity: s.identity(1)})
	}
	s.stillReversed(operation, number, a, err)
}

func (s *sheet) stillReversed(operation, number string, a ledger.Answer, err error) {
	if err != nil || a.Refusal != ledger.Reversed || a.Agreement != "" || a.Repeated {
		s.t.Fatalf("%s %s after its reversal: %+v, %v", operation, number, a, err)
	}
}

func (s *sheet) unsign(*rapid.T) {
	number, ok := s.anyAgreement()
	if !ok {
		return
	}
	s.next++
	n := fmt.Sprint("u", s.next)
	all, _, err := s.ledger.Agreements(s.t.Context(), ledger.AgreementFilter{Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, held := range all {
		if held.Number != number {
			continue
		}
		a, err := s.ledger.Unsign(s.t.Context(), ledger.Unsign{
			Request: s.request(n, held.Institution), Agreement: number, CardTail: held.CardLast4,
		})
		want := ledger.Refusal("")
		if s.states[number] != "signed" {
			want = ledger.AlreadyUnsigned
		}
		s.same("unsign", n, a, err, want)
		s.end(number, "unsigned")
		return
	}
	s.t.Fatalf("an agreement that was given is not in the list")
}

func (s *sheet) revoke(*rapid.T) {
	number, ok := s.anyAgreement()
	if !ok {
		return
	}
	if a, err := s.ledger.Revoke(s.t.Context(), number); err != nil || a.State == "signed" {
		s.t.Fatalf("revoke: %+v, %v", a, err)
	}
	s.end(number, "unsigned")
}

func (s *sheet) anyAgreement() (string, bool) {
	numbers := slices.Sorted(maps.Keys(s.states))
	if len(numbers) == 0 {
		return "", false
	}
	return rapid.SampledFrom(numbers).Draw(s.t, "agreement"), true
}

// end ends an agreement, unless it has ended already.
func (s *sheet) end(number, state string) {
	if s.states[number] == "signed" {
		s.states[number] = state
	}
	for key, live := range s.signed {
		if live == number {
			delete(s.signed, key)
		}
	}
}

// same compares an answer with what the sheet expects and notes it for Recall.
func (s *sheet) same(operation, number string, a ledger.Answer, err error, want ledger.Refusal) {
	if err != nil || a.Refusal != want || a.Repeated {
		s.t.Fatalf("%s %s: %+v, %v; want refusal %q", operation, number, a, err, want)
	}
	s.answers[operation+" "+number] = a
}

// check compares the whole of both books after each step.
func (s *sheet) check(t *rapid.T) {
	all, _, err := s.ledger.Agreements(t.Context(), ledger.AgreementFilter{Limit: 1000})
	if err != nil || len(all) != len(s.states) {
		t.Fatalf("%d agreements, %v; the sheet has %d", len(all), err, len(s.states))
	}
	for _, a := range all {
		if s.states[a.Number] != a.State {
			t.Fatalf("an agreement is %s, on the sheet %q", a.State, s.states[a.Number])
		}
	}
	for key, want := range s.answers {
		var operation, number string
		if _, err := fmt.Sscan(key, &operation, &number); err != nil {
			t.Fatal(err)
		}
		got, ok, err := s.ledger.Recall(t.Context(), "nucc", operation, number)
		if err != nil || !ok || got.Refusal != want.Refusal || got.Agreement != want.Agreement || !got.At.Equal(want.At) {
			t.Fatalf("recall %s: %+v, %v, %v; want %+v", key, got, ok, err, want)
		}
	}
}

func TestManyConfirmTheSameNumber(t *testing.T) {
	clock := newClock()
	l := open(t, ledger.Config{People: only(one()), Now: clock.Now})
	refusal(t, "apply", apply(t, l, "n1", identity(one())), "")
	code := latestCode(t, l, one())
	var group sync.WaitGroup
	got := make([]ledger.Answer, 64)
	for i := range got {
		group.Go(func() {
			a, err := l.Confirm(t.Context(), ledger.Confirm{Request: request("n1"), Identity: identity(one()), Code: secret.NewCode(code), Account: "u1"})
			if err != nil {
				t.Error(err)
				return
			}
			// Who has been answered finds the answer at once.
			if seen, ok, err := l.Recall(t.Context(), "nucc", "confirm", "n1"); err != nil || !ok || seen.Agreement != a.Agreement {
				t.Errorf("recall: %+v, %v, %v", seen, ok, err)
			}
			got[i] = a
		})
	}
	group.Wait()
	first := 0
	for _, a := range got {
		if a.Refusal != "" || a.Agreement != got[0].Agreement {
			t.Errorf("%+v", a)
		}
		if !a.Repeated {
			first++
		}
	}
	if all := agreements(t, l, ""); len(all) != 1 || first != 1 {
		t.Errorf("%d agreements and %d first answers, want one of each", len(all), first)
	}
}

func TestManyApplyForTheSameCard(t *testing.T) {
	l := open(t, ledger.Config{People: only(one()), Now: newClock().Now})
	var group sync.WaitGroup
	sent := make([]bool, 32)
	for i := range sent {
		group.Go(func() {
			a, err := l.Apply(t.Context(), ledger.Apply{Request: request(fmt.Sprint("n", i)), Identity: identity(one())})
			if err != nil || a.Refusal != "" && a.Refusal != ledger.TooSoon {
				t.Errorf("%+v, %v", a, err)
			}
			sent[i] = a.Refusal == ""
		})
	}
	group.Wait()
	n := 0
	for _, s := range sent {
		if s {
			n++
		}
	}
	if m, err := l.Messages(t.Context(), "", 0); err != nil || n != 1 || len(m) != 1 {
		t.Errorf("%d of 32 were sent a code, %d messages, %v: want one", n, len(m), err)
	}
}
