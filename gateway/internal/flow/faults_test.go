package flow_test

import (
	"slices"
	"testing"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// Whatever is wrong is named at once; the reason is the one that all share.
func TestEveryFaultIsNamed(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	for name, c := range map[string]struct {
		change   func(*flow.NewBinding)
		reason   op.Reason
		pointers []string
	}{
		"phone": {func(in *flow.NewBinding) {
			in.Terminal = flow.Terminal{OS: "android", OSVersion: "4.4", ClientVersion: "1.0", RestrictedMode: true}
		}, op.RestrictedMode, []string{"/terminal/restricted_mode", "/terminal/os_version"}},
		"phone and card": {func(in *flow.NewBinding) {
			in.Terminal.OSVersion, in.Card = "4.4", secret.NewCard("6228480000000000019")
		}, op.OSTooOld, []string{"/terminal/os_version", "/card/number"}},
		"card, name and document": {func(in *flow.NewBinding) {
			in.Card, in.Name, in.Document = secret.NewCard("6228480000000000019"), secret.NewName("张3"), secret.NewDocument("110101199003071090")
		}, op.Validation, []string{"/card/number", "/holder/name", "/holder/document/number"}},
		"name and expiry": {func(in *flow.NewBinding) {
			in.Name, in.Expiry = secret.NewName("张"), secret.NewExpiry("2020-01")
		}, op.Validation, []string{"/holder/name", "/card/expiry"}},
		"platform and all that does not hang on it": {func(in *flow.NewBinding) {
			in.Platform, in.Card, in.Mobile, in.Terminal.OSVersion = "telepathy", secret.NewCard("62"), secret.NewMobile("1"), "1"
			in.PasswordFree = journal.PasswordFree{Enabled: true}
		}, op.Validation, []string{"/platform", "/card/number", "/holder/mobile", "/agreement/password_free/limit/minor"}},
		"no limit": {func(in *flow.NewBinding) { in.PasswordFree = journal.PasswordFree{Enabled: true} },
			op.Validation, []string{"/agreement/password_free/limit/minor"}},
		"a document of another platform, whatever its number": {func(in *flow.NewBinding) {
			in.DocumentType, in.Name = "business_licence", secret.NewName("张")
		}, op.Validation, []string{"/holder/name", "/holder/document/type"}},
		"what the channel cannot carry": {func(in *flow.NewBinding) { in.Name, in.CVV = secret.NewName("長得寫不下"), secret.NewCVV("1") },
			op.Validation, []string{"/card/cvv", "/holder/name"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := request()
			c.change(&in)
			_, err := h.flow.Create(t.Context(), in, flow.Keyed{})
			if p := problem(t, err); p.Reason != c.reason || !slices.Equal(pointers(p), c.pointers) {
				t.Errorf("got %s of %v, want %s of %v", p.Reason, pointers(p), c.reason, c.pointers)
			}
			if p := (&op.Problem{Fields: h.flow.Faults(in)}); !slices.Equal(pointers(p), c.pointers) {
				t.Errorf("faults: %v, want %v", pointers(p), c.pointers)
			}
		})
	}
	if len(h.bank.counts) != 0 || len(h.store.written) != 0 {
		t.Errorf("asked %v, wrote %d", h.bank.counts, len(h.store.written))
	}
	if found := h.flow.Faults(request()); found != nil {
		t.Errorf("a good request has %v", found)
	}
}

func TestResolveNamesEveryFault(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	for number, want := range map[string][]string{"9999990000000000004": {"/platform", "/number"}, "6228480000000000018": {"/platform"}} {
		for isTyped, want := range map[bool][]string{true: want, false: {"/platform"}} {
			_, _, err := h.flow.Resolve(t.Context(), "telepathy", []flow.Candidate{{Number: secret.NewCard(number), Confidence: 0.5, Typed: isTyped}})
			if p := problem(t, err); p.Reason != op.Validation || !slices.Equal(pointers(p), want) {
				t.Errorf("typed %v: got %s of %v, want %v", isTyped, p.Reason, pointers(p), want)
			}
		}
	}
}

// Check implements bank.Checker for a channel whose names are short.
func (c *fakeCodec) Check(p op.Person) []op.Field {
	if p.Name.Reveal() == "長得寫不下" {
		return []op.Field{{Pointer: "/holder/name", Message: "must be shorter"}}
	}
	return nil
}
