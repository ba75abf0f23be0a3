package load

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kaqiao/loadtest/control"
	"kaqiao/profiles/secret"
)

// one binds a single card against b and returns what was recorded.
func one(t *testing.T, b *bank, change func(*Bind)) Tally {
	t.Helper()
	s := scenario(t, serve(t, b, 10), 1)
	if change != nil {
		change(s)
	}
	Attack{Pace: Constant(1, time.Second), Drain: 5 * time.Minute}.Run(t.Context(), s.Shoot)
	return s.Record.Tallies()[0]
}

func TestBindingIsTimedStepByStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{
			answer: func(w http.ResponseWriter, r *http.Request, _ int) {
				sleep(r.Context(), 300*time.Millisecond)
				say(w, 201, "N1", map[string]any{"id": "b1", "state": "awaiting_code"})
			},
			confirm: func(w http.ResponseWriter, id string, body map[string]any) {
				if body["code"] != "123456" || body["card"] != nil {
					t.Errorf("confirm brought %v", body)
				}
				sleep(t.Context(), 500*time.Millisecond)
				say(w, 200, "N2", map[string]any{"id": id, "state": "active"})
			},
		}
		got := one(t, b, nil)
		about(t, "apply", got.Steps[Apply].Banked.Max(), 300*time.Millisecond)
		about(t, "confirm", got.Steps[Confirm].Banked.Max(), 500*time.Millisecond)
		about(t, "whole", got.Whole.Max(), 800*time.Millisecond)
		if got.Ends[EndActive] != 1 || len(got.Failures) != 0 || got.Journey.Count() != 0 {
			t.Errorf("ends %v, failures %v", got.Ends, got.Failures)
		}
	})
}

func TestThinkingIsPlayedAndNotCountedAsTheMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		think := Think{Journey: 90 * time.Second, Seed: 7}
		first, second := think.of(0)
		got := one(t, &bank{}, func(s *Bind) { s.Think = think })
		about(t, "journey", got.Journey.Max(), first+second)
		if got.Whole.Max() > time.Millisecond || got.Steps[Apply].Banked.Max() > time.Millisecond || got.Steps[Confirm].Banked.Max() > time.Millisecond {
			t.Errorf("the machines took %v in all, apply %v, confirm %v", got.Whole.Max(), got.Steps[Apply].Banked.Max(), got.Steps[Confirm].Banked.Max())
		}
	})
}

func TestThinkingHasItsMeanAndItsSeed(t *testing.T) {
	const n = 20_000
	think, sum := Think{Journey: 90 * time.Second, Seed: 7}, time.Duration(0)
	for i := range n {
		a, b := think.of(i)
		sum += a + b
	}
	if mean := sum / n; mean < 89*time.Second || mean > 91*time.Second {
		t.Errorf("the mean journey is %v", mean)
	}
	a, _ := think.of(3)
	b, _ := Think{Journey: 90 * time.Second, Seed: 8}.of(3)
	if again, _ := think.of(3); a != again || a == b {
		t.Errorf("seed 7: %v and %v, seed 8: %v", a, again, b)
	}
}

func TestUnknownOutcomeIsAskedAboutUntilItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var asked atomic.Int64
		b := &bank{
			confirm: func(w http.ResponseWriter, id string, _ map[string]any) {
				say(w, 202, "N1", map[string]any{"id": id, "state": "processing", "next": map[string]any{"after": time.Now().Add(time.Second)}})
			},
			get: func(w http.ResponseWriter, id string) {
				asked.Add(1)
				state := "processing"
				if time.Since(began) > 4*time.Second {
					state = "active"
				}
				say(w, 200, "", map[string]any{"id": id, "state": state})
			},
		}
		got := one(t, b, nil)
		if got.Ends[EndActive] != 1 || got.Whole.Max() < 4*time.Second || got.Whole.Max() > 5*time.Second {
			t.Errorf("ends %v, whole %v", got.Ends, got.Whole.Max())
		}
		if asked.Load() > 50 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestEveryEndIsCounted(t *testing.T) {
	problem := func(category, code string) map[string]any { return map[string]any{"code": code, "category": category} }
	refuse := func(status int, number, category, code string) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ int) { say(w, status, number, problem(category, code)) }
	}
	processing := func(w http.ResponseWriter, id string) {
		say(w, 200, "", map[string]any{"id": id, "state": "processing"})
	}
	for _, c := range []struct {
		name    string
		bank    *bank
		change  func(*Bind)
		end     string
		failure Failure
		local   bool // no bank was asked
	}{
		{name: "refused by the bank", bank: &bank{answer: refuse(422, "N1", "information", "name_mismatch")},
			end: EndFailed, failure: Failure{Apply, "information", "name_mismatch"}},
		{name: "refused by the gateway", bank: &bank{answer: refuse(429, "", "bank", "bank_rate_limited")},
			end: EndFailed, failure: Failure{Apply, "bank", "bank_rate_limited"}, local: true},
		{name: "no JSON", bank: &bank{answer: func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = w.Write([]byte("<html>")) }},
			end: EndUnanswered, failure: Failure{Apply, "transport", "not_json"}, local: true},
		{name: "connection lost", bank: &bank{answer: func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }},
			end: EndUnanswered, failure: Failure{Apply, "transport", "no_answer"}, local: true},
		{name: "never known", bank: &bank{get: processing, confirm: func(w http.ResponseWriter, id string, _ map[string]any) {
			say(w, 202, "N1", map[string]any{"id": id, "state": "processing"})
		}}, end: EndProcessing},
		{name: "no code", bank: &bank{}, change: func(s *Bind) { s.Inbox = deadInbox{} },
			end: EndNoCode, failure: Failure{Confirm, "inbox", "no_code"}},
		{name: "the inbox is down", bank: &bank{}, change: func(s *Bind) { s.Inbox = brokenInbox{} },
			end: EndNoCode, failure: Failure{Confirm, "inbox", "no_code"}},
		{name: "an old code only", bank: &bank{}, change: func(s *Bind) { s.Inbox = staleInbox{} },
			end: EndNoCode, failure: Failure{Confirm, "inbox", "no_code"}},
		{name: "failed after all", bank: &bank{
			confirm: func(w http.ResponseWriter, id string, _ map[string]any) {
				say(w, 202, "N1", map[string]any{"id": id, "state": "processing"})
			},
			get: func(w http.ResponseWriter, id string) {
				say(w, 200, "", map[string]any{"id": id, "state": "failed", "problem": problem("account", "class_restricted")})
			},
		}, end: EndFailed, failure: Failure{Confirm, "account", "class_restricted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := one(t, c.bank, c.change)
				if got.Ends[c.end] != 1 || len(got.Ends) != 1 || got.Whole.Count() != 0 {
					t.Errorf("ends %v, want %s", got.Ends, c.end)
				}
				if c.failure.Code == "" && len(got.Failures) > 0 || c.failure.Code != "" && (len(got.Failures) != 1 || got.Failures[c.failure] != 1) {
					t.Errorf("failures %v, want %v", got.Failures, c.failure)
				}
				if local := got.Steps[Apply].Local.Count() == 1; local != c.local {
					t.Errorf("the gateway answered alone: %v", local)
				}
			})
		})
	}
}

func TestCutOffBindingIsCountedAtItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scenario(t, serve(t, &bank{answer: func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }}, 10), 1)
		starts := Attack{Pace: Constant(1, time.Second), Drain: 30 * time.Second}.Run(t.Context(), s.Shoot)
		got := s.Record.Tallies()[0]
		about(t, "age", got.Steps[Apply].Local.Max(), 30*time.Second)
		if got.Ends[EndCutOff] != 1 || starts.Unfinished != 1 {
			t.Errorf("ends %v, %d unfinished", got.Ends, starts.Unfinished)
		}
	})
}

// A confirm that never reached the bank is brought again, with the same code.
func TestConfirmThatNeverArrivedIsBroughtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var confirms atomic.Int64
		b := &bank{
			confirm: func(w http.ResponseWriter, id string, _ map[string]any) {
				if confirms.Add(1) == 1 {
					say(w, 202, "N1", map[string]any{"id": id, "state": "processing"})
					return
				}
				say(w, 200, "N2", map[string]any{"id": id, "state": "active"})
			},
			get: func(w http.ResponseWriter, id string) {
				say(w, 200, "", map[string]any{"id": id, "state": "awaiting_code"})
			},
		}
		got := one(t, b, nil)
		if got.Ends[EndActive] != 1 || got.Steps[Confirm].Banked.Count() != 2 {
			t.Errorf("ends %v, %d confirms", got.Ends, got.Steps[Confirm].Banked.Count())
		}
	})
}

type deadInbox struct{}

func (deadInbox) Inbox(ctx context.Context, _, _, _ string, wait time.Duration) ([]control.Message, error) {
	sleep(ctx, wait)
	return nil, nil
}

type brokenInbox struct{}

func (brokenInbox) Inbox(context.Context, string, string, string, time.Duration) ([]control.Message, error) {
	return nil, errNotJSON
}

type staleInbox struct{}

func (staleInbox) Inbox(ctx context.Context, _, _, after string, wait time.Duration) ([]control.Message, error) {
	if after == "7" {
		sleep(ctx, wait)
		return nil, nil
	}
	return []control.Message{{ID: "7", Code: secret.NewCode("654321"), At: time.Now().Add(-time.Hour)}}, nil
}

// about allows for the histogram's three digits.
func about(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if diff := (got - want).Abs(); diff > want/500+time.Millisecond {
		t.Errorf("%s took %v, want %v", what, got, want)
	}
}

// Where somebody approves, the tool plays them, and times what follows the decision.
func TestApprovalIsPlayedAndTimedFromTheDecision(t *testing.T) {
	for _, deny := range []float64{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			var decided atomic.Value
			b := &bank{
				answer: func(w http.ResponseWriter, r *http.Request, _ int) {
					sleep(r.Context(), 300*time.Millisecond)
					say(w, 201, "N1", map[string]any{"id": "b1", "state": "awaiting_approval", "challenge": map[string]any{"kind": "email"}})
				},
				decide: func(verb string) {
					decided.Store(time.Now())
					if want := map[float64]string{0: "approve", 1: "deny"}[deny]; verb != want {
						t.Errorf("the tool says %s, want %s", verb, want)
					}
				},
				get: func(w http.ResponseWriter, id string) {
					at, _ := decided.Load().(time.Time)
					switch {
					case at.IsZero() || time.Since(at) < time.Second:
						say(w, 200, "", map[string]any{"id": id, "state": "awaiting_approval"})
					case deny == 0:
						say(w, 200, "", map[string]any{"id": id, "state": "active"})
					default:
						say(w, 200, "", map[string]any{"id": id, "state": "failed", "problem": map[string]any{"code": "bank_refused", "category": "bank"}})
					}
				},
			}
			got := one(t, b, func(s *Bind) {
				s.Deny = deny
				s.Think = Think{Journey: 90 * time.Second, Seed: 7}
				s.Plan[0].Customer.Email = "a@b.example"
			})
			about(t, "apply", got.Steps[Apply].Banked.Max(), 300*time.Millisecond)
			if seen := got.Steps[Approval].All(); seen.Count() != 1 || seen.Max() < time.Second || seen.Max() > 2*time.Second {
				t.Errorf("seen after %v", seen.Max())
			}
			want, failures := EndActive, 0
			if deny == 1 {
				want, failures = EndFailed, 1
			}
			if got.Ends[want] != 1 || len(got.Failures) != failures || got.Steps[Confirm].Banked.Count() != 0 {
				t.Errorf("ends %v, failures %v", got.Ends, got.Failures)
			}
			if deny == 0 && (got.Whole.Max() > 3*time.Second || got.Journey.Max() < 10*time.Second) {
				t.Errorf("whole %v, journey %v", got.Whole.Max(), got.Journey.Max())
			}
		})
	}
}
