package flow_test

import (
	"slices"
	"testing"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// Rules of the bank's client, the wallet's identity level and the card's mark.
func TestRulesBeforeABank(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	yes, no := true, false
	icbc := secret.NewCard(cardOf(set.BINs.Of("icbc")[0]))
	for _, row := range set.BINs.Of("icbc") {
		if row.Type == "debit" && row.Prefix[0] == '6' {
			icbc = secret.NewCard(cardOf(row))
			break
		}
	}
	old := func(in *flow.NewBinding) { // a card from before the prefix 62
		for _, row := range set.BINs.Of("icbc") {
			if row.Type == "debit" && row.Prefix[0] == '9' && row.QuickPass == "never" {
				in.Card = secret.NewCard(cardOf(row))
				return
			}
		}
		t.Fatal("no such card")
	}
	for name, c := range map[string]struct {
		change   func(*flow.NewBinding)
		reason   op.Reason // empty: it is bound
		pointers []string
		least    string
	}{
		"new client":             {func(in *flow.NewBinding) { in.Card = icbc }, "", nil, ""},
		"old client":             {func(in *flow.NewBinding) { in.Card, in.Terminal.ClientVersion = icbc, "7.9.9" }, op.ProtocolVersionUnsupported, []string{"/terminal/client_version"}, "8.0.0"},
		"client without a word":  {func(in *flow.NewBinding) { in.Card, in.Terminal.ClientVersion = icbc, "" }, op.ProtocolVersionUnsupported, []string{"/terminal/client_version"}, "8.0.0"},
		"old client, other bank": {func(in *flow.NewBinding) { in.Terminal.ClientVersion = "1.0" }, "", nil, ""},
		"new protocol":           {func(in *flow.NewBinding) { in.Card, in.Terminal.ProtocolVersion = icbc, "2.1.1" }, "", nil, ""},
		"old protocol":           {func(in *flow.NewBinding) { in.Card, in.Terminal.ProtocolVersion = icbc, "2.0" }, op.ProtocolVersionUnsupported, []string{"/terminal/protocol_version"}, "2.1"},
		"protocol that is none":  {func(in *flow.NewBinding) { in.Card, in.Terminal.ProtocolVersion = icbc, "two" }, op.Validation, []string{"/terminal/protocol_version"}, ""},
		"both too old, and a name": {func(in *flow.NewBinding) {
			in.Card, in.Terminal.ClientVersion, in.Terminal.ProtocolVersion, in.Name = icbc, "7", "2", secret.NewName("张3")
		}, op.ProtocolVersionUnsupported, []string{"/terminal/client_version", "/terminal/protocol_version", "/holder/name"}, "8.0.0"},
		"phone too old as well": {func(in *flow.NewBinding) {
			in.Card, in.Terminal.ClientVersion, in.Terminal.OSVersion = icbc, "7", "4.4"
		}, op.OSTooOld, []string{"/terminal/os_version", "/terminal/client_version"}, "5.0"},

		"level too low":       {func(in *flow.NewBinding) { in.Platform, in.IdentityLevel = "alipay", "none" }, op.IdentityLevelTooLow, []string{"/identity_level"}, ""},
		"level just right":    {func(in *flow.NewBinding) { in.Platform, in.IdentityLevel = "alipay", "class_i" }, "", nil, ""},
		"level, other wallet": {func(in *flow.NewBinding) { in.Platform, in.IdentityLevel = "unionpay", "class_i" }, op.IdentityLevelTooLow, []string{"/identity_level"}, ""},
		"level not told":      {func(in *flow.NewBinding) { in.Platform = "unionpay" }, "", nil, ""},
		"any level":           {func(in *flow.NewBinding) { in.IdentityLevel = "none" }, "", nil, ""},
		"no level at all":     {func(in *flow.NewBinding) { in.IdentityLevel = "high" }, op.Validation, []string{"/identity_level"}, ""},
		"level and a document": {func(in *flow.NewBinding) {
			in.Platform, in.IdentityLevel, in.DocumentType = "alipay", "none", "hk_macao_permit"
		},
			op.Validation, []string{"/identity_level", "/holder/document/type"}, ""},

		"a mark where none can be":      {func(in *flow.NewBinding) { old(in); in.QuickPass = &yes }, op.StepUpRequired, []string{"/card/quickpass"}, ""},
		"no mark where none can be":     {func(in *flow.NewBinding) { old(in); in.QuickPass = &no }, "", nil, ""},
		"nobody has looked":             {func(in *flow.NewBinding) { old(in) }, "", nil, ""},
		"a mark where one may be":       {func(in *flow.NewBinding) { in.QuickPass = &yes }, "", nil, ""},
		"a mark on a card that is none": {func(in *flow.NewBinding) { in.QuickPass, in.Card = &yes, secret.NewCard("62") }, op.CardInvalid, []string{"/card/number"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := request()
			in.UserID = "u_" + name[:1] // whoever it is
			c.change(&in)
			before := len(h.store.written)
			b, err := h.flow.Create(t.Context(), in, flow.Keyed{})
			if c.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := h.flow.Cancel(t.Context(), "wallet", b.ID, flow.Keyed{}); err != nil {
					t.Fatal(err)
				}
				return
			}
			p := problem(t, err)
			if p.Reason != c.reason || !slices.Equal(pointers(p), c.pointers) || p.Least != c.least || p.Outcome != op.NotSent || p.Asked || len(h.store.written) != before {
				t.Errorf("got %+v", p)
			}
			if p := (&op.Problem{Fields: h.flow.Faults(in)}); !slices.Equal(pointers(p), c.pointers) {
				t.Errorf("faults: %v", pointers(p))
			}
		})
	}
}

// The request that other people's programs send is served by every bank.
func TestTheContractsExampleBindsEverywhere(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	for _, b := range set.Banks {
		in := request()
		for _, row := range set.BINs.Of(b.ID) {
			if row.Type == "debit" && !row.Offline {
				in.Card = secret.NewCard(cardOf(row))
				if row.Scheme == "unionpay" {
					break
				}
			}
		}
		for _, f := range h.flow.Faults(in) {
			if f.Pointer != "/card/number" { // a network that the wallet does not take is another rule
				t.Errorf("%s: %+v", b.ID, f)
			}
		}
	}
}
