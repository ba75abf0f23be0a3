package profiles_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire/epcc"
)

func TestOverrides(t *testing.T) {
	set, err := profiles.Load(withTemplates(t), profiles.LoadOptions{Env: []string{
		"KAQIAO_CHANNELS_NUCC_ENDPOINT_URL=https://10.0.0.1:9443/preSvr",
		"KAQIAO_CHANNELS_NUCC_OPTIONS_CIPHER_MODE=cbc",
		"KAQIAO_CHANNELS_NUCC_OPTIONS_CONTROL_DIGITS=012345",
		"KAQIAO_CHANNELS_NUCC_MOCK_PLAIN_HTTP=false",
		"KAQIAO_CHANNELS_NUCC_ENDPOINT_TLS_CA=env:HUB_CA",
		"KAQIAO_BANKS_ABC_LIMITS_PER_SECOND=7",
		"KAQIAO_BANKS_ABC_LIMITS_RESERVE=25%",
		"KAQIAO_BANKS_ABC_LIMITS_BURST=9", // not in the file
		"KAQIAO_BANKS_ABC_MOCK_LATENCY_CHALLENGE_FIXED=3ms",
		"KAQIAO_BANKS_ABC_NAME_EN=1=2",
		"KAQIAO_PLATFORMS_WECHAT_TERMINAL_CLIENT=8.0",
		"KAQIAO_BANKS_ABC_TIER=", // empty is unset
		"KAQIAO_BANKSY=x", "KAQIAO_REFERENCE=/x", "PATH=/bin", "=", "",
	}})
	must(t, err)
	abc, nucc := set.Bank("abc"), set.Channel("nucc")
	options := nucc.Options.(*epcc.Options)
	if nucc.Endpoint.URL != "https://10.0.0.1:9443/preSvr" || nucc.Mock.PlainHTTP || nucc.Endpoint.TLS.CA != "env:HUB_CA" ||
		nucc.Endpoint.TLS.ServerName != "10.0.0.1" || options.CipherMode != "cbc" || options.ControlDigits != "012345" || options.Algorithms != "sm" {
		t.Errorf("nucc: %+v, options %+v", nucc.Endpoint, options)
	}
	if abc.Limits.PerSecond != 7 || *abc.Limits.Reserve != profiles.Together(0.25) || abc.Limits.Burst != 9 || abc.Limits.InFlight != 1024 || abc.Name.EN != "1=2" || abc.Tier != "state" {
		t.Errorf("abc: %+v %+v", abc.Limits, abc.Name)
	}
	if d := abc.Mock.Latency.Challenge; d == nil || d.Fixed.Std() != 3*time.Millisecond {
		t.Errorf("challenge: %+v", d)
	}
	if set.Platform("wechat").Terminal.Client != "8.0" {
		t.Errorf("wechat: %+v", set.Platform("wechat").Terminal)
	}
	if icbc := set.Bank("icbc"); icbc.Limits.PerSecond != shipped(t).Bank("icbc").Limits.PerSecond {
		t.Error("another bank was changed")
	}
}

// An override is checked by the rules of the file, and told by its own name.
func TestOverrideFaults(t *testing.T) {
	for _, tt := range []struct{ env, want string }{
		{"KAQIAO_BANKS_ABC_LIMITS_PER_SECOND=0", "environment KAQIAO_BANKS_ABC_LIMITS_PER_SECOND: limits.per_second: 0 is not within 1 to 1,000,000"},
		{"KAQIAO_BANKS_ABC_LIMITS_PER_SECOND=many", "environment KAQIAO_BANKS_ABC_LIMITS_PER_SECOND: limits.per_second: want a whole number in plain digits, not a text"},
		{"KAQIAO_BANKS_ABC_LIMITS_RESERVE=60%", "environment KAQIAO_BANKS_ABC_LIMITS_RESERVE: limits.reserve: more than 50%"},
		{"KAQIAO_BANKS_ABC_MONEY_DAILY_FEN=1", "environment KAQIAO_BANKS_ABC_MONEY_DAILY_FEN: money.daily_fen: 1 is less than single_fen"},
		{"KAQIAO_BANKS_ABX_TIER=city", "environment KAQIAO_BANKS_ABX_TIER: no profile has this id (did you mean abc?)"},
		{"KAQIAO_BANKS_ABC_LIMITS_PER_SECND=1", "environment KAQIAO_BANKS_ABC_LIMITS_PER_SECND: banks/abc.yaml has no single value of this name (did you mean limits_per_second?)"},
		{"KAQIAO_BANKS_ABC_LIMITS=1", "environment KAQIAO_BANKS_ABC_LIMITS: banks/abc.yaml has no single value of this name"},
		{"KAQIAO_BANKS_ABC_ROUTES=nucc", "environment KAQIAO_BANKS_ABC_ROUTES: banks/abc.yaml has no single value of this name; lists can't be overridden"},
		{"KAQIAO_BANKS_ABC=x", "environment KAQIAO_BANKS_ABC: no profile has this id"},
		{"KAQIAO_CHANNELS_NUCC_OPTIONS_CIPHER_MODE=gcm", "environment KAQIAO_CHANNELS_NUCC_OPTIONS_CIPHER_MODE: options.cipher_mode: must be ecb or cbc"},
		{"KAQIAO_CHANNELS_NUCC_ENDPOINT_URL=https://u:hunter2@h/", "environment KAQIAO_CHANNELS_NUCC_ENDPOINT_URL: endpoint.url: a URL with a user or password is not taken"},
	} {
		list := faultsOf(t, withTemplates(t), tt.env)
		if len(list) != 1 || !strings.HasPrefix(list[0].String(), tt.want) {
			t.Errorf("%v, want %s", list, tt.want)
		}
	}
}

// Where a name may be read in two ways, neither is guessed.
func TestAmbiguousOverride(t *testing.T) {
	m := withTemplates(t)
	text := string(m["banks/mybank.yaml"].Data)
	second := strings.NewReplacer("id: mybank", "id: mybank-limits", "09990000", "09990001", "C1999999999999", "C1999999999998",
		"62999901", "62999903", "62999902", "62999904").Replace(text)
	m["banks/mybank-limits.yaml"] = &fstest.MapFile{Data: []byte(second)}
	set, err := profiles.Load(m, profiles.LoadOptions{Env: []string{
		"KAQIAO_BANKS_MYBANK_LIMITS_MONEY_SINGLE_FEN=1500000", "KAQIAO_BANKS_MYBANK_LIMITS_BURST=8",
	}})
	must(t, err)
	if set.Bank("mybank-limits").Money.SingleFen != 1_500_000 || set.Bank("mybank").Limits.Burst != 8 {
		t.Error("a name was read wrongly")
	}
	m["banks/mybank-limits.yaml"].Data = []byte(second)
	m["channels/my-hub.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(m["channels/myhub.yaml"].Data), "id: myhub", "id: my-hub", 1))}
	m["channels/my.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(m["channels/myhub.yaml"].Data), "id: myhub", "id: my", 1))}
	if _, err := profiles.Load(m, profiles.LoadOptions{Env: []string{"KAQIAO_CHANNELS_MY_HUB_ENDPOINT_MAX_CONNS=9999"}}); err != nil {
		t.Errorf("an id with - : %v", err)
	}
	m["banks/my-bank.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(text, "id: mybank", "id: my-bank", 1))}
	m["banks/my_bank.yaml"] = &fstest.MapFile{Data: []byte(text)}
	list := faultsOf(t, m, "KAQIAO_BANKS_MY_BANK_TIER=state")
	if !hasFault(list, "environment KAQIAO_BANKS_MY_BANK_TIER: this may be banks/my-bank.yaml or banks/my_bank.yaml") {
		t.Errorf("%v", list)
	}
}
