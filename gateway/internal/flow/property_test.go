package flow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// Whatever callers do and whatever becomes of each exchange: in the end both
// books say the same.
func TestBothBooksAgree(t *testing.T) {
	for name, manner := range map[string]manner{"asked": asked, "undoing": undoing, "approving": approving} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothBooksAgree(t, manner)
		})
	}
}

func bothBooksAgree(t *testing.T, manner manner) {
	set := shipped(t)
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		place := filepath.Join(dir, fmt.Sprint(run))
		if err := os.Mkdir(place, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
		p := &play{house: newHouseOf(t, place, set, manner), set: set, keys: map[string]answered{}}
		defer func() {
			_ = p.store.Close()
			_ = os.RemoveAll(place)
		}()
		t.Repeat(map[string]func(*rapid.T){
			"create":       p.create,
			"confirm":      func(t *rapid.T) { p.confirm(t, canaryCode) },
			"wrong code":   func(t *rapid.T) { p.confirm(t, wrongCode) },
			"challenge":    p.challenge,
			"cancel":       p.cancel,
			"revoke":       p.revoke,
			"bank revokes": p.bankRevokes,
			"bank decides": p.bankDecides,
			"time passes":  func(t *rapid.T) { p.pass(t, time.Duration(rapid.IntRange(1, 30).Draw(t, "seconds"))*time.Second) },
			"much time passes": func(t *rapid.T) {
				p.add(time.Duration(rapid.IntRange(1, 20).Draw(t, "minutes")) * time.Minute)
				p.bank.catchUp()
				p.listen(t)
			},
			"process dies": p.die,
			"":             p.check,
		})
		p.settleDown(t)
	})
}

type play struct {
	*house
	set  *profiles.Set
	ids  []string
	keys map[string]answered
}

type answered struct {
	keyed  flow.Keyed
	status int
	body   string
	died   bool
}

// fated draws what becomes of the next exchange.
func (p *play) fated(t *rapid.T) {
	p.bank.fates = []fate{rapid.SampledFrom([]fate{arrives, arrives, arrives, noLine, lostBefore, lostAfter, late, answersSoon, answersLate, turnedDown, busy}).Draw(t, "fate")}
	p.bank.queryFates = rapid.SliceOfN(rapid.SampledFrom([]fate{arrives, arrives, lostBefore, noLine}), 0, 3).Draw(t, "query fates")
}

// id picks a binding: mostly one in the state in which the call makes sense.
// Where there is none it binds one: an action that does nothing ends the play early.
func (p *play) id(t *rapid.T, state string) string {
	var some []string
	for _, id := range p.ids {
		if p.get(t, id).State == state {
			some = append(some, id)
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "anywhere") == 0 {
		some = p.ids
	}
	if len(some) == 0 {
		p.bind(t)
		some = p.ids
	}
	return rapid.SampledFrom(some).Draw(t, "binding")
}

// call makes a keyed call and remembers its answer.
func (p *play) call(t *rapid.T, route string, do func(flow.Keyed) (flow.Binding, error)) {
	p.fated(t)
	k := keyed(route, fmt.Sprintf("k%d", len(p.keys)), route)
	b, err := do(k)
	var told *op.Problem
	if err != nil && !errors.As(err, &told) {
		t.Fatalf("%s: %v", route, err)
	}
	if b.ID != "" && !slices.Contains(p.ids, b.ID) {
		p.ids = append(p.ids, b.ID)
	}
	if row, err := p.store.Key(context.Background(), k.Caller, k.Route, k.Key); err == nil {
		status, body := render(b, told)
		p.keys[k.Key] = answered{keyed: k, status: status, body: string(body), died: row.Status == 0}
	} else if p.keys[k.Key] = (answered{}); b.AttemptNumber != "" {
		t.Fatalf("%s asked a bank and forgot its key", route)
	}
}

func (p *play) create(t *rapid.T) {
	in := request()
	in.UserID = "u_1"
	in.Card = secret.NewCard(rapid.SampledFrom([]string{"6228480000000000018", "6228480000000000026"}).Draw(t, "card"))
	p.call(t, "create", func(k flow.Keyed) (flow.Binding, error) { return p.flow.Create(context.Background(), in, k) })
}

// bind goes well, so that much is bound for other things to happen to.
func (p *play) bind(t *rapid.T) {
	p.bank.fates, p.bank.queryFates = nil, nil
	dying := p.store.before
	p.store.before = nil
	defer func() { p.store.before = dying }()
	in := request()
	in.UserID = rapid.SampledFrom([]string{"u_2", "u_3"}).Draw(t, "user")
	in.Card = secret.NewCard(map[string]string{"u_2": "6228480000000000034", "u_3": "6228480000000000042"}[in.UserID])
	b, err := p.flow.Create(context.Background(), in, flow.Keyed{})
	if err != nil {
		if problem(t, err).Reason != op.AlreadyBound {
			t.Fatalf("create: %v", err)
		}
		return
	}
	p.ids = append(p.ids, b.ID)
	if p.bank.manner == approving {
		if err := p.flow.Heard(context.Background(), p.bank.decide(b.Number, "")); err != nil {
			t.Fatalf("heard: %v", err)
		}
		if b = p.get(t, b.ID); b.State != flow.Active {
			t.Fatalf("could not bind: %+v", b)
		}
		return
	}
	if b, err = p.house.confirm(b.ID, canaryCode); err != nil || b.State != flow.Active {
		t.Fatalf("could not bind: %+v, %v", b, err)
	}
}

func (p *play) confirm(t *rapid.T, code string) {
	id := p.id(t, flow.AwaitingCode)
	p.call(t, "confirm "+id, func(k flow.Keyed) (flow.Binding, error) {
		return p.flow.Confirm(context.Background(), "wallet", id, secret.NewCode(code), secret.NewCVV(canaryCVV), secret.Expiry{}, k)
	})
}

func (p *play) challenge(t *rapid.T) {
	id := p.id(t, flow.AwaitingCode)
	p.call(t, "challenge "+id, func(k flow.Keyed) (flow.Binding, error) {
		return p.flow.Challenge(context.Background(), "wallet", id, "", secret.CVV{}, secret.Expiry{}, k)
	})
}

func (p *play) cancel(t *rapid.T) {
	state := flow.AwaitingCode
	if p.bank.manner == approving {
		state = flow.AwaitingApproval
	}
	id := p.id(t, state)
	p.call(t, "cancel "+id, func(k flow.Keyed) (flow.Binding, error) { return p.flow.Cancel(context.Background(), "wallet", id, k) })
}

func (p *play) revoke(t *rapid.T) {
	id := p.id(t, flow.Active)
	p.call(t, "revoke "+id, func(k flow.Keyed) (flow.Binding, error) { return p.flow.Revoke(context.Background(), "wallet", id, k) })
}

// bankRevokes ends an agreement, whether the gateway knows of it or not yet, and says so, perhaps twice.
func (p *play) bankRevokes(t *rapid.T) {
	if len(p.bank.live()) == 0 {
		p.bind(t)
	}
	numbers := p.bank.live()
	if len(numbers) == 0 {
		return
	}
	slices.Sort(numbers)
	number := rapid.SampledFrom(numbers).Draw(t, "agreement")
	p.bank.agreements[number].live = false
	for range rapid.IntRange(1, 2).Draw(t, "times") {
		notice := op.Notice{Kind: op.Unsign, Channel: "nucc", Member: p.set.Bank("abc").Routes[0].Member, Agreement: number}
		if err := p.flow.Heard(context.Background(), notice); err != nil {
			t.Fatalf("heard: %v", err)
		}
	}
}

// bankDecides has somebody at the bank decide a case, and say so never, once or twice.
func (p *play) bankDecides(t *rapid.T) {
	waiting := p.bank.undecided()
	if len(waiting) == 0 {
		p.bind(t)
		return
	}
	reason := rapid.SampledFrom([]op.Reason{"", "", op.BankRefused, op.SessionExpired}).Draw(t, "reason")
	notice := p.bank.decide(rapid.SampledFrom(waiting).Draw(t, "case"), reason)
	for range rapid.IntRange(0, 2).Draw(t, "times") {
		if err := p.flow.Heard(context.Background(), notice); err != nil {
			t.Fatalf("heard: %v", err)
		}
	}
}

// die kills the process inside the next call: the bank's answer is not written.
func (p *play) die(t *rapid.T) {
	dead := errors.New("process died")
	p.store.before = func(c journal.Change) error {
		for _, a := range c.Attempts {
			if a.Settled && a.Kind != op.Query {
				return dead
			}
		}
		return nil
	}
	defer func() {
		p.store.before = nil
		p.wire(p.set)
	}()
	if rapid.Bool().Draw(t, "confirming") && len(p.ids) > 0 {
		p.confirm(t, canaryCode)
	} else {
		p.create(t)
	}
}

// check is what holds at every moment.
func (p *play) check(t *rapid.T) {
	live := map[string]int{}
	for _, id := range p.ids {
		b, err := p.store.Binding(context.Background(), id)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if b.Live {
			live[string(b.CardHash)]++
		}
		if ended := slices.Contains([]string{flow.Failed, flow.Expired, flow.Cancelled, flow.Revoked}, b.State); ended == b.Live {
			t.Fatalf("%s, and live is %v", b.State, b.Live)
		}
	}
	for card, n := range live {
		if n > 1 {
			t.Fatalf("%d live bindings of %s", n, card)
		}
	}
	signed := map[string]int{}
	for _, number := range p.bank.live() {
		signed[p.bank.agreements[number].card]++
	}
	for card, n := range signed {
		// Two people at a bank may approve what was cancelled and what was begun anew: it is ended soon.
		if n > 1 && p.bank.manner != approving {
			t.Fatalf("%d live agreements of %s", n, card)
		}
	}
	if len(p.store.wrong) > 0 {
		t.Fatalf("versions: %v", p.store.wrong)
	}
}

// settleDown lets everything be found out and compares.
func (p *play) settleDown(t *rapid.T) {
	p.bank.fates, p.bank.queryFates = nil, nil
	p.pass(t, 15*time.Second)
	for i, number := range p.bank.undecided() {
		p.bank.decide(number, []op.Reason{"", op.BankRefused}[i%2])
	}
	for range 14 { // days of silence, and the last looks after them
		p.add(2*time.Hour + time.Second)
		p.bank.catchUp()
		for p.find(t) > 0 {
			p.add(time.Second)
		}
	}
	p.check(t)
	ours := map[string]bool{}
	for _, id := range p.ids {
		b := p.get(t, id)
		switch b.State {
		case flow.Active:
			ours[b.Agreement] = true
			if _, err := p.store.Sealed(context.Background(), id); err != nil {
				t.Fatalf("active without its card: %v", err)
			}
		case flow.Failed, flow.Expired, flow.Cancelled, flow.Revoked:
			if _, err := p.store.Sealed(context.Background(), id); !errors.Is(err, journal.ErrNotFound) {
				t.Fatalf("%s, and the card is still there: %v", b.State, err)
			}
		default:
			t.Fatalf("never found out: %+v", b)
		}
		for _, a := range b.History {
			if !a.Settled || !a.AskAt.IsZero() {
				t.Fatalf("left open: %+v", a)
			}
		}
	}
	live := p.bank.live()
	for _, number := range live {
		if !ours[number] {
			t.Fatalf("agreement %s is lost: the bank has it, the gateway does not", number)
		}
	}
	if len(live) != len(ours) {
		t.Fatalf("the gateway has %d agreements, the bank %d", len(ours), len(live))
	}
	p.replayAll(t)
	if leaks := p.leaks(); leaks != nil {
		t.Fatalf("written down: %v", leaks)
	}
}

func (p *play) replayAll(t *rapid.T) {
	for key, a := range p.keys {
		if a.keyed.Key == "" {
			continue
		}
		var first string
		for range 2 {
			status, body, done, err := p.flow.Replay(context.Background(), a.keyed)
			if err != nil || !done {
				t.Fatalf("%s is not replayed: %v", key, err)
			}
			if !a.died && (status != a.status || string(body) != a.body) {
				t.Fatalf("%s was answered\n%d %s\nand replayed\n%d %s", key, a.status, a.body, status, body)
			}
			if got := fmt.Sprint(status, string(body)); first != "" && got != first {
				t.Fatalf("%s: two replays differ", key)
			} else {
				first = got
			}
		}
	}
}
