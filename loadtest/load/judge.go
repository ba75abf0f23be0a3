package load

import "slices"

// Judgement is a binding's plan beside what became of it.
type Judgement struct {
	Planned string  // kind of failure; empty: the binding was to become active
	Want    Failure // zero where none was planned
	WantEnd string
	Came    Failure // the last that the caller was told; zero: nothing bad
	End     string
	Right   bool
}

// Misjudged is one binding that was not told what it had to be told.
type Misjudged struct {
	Nth     int    // binding of the plan, from 0
	Binding string // the gateway's id; empty: it has none
	Bank    string
	Judgement
}

// mostMisjudged bounds how many are kept one by one at each bank; all are counted.
const mostMisjudged = 1_000

// heard is what the caller of one binding was told.
type heard struct {
	failures []Failure
	doubt    [steps]bool // answered with 202
	id       string
}

func (h *heard) answer(s Step, a Answer) {
	if a.ID != "" {
		h.id = a.ID
	}
	if a.Status == 202 {
		h.doubt[s] = true
	}
	if a.Code != "" {
		h.failures = append(h.failures, Failure{s, a.Category, a.Code})
	}
}

// came is the failure that the caller was left with.
func (h *heard) came() Failure {
	if n := len(h.failures); n > 0 {
		return h.failures[n-1]
	}
	for s := steps - 1; s >= 0; s-- {
		if h.doubt[s] {
			return Failure{s, BankTrouble, CodeProcessing}
		}
	}
	return Failure{}
}

// judge holds what was heard against the plan.
func (h *heard) judge(p *Planned, end string) Judgement {
	j := Judgement{WantEnd: EndActive, Came: h.came(), End: end}
	if p == nil {
		j.Right = end == EndActive
		if j.Right { // a doubt that went well was no failure
			j.Came = Failure{}
		}
		return j
	}
	j.Planned, j.Want, j.WantEnd = p.Kind, p.Want, p.End
	others := h.doubt
	others[p.Want.Step] = false
	j.Right = end == p.End && j.Came == p.Want && h.doubt[p.Want.Step] == p.Doubt && others == [steps]bool{} &&
		!slices.ContainsFunc(h.failures, func(f Failure) bool {
			return f != p.Want && (p.First == "" || f != Failure{p.Want.Step, p.Want.Category, p.First})
		})
	return j
}
