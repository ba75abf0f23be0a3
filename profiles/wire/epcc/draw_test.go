package epcc_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// drawMessage draws any message that fits, with its limits among the values.
func drawMessage(t *rapid.T) wire.Message {
	switch rapid.IntRange(0, 6).Draw(t, "type") {
	case 0:
		return drawSign(t)
	case 1:
		return &epcc.SignReceipt{
			Header: drawHeader(t), SysRtnInf: drawSystem(t, true), BizInf: drawBiz(t),
			SgnInf: epcc.ReceiptInfo{
				SgnAcctIssrId: maybe(t, institution("C")), SgnAcctTp: maybe(t, digits(2)),
				SgnAcctId: secret.NewCard(maybe(t, card)), SgnAcctNm: secret.NewName(maybe(t, text(120))), SgnAcctLvl: maybe(t, text(32)),
			},
			InstgInf:  drawInstitution(t, false),
			OriTrxInf: epcc.OriginalTrx{TrxCtgy: maybe(t, digits(4)), TrxId: maybe(t, digits(31)), TrxDtTm: maybe(t, moment)},
		}
	case 2:
		return &epcc.Unsign{Header: drawHeader(t), SgnInf: drawUnsign(t, true), InstgInf: drawInstitution(t, true), RescindInf: drawRescind(t, true)}
	case 3:
		return &epcc.UnsignReceipt{
			Header: drawHeader(t), SysRtnInf: drawSystem(t, false), BizInf: drawBiz(t),
			SgnInf: drawUnsign(t, false), InstgInf: drawInstitution(t, false), RescindInf: drawRescind(t, false),
		}
	case 4:
		return &epcc.Query{Header: drawHeader(t), OriTrxInf: drawQuery(t, true)}
	case 5:
		return &epcc.QueryReceipt{Header: drawHeader(t), SysRtnInf: drawSystem(t, true), BizInf: drawBiz(t), OriTrxInf: drawQuery(t, false)}
	}
	return &epcc.System{Header: drawHeader(t), SysRtnInf: drawSystem(t, true)}
}

func drawSign(t *rapid.T) *epcc.Sign {
	return &epcc.Sign{
		Header: drawHeader(t),
		SgnInf: epcc.SignInfo{
			SgnAcctIssrId: institution("C").Draw(t, "issuer"), SgnAcctTp: digits(2).Draw(t, "type"),
			SgnAcctId: secret.NewCard(card.Draw(t, "card")), SgnAcctNm: secret.NewName(text(120).Draw(t, "name")),
			IDTp: digits(2).Draw(t, "idtp"), IDNo: secret.NewDocument(text(32).Draw(t, "document")),
			MobNo: secret.NewMobile(digits(11).Draw(t, "mobile")),
			CVN2:  secret.NewCVV(maybe(t, rapid.StringMatching(`[0-9]{3,4}`))),
			VldDt: secret.NewExpiry(maybe(t, rapid.StringMatching(`(0[1-9]|1[0-2])[0-9]{2}`))),
		},
		TrxInf: epcc.SignTrx{
			TrxCtgy: digits(4).Draw(t, "category"), TrxId: digits(31).Draw(t, "id"), TrxDtTm: moment.Draw(t, "time"),
			AuthMsg:  secret.NewCode(maybe(t, rapid.StringMatching(`[0-9]{4,8}`))),
			ClbckUrl: maybe(t, rapid.StringMatching(`[!-~]{1,512}`)),
		},
		InstgInf: drawInstitution(t, true),
	}
}

func drawHeader(t *rapid.T) epcc.Header {
	return epcc.Header{SndDt: moment.Draw(t, "sent"), IssrId: institution("Z").Draw(t, "sender"), Drctn: digits(2).Draw(t, "direction")}
}

func drawSystem(t *rapid.T, code bool) epcc.SystemResult {
	return epcc.SystemResult{SysRtnCd: needed(t, code, result), SysRtnDesc: maybe(t, text(512)), SysRtnTm: maybe(t, moment)}
}

func drawBiz(t *rapid.T) epcc.BizResult {
	return epcc.BizResult{SgnNo: maybe(t, agreement), BizStsCd: maybe(t, result), BizStsDesc: maybe(t, text(512))}
}

func drawInstitution(t *rapid.T, all bool) epcc.Institution {
	return epcc.Institution{InstgId: needed(t, all, institution("Z")), InstgAcct: secret.NewKey(maybe(t, text(64)))}
}

func drawUnsign(t *rapid.T, all bool) epcc.UnsignInfo {
	return epcc.UnsignInfo{
		SgnAcctIssrId: needed(t, all, institution("C")), SgnAcctTp: needed(t, all, digits(2)),
		SgnAcctShrtId: needed(t, all, digits(4)), SgnNo: needed(t, all, agreement),
	}
}

func drawRescind(t *rapid.T, all bool) epcc.Rescind {
	return epcc.Rescind{TrxId: needed(t, all, digits(31)), TrxDtTm: needed(t, all, moment)}
}

func drawQuery(t *rapid.T, all bool) epcc.QueryTrx {
	return epcc.QueryTrx{
		OriTrxCtgy: needed(t, all, digits(4)), OriTrxId: needed(t, all, digits(31)),
		SrcInstgId: needed(t, all, institution("Z")), SinkInstgId: needed(t, all, institution("C")),
	}
}

var (
	card      = rapid.StringMatching(`[0-9]{13,19}`)
	result    = rapid.StringMatching(`[A-Z]{2}[0-9]{6}|00000000|[A-Za-z0-9]{8}`)
	agreement = rapid.StringMatching(`[!-~]{1,64}`)
	moment    = rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", rapid.IntRange(1, 9999).Draw(t, "y"), rapid.IntRange(1, 12).Draw(t, "m"),
			rapid.IntRange(1, 28).Draw(t, "d"), rapid.IntRange(0, 23).Draw(t, "h"), rapid.IntRange(0, 59).Draw(t, "min"), rapid.IntRange(0, 59).Draw(t, "s"))
	})
)

func digits(n int) *rapid.Generator[string] {
	return rapid.StringMatching(fmt.Sprintf(`[0-9]{%d}`, n))
}

func institution(letter string) *rapid.Generator[string] {
	return rapid.StringMatching(letter + `[0-9]{13}`)
}

// text is 1 to max bytes without control characters, often of the longest kind.
func text(max int) *rapid.Generator[string] {
	runes := rapid.RuneFrom([]rune(" &<>\"';]{}S:/张三·é\u00a0\U00020bb7😀zZ09"))
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 4).Draw(t, "longest") == 0 {
			return strings.Repeat("长", max/3) + strings.Repeat("&", max%3)
		}
		return rapid.StringOfN(runes, 1, -1, max).Draw(t, "text")
	})
}

func maybe(t *rapid.T, g *rapid.Generator[string]) string { return needed(t, false, g) }

func needed(t *rapid.T, always bool, g *rapid.Generator[string]) string {
	if !always && rapid.Bool().Draw(t, "empty") {
		return ""
	}
	return g.Draw(t, "value")
}
