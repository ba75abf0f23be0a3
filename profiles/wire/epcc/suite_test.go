package epcc_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// TestSuite runs the suite in both directions and both modes of SM4.
func TestSuite(t *testing.T) {
	for _, mode := range []string{"ecb", "cbc"} {
		for _, to := range []seal.Side{seal.Bank, seal.Gateway} {
			t.Run(mode+" to "+string(to), func(t *testing.T) {
				wiretest.Run(t, suite(t, to, epcc.Options{CipherMode: mode}))
			})
		}
	}
}

func suite(t testing.TB, to seal.Side, opts epcc.Options) wiretest.Suite {
	t.Helper()
	from := otherOf(to)
	sender := codec(t, from, opts)
	sender.SetRandom(goldenSession{})
	s := wiretest.Suite{
		Sender:     sender,
		Receiver:   codec(t, to, opts),
		Draw:       drawMessage,
		Stamped:    []string{"Header.SignSN"},
		Message:    messageOf,
		Comparable: comparablePart,
		Signed:     signedPart,
		Impostors:  impostors(t, from, opts),
		Hostile:    hostile(t, to, opts),
		Unfit:      unfit(),
		MaxBytes:   epcc.MaxBytes,
	}
	for _, g := range wiretest.ReadGoldens(t, "testdata/golden") {
		if g.Notes["receiver"] == string(to) && (g.Notes["cipher_mode"] == opts.CipherMode || !bytes.Contains(g.Frame.Body, []byte("<DgtlEnvlp>"))) {
			s.Goldens = append(s.Goldens, g)
		}
	}
	return s
}

// goldenSession is chance, except that a session key is that of the golden messages.
type goldenSession struct{}

func (goldenSession) Read(p []byte) (int, error) {
	if len(p) == 16 {
		return hex.Decode(p, []byte("0123456789abcdeffedcba9876543210"))
	}
	return io.ReadFull(rand.Reader, p)
}

// messageOf puts a golden message's words into a message.
func messageOf(g wiretest.Golden) wire.Message {
	v := g.Values
	head := epcc.Header{SndDt: v["Header.SndDt"], IssrId: v["Header.IssrId"], Drctn: v["Header.Drctn"]}
	system := epcc.SystemResult{SysRtnCd: v["SysRtnInf.SysRtnCd"], SysRtnDesc: v["SysRtnInf.SysRtnDesc"], SysRtnTm: v["SysRtnInf.SysRtnTm"]}
	biz := epcc.BizResult{SgnNo: v["BizInf.SgnNo"], BizStsCd: v["BizInf.BizStsCd"], BizStsDesc: v["BizInf.BizStsDesc"]}
	instg := epcc.Institution{InstgId: v["InstgInf.InstgId"], InstgAcct: secret.NewKey(v["InstgInf.InstgAcct"])}
	unsign := epcc.UnsignInfo{
		SgnAcctIssrId: v["SgnInf.SgnAcctIssrId"], SgnAcctTp: v["SgnInf.SgnAcctTp"],
		SgnAcctShrtId: v["SgnInf.SgnAcctShrtId"], SgnNo: v["SgnInf.SgnNo"],
	}
	rescind := epcc.Rescind{TrxId: v["RescindInf.TrxId"], TrxDtTm: v["RescindInf.TrxDtTm"]}
	query := epcc.QueryTrx{
		OriTrxCtgy: v["OriTrxInf.OriTrxCtgy"], OriTrxId: v["OriTrxInf.OriTrxId"],
		SrcInstgId: v["OriTrxInf.SrcInstgId"], SinkInstgId: v["OriTrxInf.SinkInstgId"],
	}
	switch g.Name[:3] {
	case "101":
		return &epcc.Sign{
			Header: head, InstgInf: instg,
			SgnInf: epcc.SignInfo{
				SgnAcctIssrId: v["SgnInf.SgnAcctIssrId"], SgnAcctTp: v["SgnInf.SgnAcctTp"],
				SgnAcctId: secret.NewCard(v["SgnInf.SgnAcctId"]), SgnAcctNm: secret.NewName(v["SgnInf.SgnAcctNm"]),
				IDTp: v["SgnInf.IDTp"], IDNo: secret.NewDocument(v["SgnInf.IDNo"]), MobNo: secret.NewMobile(v["SgnInf.MobNo"]),
				CVN2: secret.NewCVV(v["SgnInf.CVN2"]), VldDt: secret.NewExpiry(v["SgnInf.VldDt"]),
			},
			TrxInf: epcc.SignTrx{
				TrxCtgy: v["TrxInf.TrxCtgy"], TrxId: v["TrxInf.TrxId"], TrxDtTm: v["TrxInf.TrxDtTm"],
				AuthMsg: secret.NewCode(v["TrxInf.AuthMsg"]),
			},
		}
	case "102":
		return &epcc.SignReceipt{
			Header: head, SysRtnInf: system, BizInf: biz, InstgInf: instg,
			SgnInf: epcc.ReceiptInfo{
				SgnAcctIssrId: v["SgnInf.SgnAcctIssrId"], SgnAcctTp: v["SgnInf.SgnAcctTp"],
				SgnAcctId: secret.NewCard(v["SgnInf.SgnAcctId"]), SgnAcctNm: secret.NewName(v["SgnInf.SgnAcctNm"]), SgnAcctLvl: v["SgnInf.SgnAcctLvl"],
			},
			OriTrxInf: epcc.OriginalTrx{TrxCtgy: v["OriTrxInf.TrxCtgy"], TrxId: v["OriTrxInf.TrxId"], TrxDtTm: v["OriTrxInf.TrxDtTm"]},
		}
	case "103":
		return &epcc.Unsign{Header: head, SgnInf: unsign, InstgInf: instg, RescindInf: rescind}
	case "104":
		return &epcc.UnsignReceipt{Header: head, SysRtnInf: system, BizInf: biz, SgnInf: unsign, InstgInf: instg, RescindInf: rescind}
	case "301":
		return &epcc.Query{Header: head, OriTrxInf: query}
	case "302":
		return &epcc.QueryReceipt{Header: head, SysRtnInf: system, BizInf: biz, OriTrxInf: query}
	}
	return &epcc.System{Header: head, SysRtnInf: system}
}

var envelope = regexp.MustCompile(`<DgtlEnvlp>[^<]+</DgtlEnvlp>`)

// comparablePart is everything but the envelope's bytes and the seal, which hold
// chance. Two golden messages are in forms that we only read.
func comparablePart(g wiretest.Golden, body []byte) (string, bool) {
	if g.Name == "101-as-printed" || g.Name == "102-refused-blank" {
		return "", false
	}
	before, _, ok := strings.Cut(string(body), "{S:")
	return envelope.ReplaceAllString(before, "<DgtlEnvlp>…</DgtlEnvlp>"), ok
}

func signedPart(body []byte) (from, to int) {
	return bytes.Index(body, []byte("<root")), bytes.Index(body, []byte("</root>")) + len("</root>")
}

func otherOf(side seal.Side) seal.Side {
	if side == seal.Bank {
		return seal.Gateway
	}
	return seal.Bank
}

// impostors send with seals that the receiver must not take.
func impostors(t testing.TB, from seal.Side, opts epcc.Options) []wiretest.Impostor {
	t.Helper()
	revoked, encrypts := gatewayGone, gatewayOpens
	if from == seal.Bank {
		revoked, encrypts = bankRevoked, bankOpens
	}
	stranger, err := sm2.GenerateKey(rand.Reader)
	must(t, err)
	with := func(change func(*seal.Key)) wire.Codec {
		all := keys(t)
		for i := range all {
			if k := &all[i]; k.Owner == from && k.Use == "sign" && k.State == "active" {
				change(k)
			}
		}
		c, err := epcc.New(opts, seal.NewRing(from, all))
		must(t, err)
		return c
	}
	other := opts
	other.UserID = "8765432187654321"
	foreign := opts
	foreign.Algorithms, foreign.EnvelopePrefix = "intl", ""
	return []wiretest.Impostor{
		{Name: "an unknown serial", Sender: with(func(k *seal.Key) { k.Serial = "4999999999" }), Want: wire.ErrKey},
		{Name: "a revoked key", Sender: with(func(k *seal.Key) { k.Serial = revoked }), Want: wire.ErrKey},
		{Name: "a key of another use", Sender: with(func(k *seal.Key) { k.Serial = encrypts }), Want: wire.ErrKey},
		{Name: "the right serial over another key", Sender: with(func(k *seal.Key) { k.Private = stranger }), Want: wire.ErrSeal},
		{Name: "another user id", Sender: codec(t, from, other), Want: wire.ErrSeal},
		{Name: "the receiver's own side", Sender: codec(t, otherOf(from), opts), Want: wire.ErrKey},
		{Name: "another algorithm", Sender: codec(t, from, foreign), Want: wire.ErrKey},
	}
}
