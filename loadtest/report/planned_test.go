package report

import (
	"bytes"
	"strings"
	"testing"

	"kaqiao/loadtest/load"
	"kaqiao/profiles"
)

// troubled is a run in which every kind of failure was planned, and some came as others.
func troubled(t *testing.T) Run {
	t.Helper()
	run := sample(t)
	f := load.Failing{Part: 0.2, Mix: append(load.Document(), load.Weighted{Name: load.Account, Weight: 10})}
	plan := []load.Subject{}
	all := load.Catalogue(profiles.Terminal{Android: "5.0", IOS: "10.0", Client: "8.0"})
	rec := load.NewRecorder(3)
	for i, p := range all {
		if p.Fault != "" {
			plan = append(plan, load.Subject{Bank: "abc", Planned: &p})
		}
		for n := range 10 {
			m := load.Misjudged{Nth: i*10 + n, Binding: "bnd_1", Bank: "hzbank", Judgement: load.Judgement{Planned: p.Kind, Want: p.Want, WantEnd: p.End, Came: p.Want, End: p.End, Right: true}}
			if n == 9 {
				m.Right, m.End, m.Came = false, load.EndUnanswered, load.Failure{Step: load.Confirm, Category: "information", Code: "document_type_unsupported"}
			}
			rec.Judged(1, m)
		}
	}
	for range 40 {
		rec.Judged(0, load.Misjudged{Judgement: load.Judgement{WantEnd: load.EndActive, End: load.EndActive, Right: true}})
	}
	rec.Judged(2, load.Misjudged{Nth: 9_999, Bank: "bob", Judgement: load.Judgement{WantEnd: load.EndActive, End: load.EndFailed, Came: load.Failure{Category: "transport", Code: "timeout"}}})
	run.Asked.Failures = AskedFailures(f, plan)
	run.Lanes = rec.Tallies()
	run.Starts.Started = len(all)*10 + 41 + 7
	return run
}

func TestClassifiedCountsWhatWasPlannedAndWhatCame(t *testing.T) {
	r := Make(troubled(t))
	c, kinds := r.Classified, int64(len(load.Catalogue(profiles.Terminal{Android: "5.0", IOS: "10.0", Client: "8.0"})))
	if c.Planned != 10*kinds || c.Healthy != 41 || c.Wrong != kinds+1 || c.Right != 9*kinds+40 || c.NotJudged != 7 || !r.Misclassified() {
		t.Errorf("%+v", c)
	}
	if int64(len(c.Kinds)) != kinds || int64(len(c.Misjudged)) != kinds+1 {
		t.Errorf("%d kinds, %d one by one", len(c.Kinds), len(c.Misjudged))
	}
	if last := c.Misjudged[len(c.Misjudged)-1]; last.Nth != 9_999 || last.Kind != "" || last.Want != (Told{}) || last.Came.Code != "timeout" {
		t.Errorf("%+v", last)
	}
	came, share := int64(0), 0.0
	for i, one := range c.Categories {
		came, share = came+one.Came, share+one.ShareCame
		if want := []string{"information", "bank", "terminal", "account", "transport"}[i]; one.Category != want {
			t.Errorf("category %d is %s, want %s", i, one.Category, want)
		}
	}
	if info := c.Categories[0]; info.Planned != 120 || info.Right != 108 || info.Wrong != 12 || info.Came != 108+kinds || info.ShareAsked != 42.0/110 {
		t.Errorf("%+v", info)
	}
	if came != 10*kinds+1 || share < 0.999 || share > 1.001 {
		t.Errorf("%d came, with parts of %v in all", came, share)
	}
}

func TestNoPromiseIsHeldAgainstBanksSetAside(t *testing.T) {
	run := sample(t)
	run.Asked.Failures = &FailuresAsked{Aside: []AsideOf{{Bank: "icbc"}}}
	for _, p := range Make(run).Promises {
		for _, bank := range p.Banks {
			if bank == "icbc" {
				t.Errorf("%s %s is judged with a bank that was told to misbehave", p.Tier, p.Step)
			}
		}
	}
	run.Asked.Failures = nil
	if r := Make(run); r.Classified != nil || r.Misclassified() {
		t.Error("failures are shown where none was planned")
	}
}

func TestPlannedFailuresFitTheTerminalInBothLanguages(t *testing.T) {
	for _, lang := range Languages() {
		got := text(t, Make(troubled(t)), TextOptions{Lang: lang})
		t.Log("\n" + got[strings.Index(got, wordsOf(lang).planned.title):])
		for line := range strings.Lines(got) {
			if w := width(strings.TrimRight(line, "\n")); w > columns {
				t.Errorf("%s: %d columns: %s", lang, w, line)
			}
		}
		if !strings.Contains(got, "document_type_unsupported") || !strings.Contains(got, "#9 ") {
			t.Errorf("%s: what came instead is not told", lang)
		}
	}
}

func TestEveryKindOfFailureHasItsWords(t *testing.T) {
	en, zh := plannedEnglish(), plannedChinese()
	all := load.Catalogue(profiles.Terminal{Android: "5.0", IOS: "10.0", Client: "8.0"})
	for _, p := range all {
		if en.kinds[p.Kind] == "" || zh.kinds[p.Kind] == "" {
			t.Errorf("%s has no word", p.Kind)
		}
	}
	if len(en.kinds) != len(all) || len(zh.kinds) != len(all) {
		t.Errorf("%d kinds, %d words in English, %d in Chinese", len(all), len(en.kinds), len(zh.kinds))
	}
}

func TestPlannedFailuresAreReadAgain(t *testing.T) {
	r, b := Make(troubled(t)), &bytes.Buffer{}
	if err := r.JSON(b); err != nil {
		t.Fatal(err)
	}
	again, err := Read(b)
	if err != nil || !again.Misclassified() || text(t, again, TextOptions{}) != text(t, r, TextOptions{}) {
		t.Errorf("another report is read: %v", err)
	}
}
