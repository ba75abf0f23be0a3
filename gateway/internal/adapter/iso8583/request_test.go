package iso8583_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	adapter "kaqiao/gateway/internal/adapter/iso8583"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

func ring(side seal.Side) *seal.Ring {
	key := func(use, algorithm, text string) seal.Key {
		return seal.Key{Serial: use, Owner: seal.Both, Use: use, Algorithm: algorithm, State: "active", Secret: secret.NewKey(text)}
	}
	return seal.NewRing(side, []seal.Key{key("mac", "des", "0123456789ABCDEF"), key("master", "des3", "0123456789ABCDEFFEDCBA9876543210")})
}

func codec(t testing.TB, side seal.Side) *iso8583.Codec {
	t.Helper()
	c, err := iso8583.New(iso8583.Options{}, ring(side))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A verification as the sheet's fields make it, put together by hand: length
// prefixes, order, padding and the bytes of GBK are nobody's encoder's.
func TestVerificationOnTheWire(t *testing.T) {
	m, err := newAdapter().Request(operation(op.Verify))
	if err != nil {
		t.Fatal(err)
	}
	f, err := codec(t, seal.Gateway).Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	const merchant = "\xc9\xed\xb7\xdd\xd1\xe9\xd6\xa4\xc4\xac\xc8\xcf\xc9\xcc\xbb\xa7" // 身份验证默认商户
	fields := "0100" +                                                                  // bits 1 2 3 7, 11 12 13, 18 22, 25 32, 33 37, 41 42 43, 49, 60 61, 100, 128
		"\xe2\x38\x44\x81\x88\xe0\x80\x18\x00\x00\x00\x00\x10\x00\x00\x01" +
		"19" + card + "890000" + "0601100130" + "070042" + "100130" + "0601" + "6400" + "012" + "00" +
		"08" + institution + "08" + institution + "100130070042" + "01080209" + "999999999999999" +
		merchant + strings.Repeat(" ", 24) + "156"
	const identity = "01" + "11010119900307123X  " + "  CUP" + "000" + "  CUP" + "AM" + "0010000110000000" + "004\xd5\xc5\xc8\xfd" + "01113800138000"
	const details = "00000000" + "07" + "00" + "00" + "0" + "00" + "0" + "000" // the internet; the last digit is the seal's: 0, DES
	got := string(f.Body[46:])
	if !strings.HasPrefix(got, fields) {
		t.Fatalf("got  %q\nwant %q", got, fields)
	}
	rest := got[len(fields):]
	if !strings.HasPrefix(rest, fmt.Sprintf("%03d%s%03d%s", len(details), details, len(identity), identity)) {
		t.Errorf("fields 60 and 61: %q", rest)
	}
	if tail := rest[len(rest)-18:]; tail[:10] != "08"+member {
		t.Errorf("field 100: %q", tail)
	}
	head := string(f.Body[:46])
	want := fmt.Sprintf("\x2e\x02%04d%-11s%-11s\x00\x00\x00\x0100000000\x0000000", len(f.Body), member, institution)
	if head != want {
		t.Errorf("header %q, want %q", head, want)
	}
}

// flat spells out what differs between operations, secrets included.
func flat(m wire.Message) string {
	say := func(c iso8583.Common) string {
		i, u := c.Identity, c.Usages
		return fmt.Sprintf("pan=%s f3=%s f4=%s exp=%s id=%s/%s cvn2=%s name=%s mobile=%s on=%s vc=%s wa=%s ag=%s", c.PAN.Reveal(), c.ProcessingCode,
			c.AmountFen, c.Expiry.Reveal(), i.DocumentType, i.Document.Reveal(), i.CVN2.Reveal(), i.Name.Reveal(), i.Mobile.Reveal(),
			u.Order, u.Code.Reveal(), u.Wallet.Reveal(), u.Agreement)
	}
	switch m := m.(type) {
	case *iso8583.Request:
		return m.Type() + " " + m.Trace.Key() + " " + say(m.Common)
	case *iso8583.Reversal:
		return fmt.Sprintf("%s %s %s %+v", m.Type(), m.Trace.Key(), say(m.Common), m.Original)
	}
	return fmt.Sprintf("%T", m)
}

// What the gateway means arrives at a bank that knows nothing but the grammar.
func TestRequest(t *testing.T) {
	credit := operation(op.Apply)
	credit.Person.CardType, credit.Person.CVV, credit.Person.Expiry = "credit", secret.NewCVV("123"), secret.NewExpiry("2029-08")
	creditSigns := operation(op.Confirm)
	creditSigns.Person = credit.Person
	again := operation(op.Reverse)
	again.Repeat = 1
	const mine = " 0601100130070042 "
	const who = " exp= id=01/11010119900307123X cvn2=000 name=张三 mobile=13800138000"
	const creditWho = " exp=2908 id=01/11010119900307123X cvn2=123 name=张三 mobile=13800138000"
	const original = " f4=000000000000 exp= id=/ cvn2= name= mobile= on= vc= wa= ag= {MTI:0100 STAN:070041 Transmitted:0601100000 Acquirer:00004990000 Forwarder:00004990000}"
	for name, c := range map[string]struct {
		o    op.Operation
		want string
	}{
		"verify":            {operation(op.Verify), "0100" + mine + "pan=" + card + " f3=890000 f4=" + who + " on= vc= wa= ag="},
		"set-up":            {operation(op.Apply), "0100" + mine + "pan=" + card + " f3=891000 f4=" + who + " on=" + number + " vc= wa= ag="},
		"another code":      {operation(op.Challenge), "0100" + mine + "pan=" + card + " f3=891000 f4=" + who + " on=" + number + " vc= wa= ag="},
		"sign":              {operation(op.Confirm), "0100" + mine + "pan=" + card + " f3=892000 f4=" + who + " on=" + setUp + " vc=123456 wa=w1 ag="},
		"credit card":       {credit, "0100" + mine + "pan=" + card + " f3=891000 f4=" + creditWho + " on=" + number + " vc= wa= ag="},
		"credit card signs": {creditSigns, "0100" + mine + "pan=" + card + " f3=892000 f4=" + creditWho + " on=" + setUp + " vc=123456 wa=w1 ag="},
		"cancel":            {operation(op.Unsign), "0100" + mine + "pan= f3=893000 f4= exp= id=/ cvn2= name= mobile= on= vc= wa=w1 ag=" + agreement},
		"reverse":           {operation(op.Reverse), "0420" + mine + "pan=" + card + " f3=892000" + original},
		"reverse again":     {again, "0421" + mine + "pan=" + card + " f3=892000" + original},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := newAdapter().Request(c.o)
			if err != nil {
				t.Fatal(err)
			}
			f, err := codec(t, seal.Gateway).Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := codec(t, seal.Bank).Decode(f)
			if err != nil {
				t.Fatal(err)
			}
			if flat(got) != c.want {
				t.Errorf("got  %s\nwant %s", flat(got), c.want)
			}
		})
	}
}

func TestCantBeSaid(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*op.Operation)
		kind  op.Kind
		want  error
	}{
		"a query":           {func(*op.Operation) {}, op.Query, adapter.ErrOperation},
		"giving up":         {func(*op.Operation) {}, op.Cancel, adapter.ErrOperation},
		"undoing nothing":   {func(o *op.Operation) { o.Original = nil }, op.Reverse, adapter.ErrOperation},
		"undoing a query":   {func(o *op.Operation) { o.Original.Kind = op.Query }, op.Reverse, adapter.ErrOperation},
		"another document":  {func(o *op.Operation) { o.Person.DocumentType = "library_card" }, op.Apply, adapter.ErrDocument},
		"a foreign mobile":  {func(o *op.Operation) { o.Person.Mobile = secret.NewMobile("+85291234567") }, op.Apply, adapter.ErrMobile},
		"an odd expiry":     {func(o *op.Operation) { o.Person.Expiry = secret.NewExpiry("08/29") }, op.Apply, adapter.ErrExpiry},
		"a foreign number":  {func(o *op.Operation) { o.Number = "SGN1" }, op.Apply, nil},
		"undoing a foreign": {func(o *op.Operation) { o.Original.Number = "SGN1" }, op.Reverse, nil},
	} {
		o := operation(c.kind)
		c.spoil(&o)
		if _, err := newAdapter().Request(o); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	pointers := func(spoil func(*op.Person)) (all []string) {
		p := person()
		spoil(&p)
		for _, f := range newAdapter().Check(p) {
			all = append(all, f.Pointer)
		}
		return all
	}
	for name, c := range map[string]struct {
		spoil func(*op.Person)
		want  []string
	}{
		"fine":             {func(*op.Person) {}, nil},
		"a middle dot":     {func(p *op.Person) { p.Name = secret.NewName("阿卜杜拉·买买提") }, nil},
		"120 bytes":        {func(p *op.Person) { p.Name = secret.NewName(strings.Repeat("汉", 60)) }, nil},
		"122 bytes":        {func(p *op.Person) { p.Name = secret.NewName(strings.Repeat("汉", 61)) }, []string{"/holder/name"}},
		"a rare character": {func(p *op.Person) { p.Name = secret.NewName("张\U00020BB7") }, []string{"/holder/name"}},
		"all": {func(p *op.Person) {
			p.DocumentType, p.Mobile, p.Document = "library_card", secret.NewMobile("+85291234567"), secret.NewDocument(strings.Repeat("1", 21))
		}, []string{"/holder/document/type", "/holder/document/number", "/holder/mobile"}},
	} {
		if got := pointers(c.spoil); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestPowers(t *testing.T) {
	a := newAdapter()
	for kind, c := range map[op.Kind]struct {
		truth  op.Truth
		debit  []string
		credit []string
	}{
		op.Apply:     {op.ByReversal, nil, nil},
		op.Challenge: {op.ByReversal, nil, []string{"card.cvv", "card.expiry"}},
		op.Confirm:   {op.ByReversal, []string{"code"}, []string{"code", "card.cvv", "card.expiry"}},
		op.Unsign:    {op.ByRepeat, nil, nil},
	} {
		if a.Truth(kind) != c.truth || !slices.Equal(a.Requires(kind, "debit"), c.debit) || !slices.Equal(a.Requires(kind, "credit"), c.credit) || !a.Does(kind) {
			t.Errorf("%s: %v, %v, %v", kind, a.Truth(kind), a.Requires(kind, "debit"), a.Requires(kind, "credit"))
		}
	}
	if a.Does(op.Query) || a.Does(op.Cancel) || !a.Does(op.Verify) || !a.Does(op.Reverse) || !a.Renumbers(op.Confirm) {
		t.Error("what can be said, and under which number, is told wrongly")
	}
	no := false
	opts := options()
	opts.SignCredit = &no
	if got := adapter.New(opts, "bob", set()).Requires(op.Confirm, "credit"); !slices.Equal(got, []string{"code"}) {
		t.Errorf("without the option: %v", got)
	}
	if n, err := a.Number(time.Date(2024, 6, 1, 2, 1, 30, 0, time.UTC), 7*100_000_000_000_000+30_042); err != nil || n != number {
		t.Errorf("number %s, %v", n, err)
	}
	if peer, err := a.Peer(); peer != member || err != nil {
		t.Errorf("peer %s, %v", peer, err)
	}
}
