package load

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// clerk answers as a gateway does that classifies as it must, kind by kind of
// the plan. The broken twins change one answer.
type clerk struct {
	mu     sync.Mutex
	plan   []Subject
	asked  map[string]int // looks at a binding, and codes brought to it
	broken func(p *Planned, a *verdict)
}

// verdict is one answer of the clerk.
type verdict struct {
	status         int
	state          string
	category, code string
}

func (c *clerk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/bindings"), "/")
	switch {
	case strings.HasSuffix(r.URL.Path, "/inbox"):
		say(w, 200, "", map[string]any{"messages": []any{map[string]any{"id": "1", "to": r.URL.Query().Get("to"), "code": "123456", "at": time.Now()}}})
	case len(path) == 1:
		_, n, _ := strings.Cut(r.Header.Get("Idempotency-Key"), "-")
		c.answer(w, n, Apply, "")
	case len(path) == 3:
		var body struct{ Code string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		c.answer(w, path[1], Confirm, body.Code)
	default:
		c.look(w, path[1])
	}
}

func (c *clerk) of(id string) *Planned {
	var n int
	_ = json.Unmarshal([]byte(id), &n)
	return c.plan[n].Planned
}

func (c *clerk) count(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = map[string]int{}
	}
	c.asked[what]++
	return c.asked[what]
}

func (c *clerk) answer(w http.ResponseWriter, id string, step Step, code string) {
	p, a := c.of(id), verdict{status: 201, state: "awaiting_code"}
	if step == Confirm {
		a = verdict{status: 200, state: "active"}
	}
	switch {
	case p == nil || p.Want.Step != step:
	case p.Doubt:
		a = verdict{status: 202, state: "processing"}
	case p.wrongCode && code == "123456":
		a = verdict{status: 200, state: "active"} // the wrong code was the right one
	case p.First != "" && c.count("code "+id) < 3:
		a = verdict{status: 422, category: p.Want.Category, code: p.First}
	default:
		a = verdict{status: 422, category: p.Want.Category, code: p.Want.Code}
	}
	c.say(w, id, a)
}

func (c *clerk) look(w http.ResponseWriter, id string) {
	p, a := c.of(id), verdict{status: 200, state: "processing"}
	if c.count("look "+id) > 2 {
		switch {
		case p.End == EndFailed:
			a.state, a.category, a.code = "failed", p.Want.Category, p.Want.Code
		case p.Want.Step == Apply:
			a.state = "awaiting_code"
		default:
			a.state = "active"
		}
	}
	c.say(w, id, a)
}

func (c *clerk) say(w http.ResponseWriter, id string, a verdict) {
	if p := c.of(id); p != nil && c.broken != nil {
		c.broken(p, &a)
	}
	body := map[string]any{"id": id, "state": a.state}
	if a.code != "" {
		body["problem"] = map[string]any{"category": a.category, "code": a.code}
	}
	say(w, a.status, "", body)
}

// judged runs every kind of failure there is, thrice, and as many bindings without one.
// byCode are the failures of a bank that sends codes.
func byCode() []Planned {
	return slices.DeleteFunc(Catalogue(phones), func(p Planned) bool { return p.Want.Step == Approval })
}

func judged(t *testing.T, broken func(p *Planned, a *verdict)) (sum Tally) {
	t.Helper()
	all := byCode()
	people := crowd(6 * len(all))
	c := &clerk{broken: broken}
	for i := range people {
		s := Subject{Bank: "abc", Kind: "debit", Customer: &people[i]}
		if i%2 == 0 {
			s.Planned = &all[i/2%len(all)]
		}
		c.plan = append(c.plan, s)
	}
	b := scenario(t, serve(t, c, 50), len(people))
	b.Plan, b.Judge = c.plan, true
	Attack{Pace: Constant(float64(len(people)), time.Second), Drain: 5 * time.Minute}.Run(t.Context(), b.Shoot)
	for _, tally := range b.Record.Tallies() {
		sum.Add(tally)
	}
	n := int64(0)
	for _, count := range sum.Judged {
		n += count
	}
	if n != int64(len(people)) {
		t.Errorf("%d of %d bindings are judged", n, len(people))
	}
	return sum
}

func TestWhatIsClassifiedRightIsJudgedRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum := judged(t, nil)
		for _, m := range sum.Misjudged {
			t.Errorf("%s: want %v, %s; came %v, %s", m.Planned, m.Want, m.WantEnd, m.Came, m.End)
		}
		if len(sum.Judged) != len(byCode())+1 {
			t.Errorf("%d different judgements", len(sum.Judged))
		}
	})
}

func TestGatewaysThatClassifyWrongAreCaught(t *testing.T) {
	kindIs := func(kinds ...string) func(p *Planned) bool {
		return func(p *Planned) bool { return strings.Contains(" "+strings.Join(kinds, " ")+" ", " "+p.Kind+" ") }
	}
	for _, c := range []struct {
		name   string
		hit    func(p *Planned) bool
		broken func(a *verdict)
	}{
		{"a time-out is told as a mismatch", kindIs("silent_before", "cut_before"), func(a *verdict) {
			if a.code != "" {
				a.category, a.code = Information, "identity_mismatch"
			}
		}},
		{"the code is right and its category is not", kindIs("old_ios"), func(a *verdict) { a.category = "request" }},
		{"the category is right and its code is not", kindIs("wrong_cvv"), func(a *verdict) { a.code = "identity_mismatch" }},
		{"a lost answer is told as a refusal", kindIs("silent_after", "cut_after"), func(a *verdict) {
			if a.status == 202 {
				*a = verdict{status: 504, category: BankTrouble, code: "bank_timeout"}
			}
		}},
		{"a lost answer is told as a success before it is known", kindIs("silent_after", "cut_after"), func(a *verdict) {
			if a.status == 202 {
				*a = verdict{status: 200, state: "active"}
			}
		}},
		{"a doubt goes well that can't", kindIs("silent_before", "cut_before"), func(a *verdict) {
			if a.code != "" {
				*a = verdict{status: 200, state: "awaiting_code"}
			}
		}},
		{"a busy bank is found out about", kindIs("busy"), func(a *verdict) {
			if a.code != "" && a.status == 422 {
				*a = verdict{status: 202, state: "failed", category: BankTrouble, code: "bank_busy"}
			}
		}},
		{"a wrong card is bound", kindIs("misread_number"), func(a *verdict) {
			if a.code != "" {
				*a = verdict{status: 201, state: "awaiting_code"}
			}
		}},
		{"a code is locked at once", kindIs("wrong_code"), func(a *verdict) {
			if a.code != "" {
				a.code = "code_locked"
			}
		}},
		{"a code is never locked", kindIs("locked_code"), func(a *verdict) {
			if a.code != "" {
				a.code = "code_wrong"
			}
		}},
		{"a doubt has no end", kindIs("garbage"), func(a *verdict) {
			if a.status == 200 {
				a.state = "processing"
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hit := 0
				for _, p := range byCode() {
					if c.hit(&p) {
						hit += 3
					}
				}
				sum := judged(t, func(p *Planned, a *verdict) {
					if c.hit(p) {
						c.broken(a)
					}
				})
				for _, m := range sum.Misjudged {
					if !c.hit(&Planned{Kind: m.Planned}) {
						t.Errorf("%s is judged wrong: want %v, came %v, %s", m.Planned, m.Want, m.Came, m.End)
					}
				}
				if len(sum.Misjudged) != hit || hit == 0 {
					t.Errorf("%d of %d wrong answers are caught", len(sum.Misjudged), hit)
				}
			})
		})
	}
}

func TestHealthyBindingThatFailsIsJudgedWrong(t *testing.T) {
	var h heard
	h.answer(Apply, Answer{Status: 422, Category: Information, Code: "name_mismatch"})
	if j := h.judge(nil, EndFailed); j.Right || j.Came.Code != "name_mismatch" {
		t.Errorf("judged %+v", j)
	}
	if j := (&heard{}).judge(nil, EndActive); !j.Right {
		t.Errorf("judged %+v", j)
	}
}
