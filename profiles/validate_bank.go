package profiles

import (
	"slices"
	"strings"
	"time"

	"kaqiao/profiles/bins"
)

// bank checks one bank by itself and fills in the defaults. What needs other files is link's.
func (r *rules) bank(p place, b *Bank) {
	r.identity(p, b.ID, b.Name)
	choice(p.key("tier"), &b.Tier, "", tiers()...)
	r.numbers(p, b)
	r.routes(p.key("routes"), b)
	r.challenge(p.key("challenge"), &b.Challenge)
	r.money(p, b)
	r.client(p.key("client"), &b.Client)
	r.limits(p.key("limits"), &b.Limits)
	r.timeouts(p.key("timeouts"), &b.Timeouts)
	r.promise(p.key("answers"), &b.Answers)
	r.breaker(p.key("breaker"), &b.Breaker)
	r.slowness(p.key("breaker"), &b.Breaker, b.Answers.To)
	r.closed(p.key("closed"), b.Closed)
	r.codes(p.key("codes"), b.Codes)
	r.bankMock(p.key("mock"), &b.Mock)
	r.review(p, b)
}

// numbers checks the bank's issuer numbers and card prefixes.
func (r *rules) numbers(p place, b *Bank) {
	issuers := p.key("issuer_codes")
	atMost(issuers, len(b.IssuerCodes), 64)
	for i, code := range b.IssuerCodes {
		pattern(issuers.item(i), code, r.issuer, `8 digits in quotes, such as "01030000"`)
	}
	distinct(issuers, b.IssuerCodes, strings.Clone)

	choice(p.key("old_cards_quickpass"), &b.OldCardsQuickPass, bins.Never, bins.Never, bins.Unknown)
	tables := p.key("table_codes")
	atMost(tables, len(b.TableCodes), 16)
	for i, code := range b.TableCodes {
		pattern(tables.item(i), code, r.table, "a bank's code of the card table, such as ABC")
	}
	distinct(tables, b.TableCodes, strings.Clone)

	own := p.key("bins")
	atMost(own, len(b.BINs), 4096)
	for i := range b.BINs {
		q, bin := own.item(i), &b.BINs[i]
		pattern(q.key("prefix"), bin.Prefix, r.prefix, `3 to 10 digits in quotes, such as "622848"`)
		required(q.key("length"))
		whole(q.key("length"), &bin.Length, 0, 13, 19)
		choice(q.key("type"), &bin.Type, "debit", cardTypes()...)
		choice(q.key("scheme"), &bin.Scheme, "unionpay", schemes()...)
		choice(q.key("quickpass"), &bin.QuickPass, b.quickPass(bin.Prefix, bin.Scheme), quickPasses()...)
	}
	type cards struct {
		prefix string
		length int
	}
	distinct(own, b.BINs, func(b BIN) cards { return cards{b.Prefix, b.Length} })
	if len(b.TableCodes) == 0 && len(b.BINs) == 0 {
		own.fault("the bank has no cards: give bins, table_codes or both")
	}
}

// quickPass is what is known of the QuickPass mark of cards of which no row says it.
func (b *Bank) quickPass(prefix, scheme string) string {
	switch {
	case scheme != "unionpay":
		return bins.Never
	case strings.HasPrefix(prefix, "9"):
		return b.OldCardsQuickPass
	}
	return bins.Unknown
}

// client checks what the bank demands of a client.
func (r *rules) client(p place, c *Client) {
	for key, version := range map[string]string{"least": c.Least, "protocol": c.Protocol} {
		if q := p.key(key); !q.absent() {
			pattern(q, version, r.version, `a version in quotes, such as "8.0.0"`)
		}
	}
}

// routes checks the ways to the bank. A channel written in place is checked by direct.
func (r *rules) routes(p place, b *Bank) {
	list := b.Routes
	atLeastOne(p, len(list), 16)
	for i := range list {
		q := p.item(i)
		pattern(q.key("member"), list[i].Member, r.member, "the bank's number on the channel, letters and digits, at most 32")
		if list[i].Direct == nil {
			pattern(q.key("channel"), list[i].Channel, r.id, "the id of a channel (or give direct, a channel in place)")
			continue
		}
		q.key("channel").unused("never used: the channel is written in place (direct)")
		list[i].Channel = b.ID
	}
	distinct(p, list, func(r Route) string { return r.Channel })
}

func (r *rules) challenge(p place, c *Challenge) {
	choices(p.key("kinds"), c.Kinds, "sms", "app_push", "email", "phone")
	whole(p.key("code_digits"), &c.CodeDigits, 6, 4, 8)
	span(p.key("ttl"), &c.TTL, 5*time.Minute, 30*time.Second, 30*time.Minute)
	span(p.key("resend_after"), &c.ResendAfter, time.Minute, 0, 10*time.Minute)
	whole(p.key("attempts"), &c.Attempts, 3, 1, 10)
	span(p.key("approve_within"), &c.ApproveWithin, 15*time.Minute, time.Minute, 7*24*time.Hour)
	whole(p.key("signs_per_day"), &c.SignsPerDay, 20, 1, 1000)
}

// money checks what a customer may pay, with and without a password.
func (r *rules) money(p place, b *Bank) {
	classes := p.key("accounts").key("classes")
	if classes.absent() {
		b.Accounts.Classes = []string{"I", "II"}
	} else {
		choices(classes, b.Accounts.Classes, "I", "II", "III")
	}

	const most = 1_000_000_000_000
	single, daily := p.key("money").key("single_fen"), p.key("money").key("daily_fen")
	required(single)
	whole(single, &b.Money.SingleFen, 0, 1, most)
	whole(daily, &b.Money.DailyFen, b.Money.SingleFen, 1, most)
	if b.Money.DailyFen < b.Money.SingleFen {
		daily.fault("%s is less than single_fen, %s: then a payment of single_fen is never possible",
			commas(b.Money.DailyFen), commas(b.Money.SingleFen))
	}

	free, highest := b.Accounts.PasswordFree, p.key("accounts").key("password_free").key("max_fen")
	whole(highest, &b.Accounts.PasswordFree.MaxFen, 0, 0, 10_000_000)
	switch {
	case free.Supported && free.MaxFen == 0:
		highest.fault("required where password_free is supported: 1 to 10,000,000")
	case !free.Supported && free.MaxFen > 0 && !p.key("accounts").key("password_free").key("supported").bad:
		highest.fault("never reached: password_free is not supported (set supported: true)")
	case free.MaxFen > b.Money.SingleFen && b.Money.SingleFen > 0:
		highest.fault("%s is more than money.single_fen, %s: never reached", commas(free.MaxFen), commas(b.Money.SingleFen))
	}
}

func (r *rules) promise(p place, a *Promise) {
	required(p.key("to"))
	span(p.key("to"), &a.To, 0, time.Millisecond, longest)
	if a.From > a.To && a.To > 0 {
		p.key("from").fault("%v is more than to, %v", a.From.Std(), a.To.Std())
	}
}

// closed checks that the closed hours leave some minute of the day.
func (r *rules) closed(p place, list []Hours) {
	atMost(p, len(list), 8)
	midnight := time.Date(2026, 1, 1, 0, 0, 0, 0, Beijing)
	for minute := range 24 * 60 {
		at := midnight.Add(time.Duration(minute) * time.Minute)
		if !slices.ContainsFunc(list, func(h Hours) bool { return h.Contain(at) }) {
			return
		}
	}
	p.fault("the bank would never be open")
}

func (r *rules) codes(p place, list []CodeRule) {
	atMost(p, len(list), 512)
	for i := range list {
		q := p.item(i)
		pattern(q.key("code"), list[i].Code, r.code, "the bank's raw code, at most 32 letters, digits, _ . : / or -")
		if op := q.key("operation"); !op.absent() {
			choice(op, &list[i].Operation, "", Operations()...)
		}
		reason := list[i].Reason
		pattern(q.key("reason"), reason, r.reason, "a code of the problem table: a to z, 0 to 9 and _")
		if r.reason.MatchString(reason) && len(r.reasons) > 0 && !slices.Contains(r.reasons, reason) {
			q.key("reason").fault("%s is no code of the problem table%s", quoted(reason), didYouMean(reason, r.reasons))
		}
	}
	type rule struct{ code, operation string }
	distinct(p, list, func(c CodeRule) rule { return rule{c.Code, c.Operation} })
}

func (r *rules) bankMock(p place, m *BankMock) {
	if people := p.key("people"); people.absent() {
		n := 10_000
		m.People = &n
	} else if m.People != nil {
		whole(people, m.People, 0, 0, 1_000_000)
	}
	r.latency(p.key("latency"), m.Latency)
	r.faults(p.key("faults"), m.Faults)
	span(p.key("silent_for"), &m.SilentFor, 3*time.Second, 10*time.Millisecond, 10*time.Minute)
}

// review checks how people decide by themselves, and that somebody asks them.
func (r *rules) review(p place, b *Bank) {
	v := b.Mock.Review
	if v == nil {
		return
	}
	q := p.key("mock").key("review")
	if len(b.Challenge.Kinds) == 1 && b.Challenge.Kinds[0] == "sms" {
		p.key("challenge").key("kinds").fault("sms asks nobody to approve: mock.review is never reached")
	}
	required(q.key("after"))
	if v.After != nil {
		r.dist(q.key("after"), v.After)
	}
	list := q.key("reject")
	atMost(list, len(v.Reject), len(RejectReasons()))
	rejected := 0.0
	for i := range v.Reject {
		one := &v.Reject[i]
		choice(list.item(i).key("reason"), &one.Reason, "", RejectReasons()...)
		required(list.item(i).key("share"))
		if one.Share != nil {
			rejected += float64(*one.Share)
		}
	}
	distinct(list, v.Reject, func(r Rejection) string { return r.Reason })
	// Shares are decimal on paper and binary here: a sum of 1 may be a little off.
	const whole = 1 + 1e-9
	switch {
	case v.Approve == nil && rejected <= whole:
		rest := Share(max(0, 1-rejected))
		v.Approve = &rest
	case v.Approve == nil, float64(*v.Approve)+rejected > whole:
		q.key("approve").fault("approve and the shares of reject are more than 100%% together")
	}
}
