package guard_test

import (
	"context"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// model is a gate by the book: counts, and tokens as fractions.
type model struct {
	l                     profiles.Limits
	inFlight, ordinary    int
	tokens, ordinaryToken float64
	seen                  time.Time
}

func (m *model) fill(now time.Time) {
	passed := now.Sub(m.seen).Seconds()
	m.seen = now
	free := 1 - float64(m.l.Reserve.All())
	m.tokens = min(float64(m.l.Burst), m.tokens+passed*float64(m.l.PerSecond))
	m.ordinaryToken = min(max(1, math.Floor(float64(m.l.Burst)*free)), m.ordinaryToken+passed*float64(m.l.PerSecond)*free)
}

func (m *model) ordinaryLimit() int {
	return max(1, int(float64(m.l.InFlight)*(1-float64(m.l.Reserve.All()))))
}

// allows answers yes, no, or that it is too close to tell: the gate counts in whole nanoseconds.
func (m *model) allows(ordinary bool) (yes, sure bool) {
	const close = 1e-4
	tokens := m.tokens
	if ordinary {
		tokens = min(tokens, m.ordinaryToken)
	}
	if m.inFlight >= m.l.InFlight || ordinary && m.ordinary >= m.ordinaryLimit() {
		return false, true
	}
	return tokens >= 1, math.Abs(tokens-1) > close
}

// both is what two gates in a row allow.
func both(a, b *model, ordinary bool) (yes, sure bool) {
	aYes, aSure := a.allows(ordinary)
	bYes, bSure := b.allows(ordinary)
	no := aSure && !aYes || bSure && !bYes
	return !no, no || aSure && bSure
}

func (m *model) enter(ordinary bool) {
	m.inFlight++
	m.tokens--
	if ordinary {
		m.ordinary++
		m.ordinaryToken--
	}
}

func (m *model) leave(ordinary bool) {
	m.inFlight--
	if ordinary {
		m.ordinary--
	}
}

// The guard does what the book says, whatever comes in which order.
func TestByTheBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limitsOf := map[string]profiles.Limits{"a": drawLimits(t, "a"), "b": drawLimits(t, "b"), "hub": drawLimits(t, "hub")}
		c := &clock{noon}
		g := newGuard(set(limitsOf["a"], limitsOf["b"], limitsOf["hub"]), c.now)
		models := map[string]*model{}
		for name, l := range limitsOf {
			models[name] = &model{l: l, tokens: float64(l.Burst), ordinaryToken: float64(l.Burst), seen: noon}
		}
		type visit struct {
			bank     string
			ordinary bool
			leave    func(op.Result)
		}
		var visits, gone []visit
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				bank := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "bank")
				ordinary := rapid.Bool().Draw(t, "ordinary")
				kind := op.Confirm
				if ordinary {
					kind = op.Apply
				}
				b, hub := models[bank], models["hub"]
				b.fill(c.at)
				hub.fill(c.at)
				leave, refused := g.Enter(context.Background(), "hub", bank, kind)
				if yes, sure := both(b, hub, ordinary); sure && (refused == nil) != yes {
					t.Fatalf("refused: %v; the book says %v", refused, yes)
				}
				if refused == nil {
					b.enter(ordinary)
					hub.enter(ordinary)
					visits = append(visits, visit{bank, ordinary, leave})
				}
			},
			"leave": func(t *rapid.T) {
				if len(visits) == 0 {
					return
				}
				i := rapid.IntRange(0, len(visits)-1).Draw(t, "who")
				v := visits[i]
				visits = append(visits[:i], visits[i+1:]...)
				v.leave(op.Result{})
				models[v.bank].leave(v.ordinary)
				models["hub"].leave(v.ordinary)
				gone = append(gone, v)
			},
			"leave again": func(t *rapid.T) {
				if len(gone) == 0 {
					return
				}
				rapid.SampledFrom(gone).Draw(t, "who").leave(op.Result{})
			},
			"wait": func(t *rapid.T) {
				c.at = c.at.Add(time.Duration(rapid.IntRange(1, 700).Draw(t, "ms")) * time.Millisecond)
			},
			"": func(t *rapid.T) {
				for _, bank := range []string{"a", "b"} {
					if got, want := look(g, bank).InFlight, models[bank].inFlight; got != want {
						t.Fatalf("bank %s has %d under way, want %d", bank, got, want)
					}
				}
			},
		})
	})
}

func drawLimits(t *rapid.T, name string) profiles.Limits {
	reserve := profiles.Share(rapid.SampledFrom([]float64{0, 0.1, 0.25, 0.5}).Draw(t, name+" reserve"))
	return limits(rapid.IntRange(1, 50).Draw(t, name+" rate"), rapid.IntRange(1, 20).Draw(t, name+" burst"),
		rapid.IntRange(1, 12).Draw(t, name+" in flight"), reserve)
}
