package farm_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/mockbanks/farm"
	"kaqiao/mockbanks/internal/keymaker"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

const directYAML = `
id: njcb
name: {zh: 测试城商行, en: Test City Bank}
tier: city
bins:
  - {prefix: "621259", length: 19, type: debit}
routes:
  - member: "04243010"
    direct:
      protocol: iso8583
      endpoint: {url: "tcp://127.0.0.1:9199"}
      keys:
        - {serial: "1", owner: both, use: mac, algorithm: des, secret: "file:njcb/mac.key"}
        - {serial: "2", owner: both, use: master, algorithm: des3, secret: "file:njcb/master.key"}
challenge: {kinds: [sms], resend_after: 0s}
accounts: {classes: [I, II]}
money: {single_fen: 5000000}
answers: {to: 2s}
mock: {people: 20}
`

// spareYAML is a hub without members: a set has at least one.
const spareYAML = `
id: spare
name: {zh: 备用, en: Spare}
protocol: iso8583
endpoint: {url: "tcp://127.0.0.1:9198"}
options: {hub: "00010000"}
keys:
  - {serial: "1", owner: both, use: mac, algorithm: des, secret: "file:spare/mac.key"}
`

const member = "04243010"

// lineWorld is a farm with a bank on long lines of its own, and a program that speaks to it.
type lineWorld struct {
	*world
	codec *iso8583.Codec
	data  string
	stan  int
}

func startLines(t *testing.T) *lineWorld {
	t.Helper()
	set, err := profiles.Load(fstest.MapFS{
		"channels/spare.yaml":   &fstest.MapFile{Data: []byte(spareYAML)},
		"banks/njcb.yaml":       &fstest.MapFile{Data: []byte(directYAML)},
		"platforms/wechat.yaml": &fstest.MapFile{Data: []byte(platformYAML)},
	}, profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := &lineWorld{world: &world{t: t, set: set, keys: filepath.Join(t.TempDir(), "keys")}, data: t.TempDir()}
	if err := keymaker.Make(w.keys, set, keymaker.Options{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	w.client = &http.Client{Timeout: 20 * time.Second}
	t.Cleanup(w.client.CloseIdleConnections)
	channel := set.Channel("njcb")
	ring, err := channel.Ring(seal.Gateway, w.keys)
	if err != nil {
		t.Fatal(err)
	}
	var opts iso8583.Options
	if given, ok := channel.Options.(*iso8583.Options); ok && given != nil {
		opts = *given
	}
	if w.codec, err = iso8583.New(opts, ring); err != nil {
		t.Fatal(err)
	}
	w.begin()
	return w
}

// begin runs the farm over the books that there are.
func (w *lineWorld) begin() {
	w.t.Helper()
	w.run(farm.Config{
		Set: w.set, Now: w.now, KeyDir: w.keys, DataDir: w.data, Seed: 1, Control: "127.0.0.1:0",
		Listen: map[string]string{"njcb": "127.0.0.1:0", "spare": "127.0.0.1:0"}, Log: slog.New(slog.DiscardHandler),
	})
}

// wireLine is the gateway's end of one line.
type wireLine struct {
	net.Conn
	w      *lineWorld
	framer *iso8583.Framer
}

// dial opens a line and signs on over it.
func (w *lineWorld) dial() *wireLine {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.farm.Address("njcb"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	l := &wireLine{conn, w, iso8583.NewFramer(0)}
	on := &iso8583.Network{Header: w.header8583(), Trace: w.trace(), Code: "001"}
	l.send(on)
	if a := l.next().(*iso8583.NetworkAnswer); a.ResponseCode != "00" {
		w.t.Fatalf("sign-on: %+v", a)
	}
	return l
}

func (w *lineWorld) header8583() iso8583.Header {
	return iso8583.Header{Destination: member, Source: w.codec.Options().Institution}
}

func (w *lineWorld) trace() iso8583.Trace {
	w.stan++
	return iso8583.Trace{Transmitted: w.now().In(profiles.Beijing).Format("0102150405"), STAN: fmt.Sprintf("%06d", w.stan)}
}

func (l *wireLine) send(messages ...wire.Message) {
	l.w.t.Helper()
	var all []byte
	for _, m := range messages {
		f, err := l.w.codec.Encode(m)
		if err != nil {
			l.w.t.Fatal(err)
		}
		if all, err = iso8583.AppendFrame(all, f.Body); err != nil {
			l.w.t.Fatal(err)
		}
	}
	if _, err := l.Write(all); err != nil {
		l.w.t.Fatal(err)
	}
}

// read returns the next message, or why there is none.
func (l *wireLine) read() (wire.Message, error) {
	buffer := make([]byte, 4096)
	for {
		body, ok, err := l.framer.Next()
		if err != nil {
			return nil, err
		}
		if ok && len(body) > 0 {
			return l.w.codec.Decode(wire.Frame{Body: body})
		}
		n, err := l.Read(buffer)
		if err != nil {
			return nil, err
		}
		l.framer.Feed(buffer[:n])
	}
}

func (l *wireLine) next() wire.Message {
	l.w.t.Helper()
	m, err := l.read()
	if err != nil {
		l.w.t.Fatal(err)
	}
	return m
}

// answers reads n answers by the traces that they belong to.
func (l *wireLine) answers(n int) map[string]string {
	l.w.t.Helper()
	out := map[string]string{}
	for range n {
		switch m := l.next().(type) {
		case *iso8583.Answer:
			out[m.Trace.Key()] = m.ResponseCode
		case *iso8583.ReversalAnswer:
			out[m.Trace.Key()] = m.ResponseCode
		}
	}
	return out
}

func (w *lineWorld) ask8583(code string, c customer) *iso8583.Request {
	m := &iso8583.Request{Header: w.header8583(), Trace: w.trace()}
	m.Common = iso8583.Common{PAN: secret.NewCard(c.Cards[0].Number), ProcessingCode: code, Identity: iso8583.Identity{
		DocumentType: "01", Document: secret.NewDocument(c.Document.Number), Name: secret.NewName(c.Name),
		Mobile: secret.NewMobile(strings.TrimPrefix(c.Mobile, "+86")),
	}}
	return m
}

func (w *lineWorld) sign8583(setUp *iso8583.Request, c customer, code string) *iso8583.Request {
	m := w.ask8583("892000", c)
	m.Common.Usages = iso8583.Usages{
		Order: w.now().In(profiles.Beijing).Format("2006") + setUp.Trace.Key(), Code: secret.NewCode(code), Wallet: secret.NewKey("wallet-1"),
	}
	return m
}

func (w *lineWorld) undo8583(of *iso8583.Request) *iso8583.Reversal {
	m := &iso8583.Reversal{Header: w.header8583(), Trace: w.trace(), Original: iso8583.OriginalOf(of)}
	ours := w.codec.Options().Institution
	m.Original.Acquirer, m.Original.Forwarder = "000"+ours, "000"+ours
	m.Common.ProcessingCode = of.Common.ProcessingCode
	return m
}

func TestBindOverALongLine(t *testing.T) {
	w := startLines(t)
	l := w.dial()
	who := w.customers("njcb", "debit")
	verify, setUp := w.ask8583("890000", who[1]), w.ask8583("891000", who[0])
	l.send(verify, setUp) // joined in one segment
	if got := l.answers(2); got[verify.Trace.Key()] != "00" || got[setUp.Trace.Key()] != "00" {
		t.Fatalf("%v", got)
	}
	sign := w.sign8583(setUp, who[0], w.code("njcb", who[0].Mobile))
	l.send(sign)
	signed := l.next().(*iso8583.Answer)
	if signed.ResponseCode != "00" || !strings.HasPrefix(signed.Common.Usages.Agreement, "NJCB") {
		t.Fatalf("%+v", signed)
	}
	kept := w.exchanges("njcb", "limit=10")
	if len(kept) != 3 || kept[0].Operation != "confirm" || kept[0].Outcome != "answered" || strings.Contains(fmt.Sprint(kept), who[0].Cards[0].Number) {
		t.Errorf("%+v", kept)
	}

	// The bank starts anew: its lines end, its books stay.
	w.stop()
	if _, err := l.read(); err == nil {
		t.Error("the line outlived its bank")
	}
	w.begin()
	l = w.dial()
	cancel := &iso8583.Request{Header: w.header8583(), Trace: w.trace()}
	cancel.Common = iso8583.Common{ProcessingCode: "893000", Usages: iso8583.Usages{Agreement: signed.Common.Usages.Agreement}}
	l.send(cancel)
	if got := l.answers(1); got[cancel.Trace.Key()] != "00" {
		t.Errorf("%v", got)
	}
	l.send(sign)
	if got := l.answers(1); got[sign.Trace.Key()] != "94" {
		t.Errorf("a number was taken twice: %v", got)
	}
}

// Each fault as the other end of the line sees it, and the truth that a reversal tells afterwards.
func TestFaultsOfALine(t *testing.T) {
	w := startLines(t)
	for _, c := range []struct {
		kind      string
		committed bool
		dead      error // the line ends so; nil: it goes on
		answers   int
	}{
		{"no_reply_before_commit", false, nil, 0},
		{"no_reply_after_commit", true, nil, 0},
		{"reset_before_commit", false, syscall.ECONNRESET, 0},
		{"reset_after_commit", true, syscall.ECONNRESET, 0},
		{"garbage", true, wire.ErrMalformed, 0},
		{"busy", false, nil, 1},
		{"late_reply", true, nil, 1},
		{"half_reply", true, io.EOF, 0},
		{"slow_drip", true, nil, 1},
		{"duplicate_reply", true, nil, 2},
	} {
		l := w.dial()
		delay := ""
		if profiles.Delayed(c.kind) {
			delay = `,"delay":"40ms"`
		}
		w.behave("njcb", fmt.Sprintf(`{"faults":[{"kind":%q,"operation":"apply","count":1%s}]}`, c.kind, delay))
		setUp := w.ask8583("891000", w.customers("njcb", "debit")[0])
		began := time.Now()
		l.send(setUp)
		want := map[bool]string{true: "00", false: "96"}[c.kind != "busy"]
		for range c.answers {
			if a, ok := l.next().(*iso8583.Answer); !ok || a.ResponseCode != want || a.Trace != setUp.Trace {
				t.Errorf("%s: %+v", c.kind, a)
			}
		}
		if took := time.Since(began); delay != "" && took < 30*time.Millisecond {
			t.Errorf("%s: the answer was there after %v", c.kind, took)
		}
		if c.dead != nil {
			if _, err := l.read(); !errors.Is(err, c.dead) {
				t.Errorf("%s: the line ended with %v, want %v", c.kind, err, c.dead)
			}
			l = w.dial()
		}
		full := w.now().In(profiles.Beijing).Format("2006") + setUp.Trace.Key()
		for len(w.exchanges("njcb", "number="+full)) == 0 { // it is kept at the moment of its answer, or of silence
		}
		undo := w.undo8583(setUp)
		l.send(undo)
		want = map[bool]string{true: "00", false: "25"}[c.committed]
		if got := l.answers(1); got[undo.Trace.Key()] != want {
			t.Errorf("%s: the reversal says %v, want %s", c.kind, got, want)
		}
		_ = l.Close()
	}
}

// The bank hands out a key by itself, and both ends go on under it.
func TestTheBankHandsOutAKey(t *testing.T) {
	w := startLines(t)
	if status, _ := w.control("POST", "/banks/njcb/keys", ""); status != 409 {
		t.Errorf("nobody has signed on: %d", status)
	}
	l := w.dial()
	if status, text := w.control("POST", "/banks/njcb/keys", ""); status != 204 {
		t.Fatalf("%d %s", status, text)
	}
	sent := l.next().(*iso8583.Network)
	if err := w.codec.Keys().Rotate(sent.NewKey); err != nil {
		t.Fatal(err)
	}
	verify := w.ask8583("890000", w.customers("njcb", "debit")[0])
	l.send(&iso8583.NetworkAnswer{Header: w.header8583(), Trace: sent.Trace, ResponseCode: "00", Code: sent.Code}, verify)
	if got := l.answers(1); got[verify.Trace.Key()] != "00" {
		t.Errorf("%v", got)
	}
}

// Silence of one exchange keeps nobody: another on the same line is answered meanwhile.
func TestManyExchangesOnOneLine(t *testing.T) {
	w := startLines(t)
	l := w.dial()
	who := w.customers("njcb", "debit")
	w.behave("njcb", `{"latency":{"verify":{"fixed":"60ms"}},"faults":[{"kind":"no_reply_before_commit","operation":"apply","count":1}]}`)
	var asked []wire.Message
	for i := range 200 {
		asked = append(asked, w.ask8583("890000", who[i%len(who)]))
	}
	lost := w.ask8583("891000", who[0])
	began := time.Now()
	l.send(append(asked, lost)...)
	got := l.answers(200)
	for _, m := range asked {
		if got[iso8583.TraceOf(m).Key()] != "00" {
			t.Fatalf("%v", got)
		}
	}
	if took := time.Since(began); took > 5*time.Second { // one after another they would take 12 s
		t.Errorf("200 exchanges of 60 ms side by side took %v", took)
	}
	// What is no message ends the line, and the bank lives.
	if _, err := l.Write([]byte("12x4")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.read(); err == nil {
		t.Error("the line goes on")
	}
	w.dial()
}
