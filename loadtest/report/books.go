package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"kaqiao/loadtest/verify"
)

// mostRows is how many rows of one comparison are shown to people; JSON has them all.
const mostRows = 200

// Books writes a comparison of the gateway's bindings with the banks' books.
func Books(w io.Writer, r verify.Result, o TextOptions) error {
	b, p := &strings.Builder{}, paint(o.Colour)
	words := bookWordsOf(o.Lang)
	fmt.Fprintf(b, "%s  %s\n", p.in(bold, words.title), fmt.Sprintf(words.note, r.Bindings, r.Agreements))
	counts := table{columns: []column{{words.class, left, 0}, {words.count, right, 8}}}
	for _, class := range verify.Classes() {
		counts.add(word(words.classes, class), strconv.Itoa(r.Counts[class]))
	}
	counts.tint = func(row, col int) string { return tintOf(verify.Classes()[row], r.Counts[verify.Classes()[row]]) }
	counts.write(b, p)
	if len(r.Rows) > 0 {
		rows := table{columns: []column{
			{words.class, left, 0}, {words.bank, left, 0}, {words.agreement, left, 0}, {words.binding, left, 0},
			{words.card, left, 0}, {words.gateway, left, 0}, {words.farm, left, 0},
		}}
		for _, row := range r.Rows[:min(len(r.Rows), mostRows)] {
			rows.add(word(words.classes, row.Class), row.Bank, dash(row.Agreement), dash(row.Binding), dash(row.CardLast4), dash(row.GatewayState), dash(row.FarmState))
		}
		rows.tint = func(row, col int) string {
			if col > 0 {
				return ""
			}
			return tintOf(r.Rows[row].Class, 1)
		}
		b.WriteString("\n")
		rows.write(b, p)
		if more := len(r.Rows) - mostRows; more > 0 {
			fmt.Fprintf(b, words.more+"\n", more)
		}
	}
	verdict, style := words.well, green
	if n := r.Breaks(); n > 0 {
		verdict, style = fmt.Sprintf(words.breaks, n), red
	}
	fmt.Fprintf(b, "\n%s\n", p.in(style, verdict))
	_, err := io.WriteString(w, b.String())
	return err
}

func tintOf(class string, n int) string {
	switch {
	case n == 0:
		return faint
	case class == verify.Matched:
		return green
	case class == verify.Undecided:
		return amber
	}
	return red
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// bookWords are the texts of a comparison in one language.
type bookWords struct {
	title, note, class, count, bank, agreement, binding, card, gateway, farm, more, well, breaks string

	classes map[string]string
}

func bookWordsOf(lang string) bookWords {
	if lang == "zh" {
		return bookWords{
			title: "账簿核对", note: "网关绑定 %d 条，银行协议 %d 份", class: "结论", count: "数量", bank: "银行", agreement: "协议号",
			binding: "绑定", card: "卡尾号", gateway: "网关", farm: "银行方", more: "另有 %d 条", well: "两边一致", breaks: "%d 处不一致",
			classes: map[string]string{
				verify.Matched: "一致", verify.GatewayOnly: "仅网关有", verify.FarmOnly: "仅银行有",
				verify.StateDiffers: "状态不同", verify.Undecided: "待查明",
			},
		}
	}
	return bookWords{
		title: "The gateway's bindings and the banks' books", note: "%d bindings, %d agreements", class: "class", count: "count", bank: "bank",
		agreement: "agreement", binding: "binding", card: "card", gateway: "gateway", farm: "farm", more: "and %d more",
		well: "both sides tell one truth", breaks: "breaks: %d",
		classes: map[string]string{
			verify.Matched: "matched", verify.GatewayOnly: "gateway only", verify.FarmOnly: "farm only",
			verify.StateDiffers: "state differs", verify.Undecided: "undecided",
		},
	}
}
