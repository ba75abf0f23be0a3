package iso8583_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

// drawFrom draws any message that a side sends, with its limits among the values.
func drawFrom(side seal.Side) func(*rapid.T) wire.Message {
	if side == seal.Gateway {
		return func(t *rapid.T) wire.Message {
			switch rapid.IntRange(0, 3).Draw(t, "type") {
			case 0, 1:
				return &iso8583.Request{Header: drawHeader(t), Trace: drawTrace(t), Common: drawCommon(t)}
			case 2:
				return &iso8583.Reversal{
					Header: drawHeader(t), Trace: drawTrace(t), Repeat: rapid.Bool().Draw(t, "repeat"), Common: drawCommon(t), Original: drawOriginal(t),
				}
			}
			return drawNetwork(t, rapid.Bool().Draw(t, "application"))
		}
	}
	return func(t *rapid.T) wire.Message {
		switch rapid.IntRange(0, 4).Draw(t, "type") {
		case 0, 1:
			return &iso8583.Answer{
				Header: drawHeader(t), Trace: drawTrace(t), Common: drawCommon(t), AuthCode: maybe(t, filled(6)),
				ResponseCode: response.Draw(t, "response"), AdditionalResponse: maybe(t, printable(25)),
			}
		case 2:
			m := &iso8583.ReversalAnswer{Header: drawHeader(t), Trace: drawTrace(t), Common: drawCommon(t), ResponseCode: response.Draw(t, "response")}
			if rapid.Bool().Draw(t, "original") {
				m.Original = drawOriginal(t)
			}
			return m
		case 3:
			return drawNetwork(t, false)
		}
		return &iso8583.NetworkAnswer{
			Header: drawHeader(t), Trace: drawTrace(t), Application: rapid.Bool().Draw(t, "application"), Forwarder: maybe(t, digits(1, 11)),
			ResponseCode: response.Draw(t, "response"), Security: maybe(t, digits(16, 16)), Code: digits(3, 3).Draw(t, "code"), Receiver: maybe(t, digits(1, 11)),
		}
	}
}

func drawNetwork(t *rapid.T, application bool) *iso8583.Network {
	return &iso8583.Network{
		Header: drawHeader(t), Trace: drawTrace(t), Application: application, Forwarder: maybe(t, digits(1, 11)),
		Security: maybe(t, digits(16, 16)), Code: digits(3, 3).Draw(t, "code"), Receiver: maybe(t, digits(1, 11)),
	}
}

func drawHeader(t *rapid.T) iso8583.Header {
	return iso8583.Header{Destination: digits(1, 11).Draw(t, "destination"), Source: digits(1, 11).Draw(t, "source")}
}

func drawTrace(t *rapid.T) iso8583.Trace {
	return iso8583.Trace{Transmitted: moment.Draw(t, "transmitted"), STAN: digits(6, 6).Draw(t, "stan")}
}

func drawOriginal(t *rapid.T) iso8583.Original {
	return iso8583.Original{
		MTI: digits(4, 4).Draw(t, "mti"), STAN: digits(6, 6).Draw(t, "stan"), Transmitted: moment.Draw(t, "transmitted"),
		Acquirer: digits(11, 11).Draw(t, "acquirer"), Forwarder: digits(11, 11).Draw(t, "forwarder"),
	}
}

func drawCommon(t *rapid.T) iso8583.Common {
	c := iso8583.Common{
		PAN: secret.NewCard(maybe(t, digits(13, 19))), ProcessingCode: digits(6, 6).Draw(t, "processing"),
		AmountFen: maybe(t, rapid.SampledFrom([]string{"000000000000", "000000000001", "999999999999"})),
		LocalTime: maybe(t, clock), LocalDate: maybe(t, date), Expiry: secret.NewExpiry(maybe(t, digits(4, 4))), SettlementDate: maybe(t, date),
		MerchantType: maybe(t, digits(4, 4)), EntryMode: maybe(t, digits(3, 3)), ConditionCode: maybe(t, digits(2, 2)),
		Acquirer: maybe(t, digits(1, 11)), Forwarder: maybe(t, digits(1, 11)), Reference: maybe(t, filled(12)), Terminal: maybe(t, filled(8)),
		Merchant: maybe(t, filled(15)), MerchantName: maybe(t, chineseText(40)), Currency: maybe(t, digits(3, 3)), Receiver: maybe(t, digits(1, 11)),
		Account: secret.NewCard(maybe(t, printable(28))), National: maybe(t, printable(100)), AcquirerData: maybe(t, printable(100)), IssuerData: maybe(t, printable(100)),
	}
	c.Usages = iso8583.Usages{
		Order: maybe(t, solid(40)), Code: secret.NewCode(maybe(t, digits(4, 8))), Wallet: secret.NewKey(maybe(t, solid(64))), Agreement: maybe(t, solid(64)),
	}
	if rapid.Bool().Draw(t, "mandate") {
		c.Usages.Mandate = iso8583.Mandate{
			NumberType: maybe(t, solid(2)), UserNumber: secret.NewKey(maybe(t, solid(40))), Area: maybe(t, solid(4)), ExtraArea: maybe(t, solid(4)),
			PayFlag: maybe(t, solid(1)), PayType: maybe(t, solid(2)), Account: secret.NewKey(maybe(t, solid(40))), Term: maybe(t, solid(2)),
			Max: maybe(t, solid(12)), Min: maybe(t, solid(12)), Window: maybe(t, solid(17)), Reserved: maybe(t, solid(22)),
		}
	}
	// As many places of field 60 as there are, from the front.
	places := []*string{&c.Details.Reason, &c.Details.AccountOwner, &c.Details.TerminalCapability, &c.Details.ICCondition, &c.Details.Reserved, &c.Details.TerminalType}
	for i, n := range []int{4, 1, 1, 1, 1, 2}[:rapid.IntRange(0, 6).Draw(t, "details")] {
		*places[i] = printable(n).Filter(func(s string) bool { return len(s) == n }).Draw(t, "detail")
	}
	if rapid.Bool().Draw(t, "identity") {
		c.Identity = iso8583.Identity{
			DocumentType: maybe(t, digits(2, 2)), Document: secret.NewDocument(maybe(t, solid(20))), CVVResult: maybe(t, solid(1)), PVVResult: maybe(t, solid(1)),
			CVN2: secret.NewCVV(maybe(t, digits(3, 3))), CVN2Result: maybe(t, solid(1)), ARQCResult: maybe(t, solid(1)),
			Name: secret.NewName(maybe(t, chineseText(120))), Mobile: secret.NewMobile(maybe(t, digits(11, 11))),
		}
	}
	return c
}

var (
	date     = rapid.SampledFrom([]string{"0101", "0229", "1231", "0825"})
	clock    = rapid.SampledFrom([]string{"000000", "235959", "100000"})
	moment   = rapid.SampledFrom([]string{"0101000000", "0229235959", "1231235959", "0601100000"})
	response = rapid.StringMatching(`[0-9A-Z]{2}`)
)

// maybe leaves a field out now and then.
func maybe(t *rapid.T, g *rapid.Generator[string]) string {
	if rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
		return ""
	}
	return g.Draw(t, "value")
}

func digits(least, most int) *rapid.Generator[string] {
	return rapid.StringMatching(fmt.Sprintf(`[0-9]{%d,%d}`, least, most))
}

// printable is 1 to most characters of ASCII, blanks among them and anywhere.
func printable(most int) *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(fmt.Sprintf(`[ -~]{1,%d}`, most)), rapid.SampledFrom([]string{strings.Repeat("~", most), strings.Repeat("0", most)}))
}

// solid does not end with a blank.
func solid(most int) *rapid.Generator[string] {
	return printable(most).Filter(func(s string) bool { return !strings.HasSuffix(s, " ") })
}

// filled is a field that is filled up with blanks: it does not end with one, unless it is one.
func filled(most int) *rapid.Generator[string] { return rapid.OneOf(solid(most), rapid.Just(" ")) }

// chineseText has two bytes in GBK for most of its characters.
func chineseText(most int) *rapid.Generator[string] {
	part := rapid.SampledFrom([]string{"张", "丰", "镕", "·", "A", " ", "龘", "é"})
	return rapid.Custom(func(t *rapid.T) string {
		out, room := "", most
		for _, r := range rapid.SliceOfN(part, 1, most/2).Draw(t, "characters") {
			size := 2
			if r[0] < 0x80 {
				size = 1
			}
			if room -= size; room < 0 {
				break
			}
			out += r
		}
		if out = strings.Trim(out, " "); out == "" {
			return "丰"
		}
		return out
	})
}
