package epcc_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// G1, source: written and signed apart from this code, with Python and the
// fixed nonce of GM/T 0003.5 annex A; the signature was verified with OpenSSL.
const g1 = `<?xml version="1.0" encoding="UTF-8"?>
<root xmlns="namespace_string"><MsgHeader><SndDt>2024-06-01T10:00:00</SndDt><MsgTp>epcc.103.001.01</MsgTp><IssrId>Z2000000000001</IssrId><Drctn>11</Drctn><SignSN>4000000001</SignSN></MsgHeader><MsgBody><SgnInf><SgnAcctIssrId>C1000000000001</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp><SgnAcctShrtId>0019</SgnAcctShrtId><SgnNo>AGR20240601000001</SgnNo></SgnInf><InstgInf><InstgId>Z2000000000001</InstgId></InstgInf><RescindInf><TrxId>2024060100000000000000011760001</TrxId><TrxDtTm>2024-06-01T10:00:00</TrxDtTm></RescindInf></MsgBody></root>
{S:MEUCIQClBZCcApB9kCB2vQBG4fjAS1vrKqrED9heHUKU16r5BAIgB0pkzXqAvhKLdIaJvUyr5NKyklCpjOa5gdfbyhq2Dt8=}`

func g1Message() *epcc.Unsign {
	return &epcc.Unsign{
		Header:     epcc.Header{SndDt: "2024-06-01T10:00:00", IssrId: "Z2000000000001", Drctn: "11", SignSN: "4000000001"},
		SgnInf:     epcc.UnsignInfo{SgnAcctIssrId: "C1000000000001", SgnAcctTp: "00", SgnAcctShrtId: "0019", SgnNo: "AGR20240601000001"},
		InstgInf:   epcc.Institution{InstgId: "Z2000000000001"},
		RescindInf: epcc.Rescind{TrxId: "2024060100000000000000011760001", TrxDtTm: "2024-06-01T10:00:00"},
	}
}

func TestGoldenG1(t *testing.T) {
	got, err := codec(t, seal.Bank, epcc.Options{}).Decode(wire.Frame{Body: []byte(g1)})
	must(t, err)
	if diff := cmp.Diff(wire.Message(g1Message()), got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	frame, err := codec(t, seal.Gateway, epcc.Options{}).Encode(g1Message())
	must(t, err)
	if before, want := cutSeal(t, frame.Body), cutSeal(t, []byte(g1)); before != want {
		t.Errorf("encoded:\n%s\nwant:\n%s", before, want)
	}
}

// cutSeal returns what stands before the trailer.
func cutSeal(t testing.TB, body []byte) string {
	t.Helper()
	before, _, ok := strings.Cut(string(body), "{S:")
	if !ok {
		t.Fatalf("no trailer in %q", body)
	}
	return before
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
