package report

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kaqiao/loadtest/load"
)

func text(t *testing.T, r *Report, o TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Text(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// full is a run in which everything happens that a report can show.
func full(t *testing.T) *Report {
	t.Helper()
	run := sample(t)
	run.Starts.Late.Record(1e9)
	run.Starts.NotStarted, run.Starts.Withheld, run.Starts.Unfinished = 12, 34, 56
	run.Asked.JourneyS = 90
	for _, end := range load.Ends() {
		run.Lanes[2].Ends[end] += 1_000
	}
	run.Lanes[2].Journey.Record(90e9)
	run.Lanes[0].Failures[load.Failure{Step: load.Confirm, Category: "account", Code: "virtual_card_no_permission"}] = 123_456
	run.Lanes[0].Failures[load.Failure{Step: load.Apply, Category: "transport", Code: "connection_refused"}] = 5
	return Make(run)
}

func TestTextFitsTheTerminalInBothLanguages(t *testing.T) {
	for _, lang := range Languages() {
		for _, o := range []TextOptions{{Lang: lang}, {Lang: lang, Banks: true}} {
			for line := range strings.Lines(text(t, full(t), o)) {
				if w := width(strings.TrimRight(line, "\n")); w > columns {
					t.Errorf("%s: %d columns: %s", lang, w, line)
				}
			}
		}
	}
}

func TestColumnsStandBelowEachOther(t *testing.T) {
	for _, lang := range Languages() {
		got := text(t, full(t), TextOptions{Lang: lang})
		t.Log("\n" + got)
		// In the latency table the end of every p50 cell is below the end of its title.
		var ends []int
		for line := range strings.Lines(got) {
			if i := strings.Index(line, "p50"); len(ends) == 0 && i >= 0 {
				ends = append(ends, width(line[:i+3]))
				continue
			}
			if len(ends) > 0 && len(ends) < 7 {
				cell := regexp.MustCompile(`\d+\.\d  +([0-9.]+ m?s)`).FindStringSubmatchIndex(line)
				if cell == nil {
					t.Fatalf("no p50 in %q", line)
				}
				ends = append(ends, width(line[:cell[3]]))
			}
		}
		if len(ends) < 7 || len(slices.Compact(ends)) != 1 {
			t.Errorf("%s: p50 ends at columns %v", lang, ends)
		}
	}
}

func TestColourChangesNothingButColour(t *testing.T) {
	r := full(t)
	coloured := text(t, r, TextOptions{Colour: true})
	if !strings.Contains(coloured, "\x1b[31m") {
		t.Error("a missed promise is not red")
	}
	if bare := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(coloured, ""); bare != text(t, r, TextOptions{}) {
		t.Error("the text is another one with colour")
	}
}

func TestEveryWordIsThereInBothLanguages(t *testing.T) {
	en, zh := english(), chinese()
	for name, pair := range map[string][2]map[string]string{
		"tiers": {en.tiers, zh.tiers}, "steps": {en.steps, zh.steps}, "verdicts": {en.verdicts, zh.verdicts},
		"endings": {en.endings, zh.endings}, "doubts": {en.doubtful, zh.doubtful},
	} {
		for key := range pair[0] {
			if pair[0][key] == "" || pair[1][key] == "" {
				t.Errorf("%s: %s has no word", name, key)
			}
		}
		if len(pair[0]) != len(pair[1]) {
			t.Errorf("%s: %d words in English, %d in Chinese", name, len(pair[0]), len(pair[1]))
		}
	}
	for _, end := range load.Ends() {
		if en.endings[end] == "" {
			t.Errorf("the ending %s has no word", end)
		}
	}
}

func TestLatencyShowsThreeDigits(t *testing.T) {
	for ms, want := range map[float64]string{
		0: "0.00 ms", 0.314: "0.31 ms", 9.994: "9.99 ms", 9.996: "10.0 ms", 45.12: "45.1 ms", 99.96: "100 ms",
		312.4: "312 ms", 999.6: "1.00 s", 1840: "1.84 s", 62_140: "62.1 s",
	} {
		if got := latency(ms); got != want {
			t.Errorf("%v ms is shown as %q, want %q", ms, got, want)
		}
	}
	for s, want := range map[float64]string{20: "20s", 90: "1m30s", 3600: "1h", 0.5: "500ms", 120: "2m"} {
		if got := span(s); got != want {
			t.Errorf("%v s is shown as %q, want %q", s, got, want)
		}
	}
}
