package profiles_test

import (
	"slices"
	"testing"
	"time"

	"kaqiao/profiles"
)

func shipped(t testing.TB) *profiles.Set {
	t.Helper()
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// The names other people's tests rely on, and row M13's figures.
func TestShippedSet(t *testing.T) {
	set := shipped(t)
	tiers := map[string]int{}
	for _, b := range set.Banks {
		tiers[b.Tier]++
		if set.Bank(b.ID) != b {
			t.Errorf("%s is not found by its id", b.ID)
		}
		protocol := map[string]string{"state": "epcc", "city": "iso8583", "foreign": "jws"}[b.Tier]
		if c := set.Channel(b.Routes[0].Channel); len(b.Routes) != 1 || c.Protocol != protocol || (c.ID == b.ID) != (protocol != "epcc") {
			t.Errorf("%s: routes %v, want %s", b.ID, b.Routes, protocol)
		}
		if len(b.Mock.Faults) > 0 || *b.Mock.People != 10_000 {
			t.Errorf("%s: mock %+v", b.ID, b.Mock)
		}
		if b.Limits.InFlight < 512 || b.Limits.PerSecond < 500 {
			t.Errorf("%s: limits %+v are too small for a load test", b.ID, b.Limits)
		}
		if len(set.BINs.Of(b.ID)) == 0 {
			t.Errorf("%s has no cards", b.ID)
		}
		tierFigures(t, b)
	}
	if tiers["state"] != 6 || tiers["city"] != 6 || tiers["foreign"] != 4 {
		t.Errorf("tiers: %v", tiers)
	}
	for _, id := range []string{"icbc", "abc", "boc", "ccb", "bocom", "psbc"} {
		if b := set.Bank(id); b == nil || b.Tier != "state" {
			t.Errorf("%s: %v", id, b)
		}
	}
	if c := set.Channel("nucc"); c == nil || c.Protocol != "epcc" || !c.Mock.PlainHTTP || c.Endpoint.TLS == nil {
		t.Errorf("nucc: %+v", c)
	}
	if set.Bank("nobody") != nil || set.Channel("nobody") != nil || set.Platform("nobody") != nil {
		t.Error("found what is not there")
	}
}

func tierFigures(t *testing.T, b *profiles.Bank) {
	t.Helper()
	if b.Tier == "foreign" { // each has rules of its own
		foreignFigures(t, b)
		return
	}
	type figures struct {
		kinds    string
		from, to time.Duration
		single   int64
		apply    time.Duration // the gateway's time-out
		silent   time.Duration
	}
	want := map[string]figures{
		"state": {"sms app_push", 0, 2 * time.Second, 5_000_000, 5 * time.Second, 3 * time.Second},
		"city":  {"sms", 3 * time.Second, 5 * time.Second, 1_000_000, 10 * time.Second, 7 * time.Second},
	}[b.Tier]
	kinds := b.Challenge.Kinds[0]
	for _, kind := range b.Challenge.Kinds[1:] {
		kinds += " " + kind
	}
	got := figures{kinds, b.Answers.From.Std(), b.Answers.To.Std(), b.Money.SingleFen, b.Timeouts.Apply.Std(), b.Mock.SilentFor.Std()}
	if got != want {
		t.Errorf("%s: %+v, want %+v", b.ID, got, want)
	}
	for _, op := range []string{"apply", "confirm"} {
		d := b.Mock.Latency.Of(op).Lognormal
		if d.Cap.Std() >= want.to || d.P50.Std() < want.from || d.Cap.Std() >= want.silent {
			t.Errorf("%s: %s takes %+v, which is not the tier's %v to %v", b.ID, op, d, want.from, want.to)
		}
	}
}

// Two foreign banks are deployed locally and answer in 1 to 3 s; two are not, and an answer goes the long way.
func foreignFigures(t *testing.T, b *profiles.Bank) {
	t.Helper()
	abroad := b.ID == "hangseng" || b.ID == "scb"
	if !slices.Equal(b.Challenge.Kinds, []string{"email", "phone"}) || b.Challenge.ApproveWithin.Std() < 24*time.Hour {
		t.Errorf("%s: challenge %+v", b.ID, b.Challenge)
	}
	d := b.Mock.Latency.Of("apply")
	if (d.Shift > 0) != abroad || (len(d.Mixture) == 2) != abroad || (b.Answers.To.Std() > 3*time.Second) != abroad {
		t.Errorf("%s: answers %+v, latency %+v", b.ID, b.Answers, d)
	}
	longest := b.Answers.To.Std()
	if d.Lognormal != nil && d.Lognormal.Cap.Std() >= longest || b.Timeouts.Apply.Std() <= longest {
		t.Errorf("%s: an answer may take %v, apply %+v, time-out %v", b.ID, longest, d, b.Timeouts.Apply.Std())
	}
	for _, p := range d.Mixture {
		if p.Lognormal.Cap.Std()+d.Shift.Std() >= longest {
			t.Errorf("%s: an answer may take %v, apply %+v", b.ID, longest, d)
		}
	}
}

func TestShippedPlatforms(t *testing.T) {
	set := shipped(t)
	for _, tt := range []struct {
		id      string
		journey time.Duration
		schemes []string
		permits bool
	}{
		{"wechat", 90 * time.Second, []string{"unionpay", "visa", "mastercard"}, true},
		{"alipay", 60 * time.Second, []string{"unionpay", "jcb", "amex"}, false},
		{"unionpay", 120 * time.Second, []string{"unionpay"}, true},
	} {
		p := set.Platform(tt.id)
		if p == nil {
			t.Fatalf("no platform %s", tt.id)
		}
		if p.Journey.Std() != tt.journey || !slices.Equal(p.Schemes, tt.schemes) ||
			slices.Contains(p.Documents, "hk_macao_permit") != tt.permits || slices.Contains(p.Documents, "taiwan_permit") != tt.permits {
			t.Errorf("%+v", p)
		}
		if p.Terminal != (profiles.Terminal{Android: "5.0", IOS: "10.0", Harmony: "2.0"}) {
			t.Errorf("%s: terminal %+v", tt.id, p.Terminal)
		}
	}
	if len(set.Platforms) != 3 {
		t.Errorf("%d platforms", len(set.Platforms))
	}
}

func TestShippedCards(t *testing.T) {
	set := shipped(t)
	for _, tt := range []struct{ number, bank, kind string }{
		{"6228480000000000000", "abc", "debit"},
		{"6222020000000000000", "icbc", "debit"},
		{"6225880000000001", "", "debit"}, // a bank of the table that no profile claims
	} {
		row, ok := set.BINs.Lookup(tt.number)
		if !ok || row.Bank != tt.bank || row.Type != tt.kind || row.Scheme != "unionpay" {
			t.Errorf("%s: %+v, want %s", tt.number, row, tt.bank)
		}
		if tt.bank == "" && row.Table == "" {
			t.Errorf("%s: the table's own code is lost", tt.number)
		}
	}
}
