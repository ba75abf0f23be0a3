package report

import (
	"fmt"
	"strconv"
	"strings"
)

// mostMisjudged is how many are shown to people one by one; JSON has them all.
const mostMisjudged = 20

// classified shows what was planned against what the callers were told.
func (p *printer) classified() {
	c := p.Classified
	if c == nil {
		return
	}
	p.section(p.words.planned.title, fmt.Sprintf(p.words.planned.note, c.Planned, c.Planned+c.Healthy))
	p.aside()
	p.byCategory(c)
	p.line("")
	p.byKind(c)
	p.misjudged(c)
	verdict := p.paint.in(green, p.words.planned.well)
	if c.Wrong > 0 {
		verdict = p.paint.in(red, fmt.Sprintf(p.words.planned.badly, c.Wrong))
	}
	if c.NotJudged > 0 {
		verdict += " · " + fmt.Sprintf(p.words.planned.notJudged, c.NotJudged)
	}
	p.line("\n" + verdict)
}

// aside lists the banks that were kept for trouble.
func (p *printer) aside() {
	if p.Asked.Failures == nil || len(p.Asked.Failures.Aside) == 0 {
		return
	}
	facts := []string{p.words.planned.aside}
	for _, a := range p.Asked.Failures.Aside {
		facts = append(facts, a.Bank+" "+p.kind(a.Kind))
	}
	p.line(wrap(facts))
}

func (p *printer) byCategory(c *Classified) {
	w := p.words.planned
	t := table{columns: []column{
		{p.words.category, left, 11}, {w.asked, right, 8}, {w.planned, right, 8}, {w.came, right, 8},
		{w.cameShare, right, 8}, {w.right, right, 8}, {w.wrong, right, 8},
	}}
	for _, one := range c.Categories {
		t.add(word(p.words.categories, one.Category), percent(one.ShareAsked), count(one.Planned), count(one.Came),
			percent(one.ShareCame), count(one.Right), count(one.Wrong))
	}
	t.tint = func(row, col int) string { return wrongTint(col == 6, c.Categories[row].Wrong) }
	t.write(p, p.paint)
}

func (p *printer) byKind(c *Classified) {
	w := p.words.planned
	t := table{columns: []column{
		{p.words.category, left, 11}, {w.kind, left, 18}, {p.words.request, left, 8}, {w.expected, left, 26},
		{w.planned, right, 7}, {w.right, right, 5}, {w.wrong, right, 5},
	}}
	before := ""
	for _, k := range c.Kinds {
		category := word(p.words.categories, k.Category)
		if k.Category == before {
			category = ""
		}
		before = k.Category
		t.add(category, p.kind(k.Kind), word(p.words.steps, k.Step), p.told(k.Code, k.End), count(k.Planned), count(k.Right), count(k.Wrong))
	}
	t.tint = func(row, col int) string { return wrongTint(col == 6, c.Kinds[row].Wrong) }
	t.write(p, p.paint)
}

func (p *printer) misjudged(c *Classified) {
	if len(c.Misjudged) == 0 {
		return
	}
	p.line("")
	t := table{columns: []column{{"", left, 1}, {"", left, 0}, {"", left, 0}}}
	for _, m := range c.Misjudged[:min(len(c.Misjudged), mostMisjudged)] {
		kind := p.kind(m.Kind)
		if m.Kind == "" {
			kind = p.words.planned.healthy
		}
		who := []string{fmt.Sprintf("#%d", m.Nth), m.Bank, kind}
		if m.Binding != "" {
			who = append(who, m.Binding)
		}
		p.line(wrap(who))
		t.rows = [][]string{
			{"", p.words.planned.expected, p.whole(m.Want, m.WantEnd)},
			{"", p.words.planned.came, p.whole(m.Came, m.CameEnd)},
		}
		t.cells(p, p.paint)
	}
	if more := int(c.Wrong) - mostMisjudged; more > 0 {
		p.line(fmt.Sprintf(p.words.planned.more, more))
	}
}

// told is the code that a caller is left with.
func (p *printer) told(code, end string) string {
	if code == "processing" {
		return word(p.words.endings, code) + " → " + word(p.words.endings, end)
	}
	return code
}

// whole is everything that a caller is told.
func (p *printer) whole(t Told, end string) string {
	parts := []string{}
	if t != (Told{}) {
		parts = append(parts, word(p.words.steps, t.Step), word(p.words.categories, t.Category)+"/"+t.Code)
	}
	return strings.Join(append(parts, "→", word(p.words.endings, end)), " ")
}

func (p *printer) kind(name string) string { return word(p.words.planned.kinds, name) }

func wrongTint(here bool, wrong int64) string {
	if here && wrong > 0 {
		return red
	}
	return ""
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// plannedWords are the texts about planned failures in one language.
type plannedWords struct {
	title, note, aside, asked, planned, came, cameShare, right, wrong, kind, expected, healthy, more, well, badly, notJudged string

	kinds map[string]string
}

func plannedEnglish() plannedWords {
	return plannedWords{
		title: "Planned failures", note: "%d of %d bindings, each held against what its caller was told",
		aside: "banks set aside", asked: "asked", planned: "planned", came: "came", cameShare: "part",
		right: "right", wrong: "wrong", kind: "failure", expected: "expected", healthy: "no failure planned", more: "and %d more",
		well: "every failure was classified right", badly: "classified wrong: %d", notJudged: "cut off and not judged: %d",
		kinds: map[string]string{
			"wrong_name": "wrong name", "name_in_other_script": "pinyin or its order", "malformed_name": "malformed name",
			"wrong_document": "wrong document", "other_document": "other document", "wrong_mobile": "wrong mobile",
			"misread_number": "misread card number", "wrong_cvv": "wrong CVV", "wrong_expiry": "wrong expiry", "expired_card": "expired card",
			"wrong_code": "wrong code", "locked_code": "wrong until locked",
			"busy": "busy", "silent_before": "silent, undone", "silent_after": "silent, done", "garbage": "garbled, done",
			"denied": "approval denied", "cut_before": "cut off, undone", "cut_after": "cut off, done",
			"old_android": "old Android", "old_ios": "old iOS", "old_wallet": "old wallet", "pure_mode": "pure mode",
			"class_iii": "class III", "virtual": "virtual card", "not_opened": "online not opened",
			"frozen": "frozen", "closed": "closed", "lost": "lost",
		},
	}
}

func plannedChinese() plannedWords {
	return plannedWords{
		title: "计划内失败", note: "%d / %d 次绑卡，逐笔与调用方所得核对",
		aside: "专用银行", asked: "要求", planned: "计划", came: "实得", cameShare: "占比",
		right: "正确", wrong: "错误", kind: "失败种类", expected: "应得", healthy: "未计划失败", more: "另有 %d 笔",
		well: "所有失败均分类正确", badly: "分类错误 %d 笔", notJudged: "截断未核对 %d 笔",
		kinds: map[string]string{
			"wrong_name": "姓名不符", "name_in_other_script": "拼音或其顺序不符", "malformed_name": "姓名格式错误",
			"wrong_document": "证件号码不符", "other_document": "证件类型不符", "wrong_mobile": "预留手机号不符",
			"misread_number": "卡号有误", "wrong_cvv": "安全码不符", "wrong_expiry": "有效期不符", "expired_card": "卡片已过期",
			"wrong_code": "验证码错误", "locked_code": "验证码错至锁定",
			"busy": "系统繁忙", "silent_before": "无应答（未办）", "silent_after": "无应答（已办）", "garbage": "应答乱码（已办）",
			"denied": "审批被拒", "cut_before": "断连（未办）", "cut_after": "断连（已办）",
			"old_android": "安卓过旧", "old_ios": "iOS 过旧", "old_wallet": "钱包过旧", "pure_mode": "纯净模式",
			"class_iii": "Ⅲ类账户", "virtual": "虚拟卡无权限", "not_opened": "未开通在线支付",
			"frozen": "账户冻结", "closed": "账户销户", "lost": "卡片挂失",
		},
	}
}
