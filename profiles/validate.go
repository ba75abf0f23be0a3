package profiles

import (
	"math"
	"regexp"
	"time"

	"kaqiao/profiles/bins"
)

// The tiers, card types and schemes that profiles speak of.
func tiers() []string     { return []string{"state", "city", "foreign"} }
func cardTypes() []string { return []string{"debit", "credit", "semi_credit", "prepaid", "virtual"} }
func schemes() []string   { return []string{"unionpay", "visa", "mastercard", "jcb", "amex"} }

// Documents are the types of identity documents that profiles speak of.
func Documents() []string {
	return []string{
		"resident_id", "passport", "hk_macao_permit", "taiwan_permit",
		"hk_macao_taiwan_residence", "foreign_residence", "business_licence",
	}
}

// IdentityLevels are how surely a wallet knows its user, the least sure first.
func IdentityLevels() []string { return []string{"none", "class_i", "class_ii", "class_iii"} }

// quickPasses are what may be known of the QuickPass mark.
func quickPasses() []string { return []string{bins.Always, bins.Never, bins.Unknown} }

// rules are the patterns of texts, compiled once for each load.
type rules struct {
	id, issuer, table, prefix, member, code, reason, serial, reference, version *regexp.Regexp

	reasons []string // those that exist; empty: not known here
}

func newRules(reasons []string) *rules {
	return &rules{
		reasons:   reasons,
		id:        regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`),
		issuer:    regexp.MustCompile(`^[0-9]{8}$`),
		table:     regexp.MustCompile(`^[A-Z0-9]{2,16}$`),
		prefix:    regexp.MustCompile(`^[0-9]{3,10}$`),
		member:    regexp.MustCompile(`^[0-9A-Za-z]{1,32}$`),
		code:      regexp.MustCompile(`^[0-9A-Za-z_.:/-]{1,32}$`),
		reason:    regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`),
		serial:    regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`),
		reference: regexp.MustCompile(`^(file:[^\x00-\x1f]+|env:[A-Za-z_][A-Za-z0-9_]{0,255})$`),
		version:   regexp.MustCompile(`^[0-9]{1,4}(\.[0-9]{1,4}){0,3}$`),
	}
}

// identity checks what every profile begins with.
func (r *rules) identity(p place, id string, name Text) {
	pattern(p.key("id"), id, r.id, "a to z, 0 to 9 and - between them, at most 32, as the file is named")
	if r.id.MatchString(id) && id != p.f.id {
		p.key("id").fault("%s is not the name of the file: want %s", quoted(id), quoted(p.f.id))
	}
	words(p.key("name").key("zh"), name.ZH, 120)
	words(p.key("name").key("en"), name.EN, 120)
}

// limits checks what the gateway may ask.
func (r *rules) limits(p place, l *Limits) {
	whole(p.key("per_second"), &l.PerSecond, 200, 1, 1_000_000)
	whole(p.key("burst"), &l.Burst, l.PerSecond, 1, 1_000_000)
	whole(p.key("in_flight"), &l.InFlight, 64, 1, 100_000)
	whole(p.key("queue"), &l.Queue, min(l.InFlight/2, mostQueue), 0, mostQueue)
	span(p.key("wait"), &l.Wait, 500*time.Millisecond, 0, 10*time.Second)
	reserve := p.key("reserve")
	if reserve.absent() {
		tenth := Together(0.1)
		l.Reserve = &tenth
	} else if l.Reserve != nil && l.Reserve.All() > 0.5 {
		reserve.fault("more than 50%%")
	}
}

// mostQueue is how many may wait before one bank.
const mostQueue = 10_000

// breaker checks when a bank or a channel is left alone.
func (r *rules) breaker(p place, b *Breaker) {
	span(p.key("window"), &b.Window, 10*time.Second, time.Second, 10*time.Minute)
	whole(p.key("min_calls"), &b.MinCalls, 20, 1, 10_000)
	share(p.key("failure_rate"), &b.FailureRate, 0.5)
	whole(p.key("consecutive"), &b.Consecutive, 20, 1, 10_000)
	whole(p.key("probes"), &b.Probes, 3, 1, 100)
	open := p.key("open_for")
	if open.absent() {
		b.OpenFor = Range{Duration(5 * time.Second), Duration(time.Minute)}
	} else if b.OpenFor.Min.Std() < 10*time.Millisecond || b.OpenFor.Max.Std() > time.Hour {
		open.fault("not within %v to %v", 10*time.Millisecond, time.Hour)
	}
}

// slowness checks when a bank is slow; one that promises an answer in time is slow when it is late.
func (r *rules) slowness(p place, b *Breaker, promised Duration) {
	share(p.key("slow_rate"), &b.SlowRate, 0.8)
	span(p.key("slow_after"), &b.SlowAfter, promised.Std(), time.Millisecond, mostTimeout)
}

// share checks a share that must not be nothing, and puts in the default where the key is absent.
func share(p place, v *Share, otherwise Share) {
	if p.absent() {
		*v = otherwise
		return
	}
	if *v < 0.01 {
		p.fault("less than 1%%")
	}
}

func (r *rules) channelBreaker(p place, b *ChannelBreaker) {
	all := b.Breaker()
	r.breaker(p, &all)
	*b = ChannelBreaker{
		Window: all.Window, MinCalls: all.MinCalls, FailureRate: all.FailureRate, Consecutive: all.Consecutive,
		OpenFor: all.OpenFor, Probes: all.Probes,
	}
}

// The bounds of every time-out.
const leastTimeout, mostTimeout = 10 * time.Millisecond, 10 * time.Minute

// timeouts checks how long the gateway waits for a bank. One that is left out is as the channel says.
func (r *rules) timeouts(p place, t *Timeouts) {
	for key, v := range map[string]*Duration{"apply": &t.Apply, "confirm": &t.Confirm, "query": &t.Query} {
		if *v != 0 {
			span(p.key(key), v, 0, leastTimeout, mostTimeout)
		}
	}
}

// channelTimeouts checks how long the gateway waits where a bank says nothing.
func (r *rules) channelTimeouts(p place, t *ChannelTimeouts) {
	span(p.key("connect"), &t.Connect, 2*time.Second, leastTimeout, mostTimeout)
	span(p.key("apply"), &t.Apply, 10*time.Second, leastTimeout, mostTimeout)
	span(p.key("confirm"), &t.Confirm, 12*time.Second, leastTimeout, mostTimeout)
	span(p.key("query"), &t.Query, 5*time.Second, leastTimeout, mostTimeout)
}

// latency checks each operation's distribution.
func (r *rules) latency(p place, l Latency) {
	for name, d := range map[string]*Dist{
		"default": l.Default, "verify": l.Verify, "apply": l.Apply, "challenge": l.Challenge,
		"confirm": l.Confirm, "query": l.Query, "cancel": l.Cancel, "unsign": l.Unsign,
	} {
		if d != nil {
			r.dist(p.key(name), d)
		}
	}
}

// longest is the longest delay of a mock.
const longest = 24 * time.Hour

func (r *rules) dist(p place, d *Dist) {
	given := 0
	for _, key := range []string{"fixed", "uniform", "lognormal", "mixture"} {
		if !p.key(key).absent() {
			given++
		}
	}
	if given != 1 {
		p.fault("%s given: want exactly one of fixed, uniform, lognormal, mixture", count(given, "distribution"))
	}
	if d.Fixed != nil {
		span(p.key("fixed"), d.Fixed, 0, 0, longest)
	}
	if u := d.Uniform; u != nil {
		q := p.key("uniform")
		required(q.key("min"))
		required(q.key("max"))
		span(q.key("max"), &u.Max, 0, 0, longest)
		if u.Min > u.Max && !q.key("max").absent() {
			q.key("min").fault("%v is more than max, %v", u.Min.Std(), u.Max.Std())
		}
	}
	if l := d.Lognormal; l != nil {
		r.lognormal(p.key("lognormal"), l)
	}
	span(p.key("shift"), &d.Shift, 0, 0, MostShift)
	r.mixture(p.key("mixture"), d.Mixture)
}

// MostShift is the longest way to a bank and back.
const MostShift = time.Minute

func (r *rules) mixture(p place, parts []Part) {
	if p.absent() {
		return
	}
	if len(parts) < 2 || len(parts) > 8 {
		p.fault("%s, not within 2 to 8", count(len(parts), "part"))
	}
	sum, whole := 0.0, true
	for i := range parts {
		q := p.item(i)
		required(q.key("lognormal"))
		if parts[i].Weight == 0 {
			whole = false
			q.key("weight").fault("required: a part above 0%%")
		}
		sum += float64(parts[i].Weight)
		if !q.key("lognormal").absent() {
			r.lognormal(q.key("lognormal"), &parts[i].Lognormal)
		}
	}
	if whole && math.Abs(sum-1) > WeightSlack {
		p.fault("the weights make %.4g%%, not 100%%", sum*100)
	}
}

// WeightSlack is how far the weights of a mixture may be from the whole: what rounding does.
const WeightSlack = 1e-9

func (r *rules) lognormal(p place, l *Lognormal) {
	required(p.key("p50"))
	required(p.key("p99"))
	span(p.key("p50"), &l.P50, 0, time.Microsecond, longest)
	span(p.key("p99"), &l.P99, 0, time.Microsecond, longest)
	if l.P50 >= l.P99 && l.P50 > 0 && l.P99 > 0 {
		p.key("p50").fault("%v is not less than p99, %v", l.P50.Std(), l.P99.Std())
	}
	if ceiling := p.key("cap"); !ceiling.absent() {
		span(ceiling, &l.Cap, 0, time.Microsecond, longest)
		if l.Cap < l.P99 {
			ceiling.fault("%v is less than p99, %v: then p99 would not be what it says", l.Cap.Std(), l.P99.Std())
		}
	}
}

// required tells a key that is absent and has no default.
func required(p place) {
	if p.absent() {
		p.fault("required")
	}
}

// played tells the faults that none of these protocols can play.
func played(p place, list []Fault, protocols ...string) {
	for i, fault := range list {
		if no := Unplayable(fault.Kind, fault.Operation, protocols); no != "" {
			p.item(i).key("kind").fault("%s", no)
		}
	}
}

// faults checks what goes wrong on a mock's own account.
func (r *rules) faults(p place, list []Fault) {
	atMost(p, len(list), 64)
	for i := range list {
		q, fault := p.item(i), &list[i]
		choice(q.key("kind"), &fault.Kind, "", FaultKinds()...)
		if op := q.key("operation"); !op.absent() {
			choice(op, &fault.Operation, "", Operations()...)
		}
		if q.key("share").absent() {
			always := Share(1)
			fault.Share = &always
		}
		whole(q.key("count"), &fault.Count, 0, 0, 1_000_000_000)
		whole(q.key("for_s"), &fault.ForS, 0, 0, 7*24*60*60)
		if late := q.key("delay"); !late.absent() {
			span(late, &fault.Delay, 0, time.Millisecond, 10*time.Minute)
			if !Delayed(fault.Kind) {
				late.fault("only late_reply and slow_drip have a delay")
			}
		}
		if after := q.key("after_commit"); !after.absent() && fault.Kind != "http_5xx" {
			after.fault("only http_5xx has it")
		}
		if unseen := q.key("for"); !unseen.absent() {
			span(unseen, &fault.For, 0, time.Millisecond, longest)
			if fault.Kind != "not_found_for_a_while" {
				unseen.fault("only not_found_for_a_while has it")
			}
		}
	}
}
