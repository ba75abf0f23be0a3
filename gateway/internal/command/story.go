package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// moment is one line of a story.
type moment struct {
	at    time.Time
	place int // what comes first of one moment
	what  string
	note  string
	words string // what was said to the bank or by it
}

// text is the story as it is printed: who and what, then line by line what
// happened, then what is still open.
func (s story) text(w vocabulary) string {
	b := s.binding
	var out strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&out, "%s%s\n", pad(w.say(name), 12), strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(&out, "%s  %s\n", b.ID, w.state(b.State))
	line("bank", "%s (%s) %s %s %s", b.Bank, b.Tier, w.say("over"), b.Channel, b.Member)
	line("card", "****%s %s %s  %s", b.CardLast4, b.CardType, b.CardScheme, w.say(map[bool]string{true: "data kept", false: "data destroyed"}[s.sealed]))
	line("caller", "%s  %s %s  %s", b.Caller, w.say("user"), b.UserID, b.Platform)
	if b.Challenge.Kind != "" {
		line("challenge", "%s → %s  %s %s", b.Challenge.Kind, b.Challenge.To, w.say("until"), clock(b.Challenge.ExpiresAt))
	}
	if b.Agreement != "" {
		line("agreement", "%s %s", b.Agreement, b.Class)
	}
	if b.Reason != "" {
		line("reason", "%s %s", b.Reason, b.RawCode)
	}
	out.WriteByte('\n')
	s.write(&out, w)
	open := false
	for _, a := range s.attempts {
		if what := stillOpen(a, w); what != "" {
			if !open {
				fmt.Fprintf(&out, "\n%s\n", w.say("still open"))
			}
			open = true
			fmt.Fprintf(&out, "  %s\n", what)
		}
	}
	if !open {
		fmt.Fprintf(&out, "\n%s\n", w.say("nothing is open"))
	}
	return out.String()
}

// write writes the lines in their order. A day is named where it begins.
func (s story) write(out *strings.Builder, w vocabulary) {
	byID := map[string]journal.Attempt{}
	for _, a := range s.attempts {
		byID[a.ID] = a
	}
	var all []moment
	for i, a := range s.attempts {
		name := w.kind(a.Kind)
		if of, ok := byID[a.Of]; ok {
			name += " (" + w.kind(of.Kind) + ")"
		}
		number := a.Number
		if number != "" {
			number = "№ " + number
		}
		if a.Kind == op.Decide { // its one moment; the words are the operator's
			all = append(all, moment{a.SettledAt, 2 * i, pad(name, 20) + w.say("decided by a person"), a.RawCode, ""})
			continue
		}
		said, heard := mark("→", s.said[a.ID].Said), mark("←", s.said[a.ID].Heard)
		all = append(all, moment{a.IntendedAt, 2 * i, pad(name, 20) + w.say("meant"), number, said})
		all = append(all, s.ends(i, a, pad(name, 20), heard, w)...)
	}
	for i, n := range s.notices {
		all = append(all, moment{n.At, 500_000 + i, pad(w.say("notice"), 20) + w.say("heard unasked"), n.ID, mark("←", n.Heard)})
	}
	for i, e := range s.events {
		note := w.say(string(e.State))
		if e.Tries > 0 {
			note += fmt.Sprintf("  %s %d", w.say("tries"), e.Tries)
		}
		all = append(all, moment{e.At, 1_000_000 + i, pad(w.say("told"), 20) + e.Type, strings.TrimSpace(note + "  " + e.Note), ""})
	}
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Or(a.at.Compare(b.at), a.place-b.place) })
	day := ""
	for _, m := range all {
		at := m.at.In(profiles.Beijing)
		if d := at.Format("2006-01-02"); d != day {
			fmt.Fprintf(out, "%s\n", d)
			day = d
		}
		fmt.Fprintf(out, "  %s  %s\n", at.Format("15:04:05.000"), strings.TrimRight(pad(m.what, 40)+m.note, " "))
		wrap(out, m.words)
	}
}

const (
	wordsIndent = 18
	wordsWidth  = 120 // of a line with its indent
)

func mark(arrow, outline string) string {
	if outline == "" {
		return ""
	}
	return arrow + " " + outline
}

// wrap writes an outline, a field never cut, as many of them on a line as have room.
func wrap(out *strings.Builder, outline string) {
	if outline == "" {
		return
	}
	line := ""
	flush := func() {
		fmt.Fprintf(out, "%s%s\n", strings.Repeat(" ", wordsIndent), line)
		line = "  "
	}
	for i, field := range strings.Split(outline, "  ") {
		if i > 0 && places(line)+2+places(field) > wordsWidth-wordsIndent {
			flush()
		} else if i > 0 {
			line += "  "
		}
		line += field
	}
	flush()
}

// ends are the moments in which an attempt's outcome became known. Its row says what
// was found out; at its own end nobody knew.
func (s story) ends(i int, a journal.Attempt, name, heard string, w vocabulary) []moment {
	last, note := s.lastAbout(a.ID), strings.TrimSpace(string(a.Reason)+" "+a.RawCode)
	foundOut := a.AskAt.IsZero() && !last.IsZero()
	unknown := moment{a.SettledAt, 2*i + 1, name + w.say("not known yet"), "", heard}
	if died(a) {
		unknown.note = w.say("its process ended before an answer was written")
		if foundOut = a.AskAt.IsZero() && a.Outcome != op.Unknown; last.IsZero() {
			last = a.SettledAt // the bank has said so unasked, or the same was done again
		}
	}
	switch {
	case foundOut:
		return []moment{unknown, {last, 2*len(s.attempts) + i, name + w.outcome(a.Outcome), strings.TrimSpace(w.say("found out") + "  " + note), ""}}
	case died(a):
		return []moment{unknown}
	case a.Settled:
		if a.Exchange > 0 {
			note = strings.TrimSpace(note + "  " + w.say("took") + " " + a.Exchange.Round(time.Millisecond).String())
		}
		return []moment{{a.SettledAt, 2*i + 1, name + w.ending(a), note, heard}}
	}
	return nil
}

// died: nobody has settled the attempt before its time was over, so its time is taken for its end.
func died(a journal.Attempt) bool { return a.Settled && a.SettledAt.Equal(a.Deadline) }

// lastAbout is when the last query or reversal of an attempt was answered; zero: there is none.
func (s story) lastAbout(id string) (at time.Time) {
	for _, a := range s.attempts {
		if a.Of == id && a.Settled && a.SettledAt.After(at) {
			at = a.SettledAt
		}
	}
	return at
}

// stillOpen says who looks after an attempt, and when.
func stillOpen(a journal.Attempt, w vocabulary) string {
	switch {
	case !a.Settled:
		return fmt.Sprintf("%s  %s %s", w.kind(a.Kind), w.say("under way, or its process died; looked after from"), clock(a.Deadline))
	case !a.AskAt.IsZero():
		return fmt.Sprintf("%s  %s  %s %d  %s %s", w.kind(a.Kind), w.outcome(a.Outcome), w.say("asked"), a.Asked, w.say("next"), clock(a.AskAt))
	}
	return ""
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(profiles.Beijing).Format("2006-01-02 15:04:05")
}

// pad fills a text up to a width as terminals count it: Chinese characters take two places.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(1, width-places(text)))
}

// places is how wide a text is on a terminal.
func places(text string) (taken int) {
	for _, r := range text {
		taken++
		if unicode.Is(unicode.Han, r) || r >= 0xff00 && r <= 0xff60 || r >= 0x3000 && r <= 0x303f {
			taken++
		}
	}
	return taken
}

// vocabulary says things in one language.
type vocabulary map[string]string

func (v vocabulary) say(text string) string { return cmp.Or(v[text], text) }

func (v vocabulary) state(state string) string { return v.say(state) }

// kind names an operation: the word of a line may be another's as well.
func (v vocabulary) kind(k op.Kind) string { return cmp.Or(v["op "+string(k)], string(k)) }

func (v vocabulary) outcome(o op.Outcome) string { return v.say(o.String()) }

// ending is what became of an attempt at its own end. A query that got its answer is answered: that
// answer may be a refusal of what it was about.
func (v vocabulary) ending(a journal.Attempt) string {
	if a.Kind == op.Query && a.Outcome == op.Accepted {
		return v.say("answered")
	}
	return v.outcome(a.Outcome)
}

// words are those of a language; English needs none.
func words(lang string) vocabulary {
	if lang != "zh" {
		return nil
	}
	return vocabulary{
		"op verify": "验证", "op apply": "签约申请", "op challenge": "重发验证码", "op confirm": "签约确认", "op cancel": "取消", "op unsign": "解约", "op query": "查询", "op reverse": "冲正", "op decide": "人工裁定",
		"bank": "银行", "over": "经由", "card": "卡片", "data kept": "数据加密保存", "data destroyed": "数据已销毁", "caller": "调用方", "user": "用户",
		"challenge": "验证", "until": "有效至", "agreement": "协议", "reason": "原因", "meant": "已登记", "decided by a person": "人工裁定", "not known yet": "当时不明", "its process ended before an answer was written": "进程在记下答复之前中断", "found out": "事后查明", "took": "用时", "notice": "银行通知", "heard unasked": "主动告知", "told": "通知调用方", "tries": "次数",
		"waiting": "待送达", "delivered": "已送达", "dead": "已放弃", "still open": "未了结", "nothing is open": "没有未了结的事项", "asked": "已查询", "next": "下次",
		"under way, or its process died; looked after from": "进行中，或进程已中断；接管时间",
		"accepted": "银行接受", "answered": "银行已答复", "refused": "银行拒绝", "pending": "待人工批准", "not_sent": "未发出", "unknown": "结果不明",
		"awaiting_code": "等待验证码", "awaiting_approval": "等待批准", "applying": "申请中，结果待查", "challenging": "重发中，结果待查", "confirming": "签约中，结果待查",
		"active": "已生效", "failed": "失败", "expired": "已过期", "cancelled": "已取消", "revoking": "解约中", "revoked": "已解约",
	}
}
