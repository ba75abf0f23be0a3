package flow_test

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// creditCard is a card of a served bank, of type credit.
func creditCard(t fataler, set *profiles.Set) string {
	t.Helper()
	for _, b := range set.Banks {
		for _, row := range set.BINs.Of(b.ID) {
			if row.Type == "credit" && row.Scheme == "unionpay" && !row.NoLuhn {
				return cardOf(row)
			}
		}
	}
	t.Fatalf("no credit card in the table")
	return ""
}

func cardOf(row bins.Row) string {
	body := row.Prefix + strings.Repeat("1", int(row.Length)-1-len(row.Prefix))
	return body + string(bins.LuhnDigit(body))
}

// What is refused before a bank is asked costs no bank and no row.
func TestChecks(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	cases := map[string]struct {
		change   func(*flow.NewBinding)
		reason   op.Reason
		pointers []string
	}{
		"unknown platform":  {func(in *flow.NewBinding) { in.Platform = "telepathy" }, op.Validation, []string{"/platform"}},
		"unknown system":    {func(in *flow.NewBinding) { in.Terminal.OS = "symbian" }, op.Validation, []string{"/terminal/os"}},
		"no version":        {func(in *flow.NewBinding) { in.Terminal.OSVersion = "new" }, op.Validation, []string{"/terminal/os_version"}},
		"pure mode":         {func(in *flow.NewBinding) { in.Terminal.RestrictedMode = true }, op.RestrictedMode, []string{"/terminal/restricted_mode"}},
		"old android":       {func(in *flow.NewBinding) { in.Terminal.OSVersion = "4.4.4" }, op.OSTooOld, []string{"/terminal/os_version"}},
		"old ios":           {func(in *flow.NewBinding) { in.Terminal.OS, in.Terminal.OSVersion = "ios", "9.3.5" }, op.OSTooOld, []string{"/terminal/os_version"}},
		"document not here": {func(in *flow.NewBinding) { in.Platform, in.DocumentType = "alipay", "hk_macao_permit" }, op.UnsupportedOnPlatform, []string{"/holder/document/type"}},
		"short card":        {func(in *flow.NewBinding) { in.Card = secret.NewCard("622848") }, op.CardInvalid, []string{"/card/number"}},
		"letters":           {func(in *flow.NewBinding) { in.Card = secret.NewCard("622848000000000001x") }, op.CardInvalid, []string{"/card/number"}},
		"wrong luhn":        {func(in *flow.NewBinding) { in.Card = secret.NewCard("6228480000000000019") }, op.CardInvalid, []string{"/card/number"}},
		"unknown prefix": {func(in *flow.NewBinding) {
			in.Card = secret.NewCard("1111110000000000" + string(bins.LuhnDigit("1111110000000000")))
		}, op.CardInvalid, []string{"/card/number"}},
		"name with digits": {func(in *flow.NewBinding) { in.Name = secret.NewName("张3") }, op.NameFormat, []string{"/holder/name"}},
		"document":         {func(in *flow.NewBinding) { in.Document = secret.NewDocument("110101199003071090") }, op.Validation, []string{"/holder/document/number"}},
		"everything at once": {func(in *flow.NewBinding) {
			in.Document, in.Mobile, in.CVV = secret.NewDocument("1"), secret.NewMobile("+8523800138000"), secret.NewCVV("12")
			in.PasswordFree = journal.PasswordFree{Enabled: true, LimitFen: 1 << 40}
		}, op.Validation, []string{"/holder/document/number", "/holder/mobile", "/card/cvv", "/agreement/password_free/limit/minor"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := request()
			c.change(&in)
			_, err := h.flow.Create(t.Context(), in, flow.Keyed{})
			p := problem(t, err)
			if p.Reason != c.reason || !slices.Equal(pointers(p), c.pointers) || p.Outcome != op.NotSent || p.Asked {
				t.Errorf("got %+v", p)
			}
			for _, f := range p.Fields {
				for _, value := range []string{in.Document.Reveal(), in.Card.Reveal(), in.Mobile.Reveal()} {
					if len(value) > 3 && strings.Contains(f.Message+p.Detail, value) {
						t.Errorf("quotes a value: %+v", p)
					}
				}
			}
		})
	}
	if len(h.bank.counts) != 0 || len(h.store.written) != 0 {
		t.Errorf("asked %v, wrote %d", h.bank.counts, len(h.store.written))
	}
}

func TestNotServed(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	in := request()
	in.Card = secret.NewCard(cardOf(orphan(t, set)))
	_, err := h.flow.Create(t.Context(), in, flow.Keyed{})
	if p := problem(t, err); p.Reason != op.CardInvalid || p.Asked {
		t.Errorf("got %+v", p)
	}
}

// orphan is a row of a bank that is not served.
func orphan(t fataler, set *profiles.Set) bins.Row {
	t.Helper()
	for _, row := range set.BINs.Of("") {
		if row.Scheme == "unionpay" && row.Type == "debit" && !row.NoLuhn {
			return row
		}
	}
	t.Fatalf("every row is served")
	return bins.Row{}
}

// What reaches the bank is the name in its normal form, and the document's letters in capitals.
func TestNormalFormReachesTheBank(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	in := request()
	in.Name, in.Document = secret.NewName(" 穆拉提 • 马木提"), secret.NewDocument("11010119900307109x")
	b, err := h.flow.Create(t.Context(), in, flow.Keyed{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := h.store.Sealed(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := h.vault.Open(b.ID, data)
	if err != nil || p.Name.Reveal() != "穆拉提·马木提" || p.Document.Reveal() != "11010119900307109X" {
		t.Errorf("got %q, %q", p.Name.Reveal(), p.Document.Reveal())
	}
}

func typed(number string) flow.Candidate {
	return flow.Candidate{Number: secret.NewCard(number), Confidence: 1, Typed: true}
}

func TestResolve(t *testing.T) {
	set := shipped(t)
	h := newHouse(t, t.TempDir(), set)
	good, other, wrong := "6228480000000000018", "6228480000000000026", "6228480000000000019"
	c := func(number string, confidence float64) flow.Candidate {
		return flow.Candidate{Number: secret.NewCard(number), Confidence: confidence}
	}
	cases := map[string]struct {
		candidates []flow.Candidate
		want       string // "": a person must type it
	}{
		"typed":                   {[]flow.Candidate{typed(good)}, good},
		"typed with wrong digit":  {[]flow.Candidate{typed(wrong)}, wrong},
		"sure enough":             {[]flow.Candidate{c(good, 0.85)}, good},
		"not sure enough":         {[]flow.Candidate{c(good, 0.8499)}, ""},
		"best fails Luhn":         {[]flow.Candidate{c(wrong, 0.99), c(good, 0.86)}, good},
		"two that stand":          {[]flow.Candidate{c(good, 0.99), c(other, 0.86)}, ""},
		"the same twice":          {[]flow.Candidate{c(good, 0.99), c(good, 0.86)}, good},
		"another, but unsure":     {[]flow.Candidate{c(good, 0.99), c(other, 0.5)}, good},
		"none stands":             {[]flow.Candidate{c(wrong, 0.99), c("123", 0.99)}, ""},
		"none":                    {nil, ""},
		"confidence is no number": {[]flow.Candidate{c(good, -1)}, ""},
		"one photographed, wrong": {[]flow.Candidate{c(wrong, 0.99)}, ""},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			got, card, err := h.flow.Resolve(t.Context(), "wechat", k.candidates)
			if err != nil || card.Reveal() != k.want {
				t.Fatalf("got %q, %v, want %q", card.Reveal(), err, k.want)
			}
			if k.want == "" {
				return
			}
			if got.Bank == nil || got.Bank.ID != "abc" || got.Row.Type != "debit" || !got.Open || got.LuhnOK != (k.want == good) ||
				!slices.Equal(got.Channels, []string{"nucc"}) || !slices.Equal(got.Elements, []string{"name", "document", "card", "mobile"}) {
				t.Errorf("got %+v", got)
			}
		})
	}
	got, _, err := h.flow.Resolve(t.Context(), "", []flow.Candidate{typed(creditCard(t, set))})
	if err != nil || !slices.Equal(got.Elements, []string{"name", "document", "card", "mobile", "cvv", "expiry"}) {
		t.Errorf("credit: %+v, %v", got, err)
	}
	got, card, err := h.flow.Resolve(t.Context(), "", []flow.Candidate{typed(cardOf(orphan(t, set)))})
	if err != nil || card.IsZero() || got.Bank != nil || got.Row.Table == "" || got.Open {
		t.Errorf("not served: %+v, %v", got, err)
	}
	for name, try := range map[string]struct {
		platform string
		number   string
		reason   op.Reason
	}{
		"unknown prefix":   {"wechat", "1111110000000000", op.CardInvalid},
		"no number":        {"wechat", "62x", op.CardInvalid},
		"unknown platform": {"telepathy", good, op.Validation},
	} {
		got, _, err := h.flow.Resolve(t.Context(), try.platform, []flow.Candidate{typed(try.number)})
		if err == nil {
			t.Fatalf("%s: %+v", name, got)
		}
		if p := problem(t, err); p.Reason != try.reason || len(p.Fields) == 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A card that can't pay online can't be bound either (M03), and whoever asks first is told so.
func TestCardsWithoutOnlinePayment(t *testing.T) {
	files := fstest.MapFS{}
	if err := fs.WalkDir(profiles.Embedded(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(profiles.Embedded(), path)
		if path == "banks/abc.yaml" {
			text = bytes.Replace(text, []byte("bins:\n"), []byte("bins:\n  - {prefix: \"62999988\", length: 19, no_online_payment: true}\n"), 1)
		}
		files[path] = &fstest.MapFile{Data: text}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	set, err := profiles.Load(files, profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, t.TempDir(), set)
	in := request()
	in.Card = secret.NewCard(cardOf(bins.Row{Prefix: "62999988", Length: 19}))
	_, err = h.flow.Create(t.Context(), in, flow.Keyed{})
	if p := problem(t, err); p.Reason != op.OnlinePaymentUnsupported || p.Bank != "abc" || !slices.Equal(pointers(p), []string{"/card/number"}) {
		t.Errorf("create says %+v", p)
	}
	found, _, err := h.flow.Resolve(t.Context(), "", []flow.Candidate{typed(in.Card.Reveal())})
	if err != nil || !found.Row.Offline {
		t.Errorf("resolve says %+v, %v", found, err)
	}
}
