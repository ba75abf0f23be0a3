package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The gateway is killed at each point that it passes, for each deed and
// protocol, and started again on the same data. Each deed is rehearsed first,
// and the points that it passes then are where it is killed: none can be left
// out. What must hold afterwards is in aftermath.
func TestKilledAtEveryPoint(t *testing.T) {
	lanes := startLanes(t, laneBanks...)
	rehearsals := map[string]chan deed{}
	for _, protocol := range everywhere {
		rehearsals[protocol] = make(chan deed, len(deeds))
		for _, d := range deeds {
			if slices.Contains(d.protocols, protocol) && d.name != heard {
				rehearsals[protocol] <- d
			}
		}
		close(rehearsals[protocol])
	}
	p := plan{deaths: map[string][]death{}, reached: pointsNamed(t)}
	atOnce(t, "rehearsal", lanes, func(t *testing.T, l *lane) {
		l.start(t)
		if d := deedOf(heard); !l.deaf && slices.Contains(d.protocols, l.protocol) {
			p.add(t, l.bank, d, l.rehearse(t, d))
		}
		for d := range rehearsals[l.protocol] {
			p.add(t, l.protocol, d, l.rehearse(t, d))
		}
	})
	for point, ok := range p.reached {
		if !ok {
			t.Errorf("nothing has reached %s", point)
		}
	}
	atOnce(t, "killed", lanes, func(t *testing.T, l *lane) {
		for _, queue := range []string{l.bank, l.protocol} { // first what this lane alone can do
			for x, ok := p.next(queue); ok; x, ok = p.next(queue) {
				t.Run(x.deed.name+" at "+x.point, func(t *testing.T) { l.crash(t, x.deed, x.point) })
			}
		}
		l.mustAgree(t)
		l.mustKeepNoSecrets(t)
	})
}

// atOnce runs all lanes at the same time. A start is waited for more than it
// works, so that there are more of them than t.Parallel lets run.
func atOnce(t *testing.T, name string, lanes []*lane, do func(*testing.T, *lane)) {
	t.Run(name, func(t *testing.T) {
		var all sync.WaitGroup
		for _, l := range lanes {
			all.Go(func() { t.Run(l.bank, func(t *testing.T) { do(t, l) }) })
		}
		all.Wait()
	})
	if t.Failed() {
		t.FailNow()
	}
}

// death is a deed and the point at which the gateway dies of it.
type death struct {
	deed  deed
	point string
}

// plan is all of them, for the lanes of a protocol or of one bank, and which points they reach.
type plan struct {
	mu      sync.Mutex
	deaths  map[string][]death
	reached map[string]bool
}

func (p *plan) add(t *testing.T, queue string, d deed, points []string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, point := range points {
		name := strings.Fields(point)[1]
		if _, known := p.reached[name]; !known {
			t.Errorf("%s is passed and docs/truth-details.md does not know it", name)
		}
		p.reached[name] = true
		if name != "vault.keyed" { // see TestKilledWhenTheDayHasItsKey
			p.deaths[queue] = append(p.deaths[queue], death{d, point})
		}
	}
}

func (p *plan) next(queue string) (x death, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok = len(p.deaths[queue]) > 0; ok {
		x, p.deaths[queue] = p.deaths[queue][0], p.deaths[queue][1:]
	}
	return x, ok
}

// A data folder sees this point once a day: one of its own is killed there.
func TestKilledWhenTheDayHasItsKey(t *testing.T) {
	l := startLanes(t, laneBanks[0])[0]
	l.start(t)
	l.crash(t, deeds[0], "1 vault.keyed")
	l.mustAgree(t)
}

// The program as it is shipped has no such switch: told to end at each of the points, it goes on.
func TestTheShippedGatewayEndsAtNoPoint(t *testing.T) {
	named := pointsNamed(t)
	l := startLanes(t, laneBanks[0])[0]
	l.gateway.binary = filepath.Join(programs(t), "gateway")
	l.start(t)
	for point := range named {
		for _, what := range []string{"", "apply", "confirm", "unsign", "POST", "DELETE", "binding.active", "binding.revoked"} {
			l.arm(t, strings.TrimSpace("1 "+point+" "+what))
		}
		s := l.subject(t)
		for _, name := range []string{"apply", "confirm", "revoke"} {
			d := deedOf(name)
			s.request = d.request(t, l, s)
			if r, err := l.send(t.Context(), s); err != nil || r.status >= 300 {
				t.Fatalf("%s at %s: %d %s, %v", name, point, r.status, r.body, err)
			} else if s.id == "" {
				s.id = r.id()
			}
		}
	}
	if text, err := os.ReadFile(filepath.Join(l.folder, "passed")); err == nil && len(text) > 0 {
		t.Errorf("it has written down what it passes:\n%s", text)
	}
	if binary, err := os.ReadFile(l.gateway.binary); err != nil || strings.Contains(string(binary), "KAQIAO_CRASH") {
		t.Errorf("it knows the variable, or can't be read: %v", err)
	}
}

// pointsNamed are the points that docs/truth-details.md lists, which a test of the gateway holds against its own list.
func pointsNamed(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "truth-details.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		name, isRow := strings.CutPrefix(line, "| `")
		if name, _, ok := strings.Cut(name, "`"); isRow && ok && strings.Contains(name, ".") {
			named[name] = false
		}
	}
	if len(named) < 10 {
		t.Fatalf("docs/truth-details.md lists %d points", len(named))
	}
	return named
}

// rehearse runs a deed once and returns the points that it passes, each with
// its number among those of the same name, such as "2 journal.writing".
func (l *lane) rehearse(t *testing.T, d deed) (points []string) {
	t.Helper()
	if d.fresh { // what a process does once must be there when a deed is rehearsed, and again when it is done
		l.again(t)
	}
	s := l.subject(t)
	d.begin(t, l, s)
	l.arm(t, "")
	if d.request != nil {
		s.request = d.request(t, l, s)
	}
	var passed []string
	if err := l.act(t, d, s); err != nil {
		t.Fatalf("%s: %v", d.name, err)
	}
	eventually(t, d.name+" is over", l.over(t, d, &passed))
	l.aftermath(t, d, s)

	count, begun := map[string]int{}, d.from == ""
	for _, line := range passed {
		count[line]++
		if begun = begun || strings.HasPrefix(line, d.from); begun {
			points = append(points, fmt.Sprintf("%d %s", count[line], line))
		}
	}
	if len(points) == 0 {
		t.Fatalf("%s passes %v", d.name, passed)
	}
	return points
}

// again ends the gateway and starts it.
func (l *lane) again(t *testing.T) {
	t.Helper()
	l.gateway.kill()
	l.arm(t, "")
	l.gateway.start(t)
}

// crash runs a deed into its end at a point, and looks after what is left.
func (l *lane) crash(t *testing.T, d deed, point string) {
	t.Helper()
	if d.fresh {
		l.again(t)
	}
	s := l.subject(t)
	d.begin(t, l, s)
	if d.request != nil {
		s.request = d.request(t, l, s)
	}
	l.arm(t, point)
	_ = l.act(t, d, s) // whom it asks may be dead by then
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-l.gateway.gone:
	case <-limit.C:
		t.Fatalf("the point is not reached; passed: %v", l.passed(t))
	}
	l.arm(t, "")
	if err := l.gateway.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.request.method != "" {
		l.mustAnswerAlike(t, d, s)
	}
	s.interrupted = strings.Contains(point, "bank.intended") || strings.Contains(point, "bank.answered")
	s.mayBeLost = d.name == "apply" && (strings.Contains(point, "bank.intended") || strings.Contains(point, "link.sent"))
	l.aftermath(t, d, s)
}

// act asks what a caller asks, or has the bank or its people do something.
func (l *lane) act(t *testing.T, d deed, s *subject) error {
	t.Helper()
	if d.fault != "" {
		fault := map[string]any{"faults": []map[string]any{{"kind": "reset_after_commit", "operation": d.fault, "count": 1}}}
		if err := l.farm.Behave(t.Context(), l.bank, fault); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.farm.Calm(t.Context(), l.bank); err != nil {
				t.Fatal(err)
			}
		}()
	}
	if s.request.method == "" {
		d.happen(t, l, s)
		return nil
	}
	r, err := l.send(t.Context(), s)
	if err == nil {
		s.before = &r
		s.learn(r)
	}
	return err
}
