package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"kaqiao/loadtest/load"
)

// FailuresAsked is what was to fail.
type FailuresAsked struct {
	Part  float64   `json:"part"` // of all bindings, 0 to 1
	Mix   []PartOf  `json:"mix"`
	Aside []AsideOf `json:"set_aside"` // banks on which failures of banks were played; no promise is held against them
}

// PartOf is a category with its part of all failures, 0 to 1.
type PartOf struct {
	Category string  `json:"category"`
	Share    float64 `json:"share"`
}

// AsideOf is a bank that was set aside, and what it played.
type AsideOf struct {
	Bank  string `json:"bank"`
	Kind  string `json:"kind"`
	Fault string `json:"fault"`
	Step  string `json:"step"`
}

// AskedFailures says what was asked of a plan.
func AskedFailures(f load.Failing, plan []load.Subject) *FailuresAsked {
	a := &FailuresAsked{Part: f.Part, Mix: []PartOf{}, Aside: []AsideOf{}}
	sum := 0.0
	for _, w := range f.Mix {
		sum += w.Weight
	}
	for _, w := range f.Mix {
		a.Mix = append(a.Mix, PartOf{w.Name, w.Weight / sum})
	}
	apart := load.Apart(plan)
	for _, bank := range slices.Sorted(maps.Keys(apart)) {
		p := apart[bank]
		a.Aside = append(a.Aside, AsideOf{bank, p.Kind, p.Fault, p.Want.Step.String()})
	}
	return a
}

func (a Asked) setAside(bank string) bool {
	return a.Failures != nil && slices.ContainsFunc(a.Failures.Aside, func(o AsideOf) bool { return o.Bank == bank })
}

// Classified holds what was planned against what came.
type Classified struct {
	Planned    int64        `json:"planned"`    // failures of bindings that have ended and were judged
	Healthy    int64        `json:"healthy"`    // bindings that were to become active, of the judged
	Right      int64        `json:"right"`      // of both
	Wrong      int64        `json:"wrong"`      // of both
	NotJudged  int64        `json:"not_judged"` // started, and cut off before anybody could know
	Categories []CategoryOf `json:"categories"`
	Kinds      []KindOf     `json:"kinds"`
	Misjudged  []Misjudged  `json:"misjudged"` // one by one, at most 1,000 a bank
}

// CategoryOf is one category. Shares are of all failures, 0 to 1.
type CategoryOf struct {
	Category   string  `json:"category"`
	ShareAsked float64 `json:"share_asked"`
	Planned    int64   `json:"planned"`
	Came       int64   `json:"came"` // bindings whose caller was left with it, planned or not
	ShareCame  float64 `json:"share_came"`
	Right      int64   `json:"right"` // of the planned ones
	Wrong      int64   `json:"wrong"`
}

// KindOf is one kind of failure. End is how the binding must end.
type KindOf struct {
	Kind string `json:"kind"`
	Told
	End     string `json:"end"`
	Planned int64  `json:"planned"`
	Right   int64  `json:"right"`
	Wrong   int64  `json:"wrong"`
}

// Told is what a caller is told of a failure, and with which request. All empty: nothing bad.
type Told struct {
	Step     string `json:"step,omitempty"`
	Category string `json:"category,omitempty"`
	Code     string `json:"code,omitempty"` // processing: the outcome was being found out, and no bad news came after that
}

// Misjudged is one binding that was not told what it had to be told.
type Misjudged struct {
	Nth     int    `json:"nth"` // of the plan, from 0
	Binding string `json:"binding,omitempty"`
	Bank    string `json:"bank"`
	Kind    string `json:"kind,omitempty"` // empty: it was to become active
	Want    Told   `json:"want"`
	WantEnd string `json:"want_end"`
	Came    Told   `json:"came"`
	CameEnd string `json:"came_end"`
}

// Misclassified reports whether a binding was told something else than what had happened.
func (r *Report) Misclassified() bool { return r.Classified != nil && r.Classified.Wrong > 0 }

func classified(run Run) *Classified {
	if run.Asked.Failures == nil {
		return nil
	}
	var sum load.Tally
	for _, t := range run.Lanes {
		sum.Add(t)
	}
	c := &Classified{Misjudged: []Misjudged{}}
	categories, kinds := map[string]*CategoryOf{}, map[string]*KindOf{}
	for _, m := range run.Asked.Failures.Mix {
		categories[m.Category] = &CategoryOf{Category: m.Category, ShareAsked: m.Share}
	}
	came := int64(0)
	for j, n := range sum.Judged {
		right, wrong := n, int64(0)
		if !j.Right {
			right, wrong = 0, n
		}
		c.Right, c.Wrong = c.Right+right, c.Wrong+wrong
		if j.Came != (load.Failure{}) {
			entry(categories, j.Came.Category, CategoryOf{Category: j.Came.Category}).Came += n
			came += n
		}
		if j.Planned == "" {
			c.Healthy += n
			continue
		}
		c.Planned += n
		category := entry(categories, j.Want.Category, CategoryOf{Category: j.Want.Category})
		category.Planned, category.Right, category.Wrong = category.Planned+n, category.Right+right, category.Wrong+wrong
		// Banks of another protocol may tell the same in other words.
		kind := entry(kinds, strings.Join([]string{j.Planned, j.Want.Code, j.WantEnd}, " "), KindOf{Kind: j.Planned, Told: told(j.Want), End: j.WantEnd})
		kind.Planned, kind.Right, kind.Wrong = kind.Planned+n, kind.Right+right, kind.Wrong+wrong
	}
	c.Categories, c.Kinds = sorted(categories, kinds, came)
	for _, m := range sum.Misjudged {
		c.Misjudged = append(c.Misjudged, Misjudged{
			Nth: m.Nth, Binding: m.Binding, Bank: m.Bank, Kind: m.Planned,
			Want: told(m.Want), WantEnd: m.WantEnd, Came: told(m.Came), CameEnd: m.End,
		})
	}
	slices.SortFunc(c.Misjudged, func(a, b Misjudged) int { return cmp.Compare(a.Nth, b.Nth) })
	c.NotJudged = int64(run.Starts.Started) - c.Planned - c.Healthy
	return c
}

// sorted puts categories and kinds into the order of those who read them: the
// category with the greatest share first, and each one's kinds by request and code.
func sorted(categories map[string]*CategoryOf, kinds map[string]*KindOf, came int64) ([]CategoryOf, []KindOf) {
	list := []CategoryOf{}
	for _, c := range categories {
		if came > 0 {
			c.ShareCame = float64(c.Came) / float64(came)
		}
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b CategoryOf) int {
		return cmp.Or(cmp.Compare(b.ShareAsked, a.ShareAsked), cmp.Compare(b.Came, a.Came), cmp.Compare(a.Category, b.Category))
	})
	place := func(category string) int {
		return slices.IndexFunc(list, func(c CategoryOf) bool { return c.Category == category })
	}
	of := []KindOf{}
	for _, k := range kinds {
		of = append(of, *k)
	}
	slices.SortFunc(of, func(a, b KindOf) int {
		return cmp.Or(cmp.Compare(place(a.Category), place(b.Category)), cmp.Compare(a.Step, b.Step),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Kind, b.Kind))
	})
	return list, of
}

func told(f load.Failure) Told {
	if f == (load.Failure{}) {
		return Told{}
	}
	return Told{f.Step.String(), f.Category, f.Code}
}

func entry[V any](m map[string]*V, key string, fresh V) *V {
	if m[key] == nil {
		m[key] = &fresh
	}
	return m[key]
}
