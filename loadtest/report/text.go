package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"kaqiao/loadtest/load"
	"kaqiao/profiles"
)

// TextOptions say how a report is shown to people.
type TextOptions struct {
	Lang   string // en or zh; anything else is en
	Colour bool
	Banks  bool // a row for each bank beside those of the tiers
}

// Text writes the report for a terminal of 100 columns.
func (r *Report) Text(w io.Writer, o TextOptions) error {
	p := &printer{Report: r, words: wordsOf(o.Lang), paint: paint(o.Colour)}
	p.head()
	p.latency(r.Tiers, false)
	if o.Banks {
		p.latency(r.Banks, true)
	}
	p.share()
	p.promises()
	p.ends()
	p.failures()
	p.classified()
	p.doubts()
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct {
	strings.Builder
	*Report
	words words
	paint paint
}

func (p *printer) head() {
	facts := []string{
		p.words.title,
		fmt.Sprintf("%s %s %s %s", number(p.Asked.RatePerS), p.words.perSecond, p.words.over, span(p.Asked.ForS)),
		fmt.Sprintf("%d %s", len(p.Asked.Banks), p.words.banks),
		p.words.people + " " + strings.Join(p.Asked.Mix, "+"),
	}
	if p.Asked.JourneyS > 0 {
		facts = append(facts, p.words.journey+" "+span(p.Asked.JourneyS))
	}
	facts = append(facts, p.StartedAt.In(profiles.Beijing).Format("2006-01-02 15:04:05"))
	p.line(strings.Replace(wrap(facts), p.words.title, p.paint.in(bold, p.words.title), 1))
	p.line(strings.Repeat("─", columns))

	a := p.Attack
	line := []string{
		fmt.Sprintf("%s %d", p.words.asked, p.Asked.Bindings),
		fmt.Sprintf("%s %d = %s/s (%s)", p.words.started, a.Started, number(a.AchievedRatePerS), percent(a.AchievedRatio)),
		fmt.Sprintf("%s %d", p.words.notStarted, a.NotStarted),
	}
	if a.Withheld > 0 {
		line = append(line, fmt.Sprintf("%s %d", p.words.withheld, a.Withheld))
	}
	if a.CutOff > 0 {
		line = append(line, fmt.Sprintf("%s %d", p.words.cutOff, a.CutOff))
	}
	line = append(line, fmt.Sprintf("%s p99 %s", p.words.late, latency(a.LateP99MS)))
	p.line(wrap(line))
}

// wrap sets facts side by side and begins another line where one would be too long.
func wrap(facts []string) string {
	const between = " · "
	text, used := facts[0], width(facts[0])
	for _, f := range facts[1:] {
		if used += width(between) + width(f); used > columns {
			text, used = text+"\n"+f, width(f)
			continue
		}
		text += between + f
	}
	return text
}

func (p *printer) line(text string) { p.WriteString(text + "\n") }

func (p *printer) section(title, note string) {
	line := "\n" + p.paint.in(bold, title)
	if note != "" {
		line += "  " + p.paint.in(faint, note)
	}
	p.line(line)
}

func (p *printer) latency(groups []Group, byBank bool) {
	first := p.words.tier
	if byBank {
		first = p.words.bank
	}
	p.section(p.words.latency, p.words.latencyNote)
	t := table{columns: []column{
		{first, left, 9}, {p.words.request, left, 14}, {p.words.count, right, 7}, {p.words.rate, right, 6},
		{"p50", right, 8}, {"p90", right, 8}, {"p99", right, 8}, {"p99.9", right, 8}, {p.words.longest, right, 8},
	}}
	for _, g := range groups {
		name := word(p.words.tiers, g.ID)
		row := func(step string, f Figures) {
			t.add(name, word(p.words.steps, step), strconv.FormatInt(f.Count, 10), number(f.RatePerS),
				f.show(f.P50MS), f.show(f.P90MS), f.show(f.P99MS), f.show(f.P999MS), f.show(f.MaxMS))
			name = ""
		}
		for _, s := range g.Steps {
			if s.All.Count > 0 || len(g.Steps) < len(load.Steps()) {
				row(s.Step, s.All)
			}
		}
		row("binding", g.Whole)
		if g.Journey != nil {
			row("journey", *g.Journey)
		}
	}
	t.write(p, p.paint)
}

func (p *printer) share() {
	joined, joinable := int64(0), int64(0)
	t := table{columns: []column{
		{p.words.tier, left, 9}, {p.words.request, left, 14}, {p.words.joined, right, 7},
		{p.words.total + " p50", right, 9}, {p.words.bankTime + " p50", right, 8}, {"p99", right, 8},
		{p.words.gateway + " p50", right, 11}, {"p99", right, 8},
	}}
	for _, g := range p.Tiers {
		name := word(p.words.tiers, g.ID)
		for _, s := range g.Steps {
			h := s.Share
			if s.All.Count == 0 && len(g.Steps) == len(load.Steps()) || h.Joinable == 0 && s.Step == load.Approval.String() {
				continue // another step takes its place, or no bank was asked
			}
			joined, joinable = joined+h.Joined, joinable+h.Joinable
			t.add(name, word(p.words.steps, s.Step), strconv.FormatInt(h.Joined, 10),
				h.Total.show(h.Total.P50MS), h.Bank.show(h.Bank.P50MS), h.Bank.show(h.Bank.P99MS),
				h.Gateway.show(h.Gateway.P50MS), h.Gateway.show(h.Gateway.P99MS))
			name = ""
		}
	}
	p.section(p.words.share, fmt.Sprintf(p.words.shareNote, joined, joinable))
	t.write(p, p.paint)
}

func (p *printer) promises() {
	if len(p.Promises) == 0 {
		return
	}
	p.section(p.words.promise, p.words.promiseNote)
	t := table{columns: []column{
		{p.words.tier, left, 9}, {p.words.request, left, 14}, {p.words.count, right, 7},
		{p.words.promised, right, 16}, {"p50", right, 8}, {"p99", right, 8}, {p.words.verdict, left, 0},
	}}
	for _, v := range p.Promises {
		promised := fmt.Sprintf(p.words.under, span(v.ToMS/1000))
		if v.FromMS > 0 {
			promised = fmt.Sprintf(p.words.fromTo, span(v.FromMS/1000), span(v.ToMS/1000))
		}
		f := Figures{Count: v.Count}
		t.add(word(p.words.tiers, v.Tier), word(p.words.steps, v.Step), strconv.FormatInt(v.Count, 10),
			promised, f.show(v.P50MS), f.show(v.P99MS), word(p.words.verdicts, v.Verdict))
	}
	t.tint = func(row, col int) string {
		if col != 6 {
			return ""
		}
		return map[string]string{Met: green, Slower: red, Faster: amber, TooFew: amber}[p.Promises[row].Verdict]
	}
	t.write(p, p.paint)
}

func (p *printer) ends() {
	p.section(p.words.ends, "")
	t := table{columns: []column{{p.words.tier, left, 9}}}
	for _, end := range load.Ends() {
		t.columns = append(t.columns, column{word(p.words.endings, end), right, 10})
	}
	for _, g := range p.Tiers {
		row, sum := []string{word(p.words.tiers, g.ID)}, int64(0)
		for _, n := range g.Ends {
			sum += n
		}
		for _, end := range load.Ends() {
			n := g.Ends[end]
			cell := strconv.FormatInt(n, 10)
			if n > 0 {
				cell += fmt.Sprintf(" %3.0f%%", 100*float64(n)/float64(sum))
			}
			row = append(row, cell)
		}
		t.add(row...)
	}
	t.write(p, p.paint)
}

func (p *printer) failures() {
	p.section(p.words.failures, "")
	counts, all := map[Failure][]int64{}, int64(0)
	for i, g := range p.Tiers {
		for _, f := range g.Failures {
			key := Failure{Step: f.Step, Category: f.Category, Code: f.Code}
			if counts[key] == nil {
				counts[key] = make([]int64, len(p.Tiers))
			}
			counts[key][i] += f.Count
			all += f.Count
		}
	}
	if all == 0 {
		p.line(p.words.noFailures)
		return
	}
	t := table{columns: []column{{p.words.category, left, 11}, {p.words.code, left, 26}, {p.words.request, left, 8}}}
	for _, g := range p.Tiers {
		t.columns = append(t.columns, column{word(p.words.tiers, g.ID), right, 7})
	}
	t.columns = append(t.columns, column{p.words.count, right, 7}, column{p.words.part, right, 7})
	for _, key := range sortedFailures(counts) {
		row, sum := []string{word(p.words.categories, key.Category), key.Code, word(p.words.steps, key.Step)}, int64(0)
		for _, n := range counts[key] {
			row = append(row, strconv.FormatInt(n, 10))
			sum += n
		}
		t.add(append(row, strconv.FormatInt(sum, 10), percent(float64(sum)/float64(all)))...)
	}
	t.write(p, p.paint)
}

// sortedFailures groups by category, the category with most failures first.
func sortedFailures(counts map[Failure][]int64) []Failure {
	category, own := map[string]int64{}, map[Failure]int64{}
	keys := make([]Failure, 0, len(counts))
	for key, tiers := range counts {
		for _, n := range tiers {
			category[key.Category] += n
			own[key] += n
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b Failure) int {
		if d := category[b.Category] - category[a.Category]; d != 0 {
			return int(d)
		}
		if d := strings.Compare(a.Category, b.Category); d != 0 {
			return d
		}
		if d := own[b] - own[a]; d != 0 {
			return int(d)
		}
		return strings.Compare(a.Code+a.Step, b.Code+b.Step)
	})
	return keys
}

func (p *printer) doubts() {
	if len(p.Attack.Doubts) == 0 {
		return
	}
	p.line("\n" + p.paint.in(red, p.words.doubts))
	for _, d := range p.Attack.Doubts {
		p.line("  " + word(p.words.doubtful, d))
	}
}
