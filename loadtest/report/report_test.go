package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/profiles"
)

var banks = []control.Bank{{ID: "icbc", Tier: "state"}, {ID: "abc", Tier: "state"}, {ID: "bob", Tier: "city"}}

// sample is a run of 100 bindings at each of three banks in 10 s: abc takes 300
// to 399 ms for an apply, icbc 400 to 499 ms, bob 3.3 to 4.29 s; a confirm
// takes twice that. The last two at bob fail.
func sample(t *testing.T) Run {
	t.Helper()
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rec := load.NewRecorder(3)
	for lane, first := range []time.Duration{400 * time.Millisecond, 300 * time.Millisecond, 3300 * time.Millisecond} {
		step := time.Millisecond
		if lane == 2 {
			step = 10 * time.Millisecond
		}
		for i := range 100 {
			took := first + time.Duration(i)*step
			if lane == 2 && i >= 98 {
				rec.Answered(lane, load.Apply, took, load.Answer{BankNumber: "n", Category: "information", Code: "name_mismatch"})
				rec.Ended(lane, load.EndFailed, took, took)
				continue
			}
			rec.Answered(lane, load.Apply, took, load.Answer{BankNumber: "n"})
			rec.Answered(lane, load.Confirm, 2*took, load.Answer{BankNumber: "n"})
			rec.Ended(lane, load.EndActive, 3*took, 3*took)
		}
	}
	starts := load.Starts{Began: time.Date(2026, 11, 23, 17, 40, 0, 0, profiles.Beijing), Asked: 300, Started: 300}
	starts.LastStart = starts.Began.Add(9967 * time.Millisecond)
	starts.Late.Record(200 * time.Microsecond)
	return Run{
		Pace: load.Constant(30, 10*time.Second), Starts: starts, Banks: banks, Lanes: rec.Tallies(), Set: set,
		Asked: Asked{Banks: []string{"abc", "bob", "icbc"}, Mix: []string{"debit"}, Seed: 1, Platform: "wechat", InFlightLimit: 20000},
	}
}

func TestFiguresAreThoseOfTheWholeTier(t *testing.T) {
	r := Make(sample(t))
	var ids []string
	for _, g := range r.Tiers {
		ids = append(ids, g.ID)
	}
	if !slices.Equal(ids, []string{"state", "city"}) || r.Tiers[0].Banks != 2 {
		t.Fatalf("tiers %v, %d banks", ids, r.Tiers[0].Banks)
	}
	// Of 200 evenly spread answers from 300 to 499 ms, 100 take at most 399 and 180 at most 479.
	apply := r.Tiers[0].Steps[0].All
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"p50", apply.P50MS, 399}, {"p90", apply.P90MS, 479}, {"p99", apply.P99MS, 497}, {"max", apply.MaxMS, 499},
		{"count", float64(apply.Count), 200}, {"rate", apply.RatePerS, 20},
		{"whole p50", r.Tiers[0].Whole.P50MS, 1197}, {"city whole", float64(r.Tiers[1].Whole.Count), 98},
	} {
		if c.got < c.want*0.998 || c.got > c.want*1.002 {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	if r.Banks[0].ID != "abc" || r.Banks[0].Steps[0].All.MaxMS > 400 {
		t.Errorf("the first bank is %s with %v ms", r.Banks[0].ID, r.Banks[0].Steps[0].All.MaxMS)
	}
	if f := r.Tiers[1].Failures; len(f) != 1 || f[0] != (Failure{"apply", "information", "name_mismatch", 2}) {
		t.Errorf("failures %v", f)
	}
	if len(r.Attack.Doubts) != 0 || r.Attack.AchievedRatio < 0.999 {
		t.Errorf("%+v", r.Attack)
	}
}

func TestPromisesAreJudged(t *testing.T) {
	run := sample(t)
	verdicts := func() map[string]string {
		got := map[string]string{}
		for _, p := range Make(run).Promises {
			got[p.Tier+" "+p.Step] = p.Verdict
		}
		return got
	}
	// state promises under 2 s, city 3 to 5 s; bob confirms in 6.6 s and more.
	want := map[string]string{"state apply": Met, "state confirm": Met, "city apply": Met, "city confirm": Slower}
	if diff := cmp.Diff(want, verdicts()); diff != "" {
		t.Error(diff)
	}
	if !Make(run).Missed() {
		t.Error("a slower tier is no missed promise")
	}

	rec := load.NewRecorder(3)
	for range EnoughAnswers {
		rec.Answered(2, load.Apply, time.Second, load.Answer{BankNumber: "n"})
		rec.Answered(0, load.Apply, time.Minute, load.Answer{Code: "overloaded"}) // no bank was asked
	}
	for range EnoughAnswers - 1 {
		rec.Answered(1, load.Apply, time.Minute, load.Answer{BankNumber: "n"})
	}
	run.Lanes = rec.Tallies()
	want = map[string]string{"state apply": TooFew, "state confirm": TooFew, "city apply": Faster, "city confirm": TooFew}
	if diff := cmp.Diff(want, verdicts()); diff != "" {
		t.Error(diff)
	}
	if Make(run).Missed() {
		t.Error("nothing was slower, yet it counts as missed")
	}
}

func TestDoubtsAreSaid(t *testing.T) {
	for _, c := range []struct {
		doubt  string
		change func(*Run)
	}{
		{DoubtNotStarted, func(r *Run) { r.Starts.NotStarted, r.Starts.Started = 1, 299 }},
		{DoubtBelowRate, func(r *Run) { r.Starts.LastStart = r.Starts.Began.Add(11 * time.Second) }},
		{DoubtBelowRate, func(r *Run) { r.Starts.NotStarted, r.Starts.Started = 10, 290 }},
		{DoubtLate, func(r *Run) { r.Starts.Late.Record(50 * time.Millisecond) }},
		{DoubtShare, func(r *Run) {
			r.Starts.Late.Record(10 * time.Millisecond)
			r.Lanes[0].Steps[load.Apply].Gateway.Record(15 * time.Millisecond)
		}},
		{DoubtBeyond, func(r *Run) { r.Lanes[0].Steps[load.Apply].Banked.Record(time.Hour) }},
	} {
		run := sample(t)
		c.change(&run)
		if got := Make(run).Attack.Doubts; !slices.Contains(got, c.doubt) {
			t.Errorf("doubts are %v, want %s among them", got, c.doubt)
		}
	}
	run := sample(t)
	run.Starts.Withheld, run.Starts.Started = 150, 150
	run.Starts.LastStart = run.Starts.Began.Add(5 * time.Second)
	if got := Make(run).Attack; len(got.Doubts) != 0 || got.AchievedRatio < 0.99 {
		t.Errorf("an interruption is held against the load tester: %+v", got)
	}
}

func TestJSONKeepsEverything(t *testing.T) {
	r := Make(sample(t))
	var text bytes.Buffer
	if err := r.JSON(&text); err != nil {
		t.Fatal(err)
	}
	back, err := Read(bytes.NewReader(text.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Error(diff)
	}
	h, err := hdr.Decode([]byte(back.Tiers[0].Steps[0].All.Histogram))
	if err != nil || h.TotalCount() != 200 {
		t.Fatalf("the histogram cannot be read again: %v", err)
	}
	if got := float64(h.ValueAtPercentile(90)) / 1000; got != r.Tiers[0].Steps[0].All.P90MS {
		t.Errorf("the histogram's p90 is %v, the report's %v", got, r.Tiers[0].Steps[0].All.P90MS)
	}
	for _, bad := range []string{"", "[]", "{}", `{"version":2}`, "null"} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read as a report", bad)
		}
	}
}

// Every number in the JSON says its unit, or is a count.
func TestNumbersHaveUnits(t *testing.T) {
	var text bytes.Buffer
	run := sample(t)
	run.Asked.JourneyS = 90
	if err := Make(run).JSON(&text); err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text.Bytes(), &tree); err != nil {
		t.Fatal(err)
	}
	counts := strings.Fields("version bindings seed in_flight_limit started not_started withheld cut_off banks count joined joinable achieved_ratio active failed")
	walk(tree, "", func(name string) {
		if !slices.Contains(counts, name) && !strings.HasSuffix(name, "_ms") && !strings.HasSuffix(name, "_s") {
			t.Errorf("%s is a number without a unit", name)
		}
	})
}

func walk(tree any, name string, number func(string)) {
	switch v := tree.(type) {
	case map[string]any:
		for key, value := range v {
			walk(value, key, number)
		}
	case []any:
		for _, value := range v {
			walk(value, name, number)
		}
	case float64:
		number(name)
	}
}

func TestPercentilesAreWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plots")
	if err := Make(sample(t)).Percentiles(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "state-apply.hgrm")) //nolint:gosec // the test's own folder
	if err != nil || !strings.Contains(string(text), "Percentile") || !strings.Contains(string(text), "499.") {
		t.Errorf("%v\n%s", err, text)
	}
}
