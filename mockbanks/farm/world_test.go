package farm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"kaqiao/mockbanks/farm"
	"kaqiao/mockbanks/internal/keymaker"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

func TestMain(m *testing.M) {
	code := m.Run()
	_, _ = os.RemoveAll(keyDir), os.RemoveAll(foreignKeys.dir)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// keyDir holds the keys of all tests: RSA keys take long to make.
var (
	keyDir  string
	makeOne sync.Once
)

func keysOf(t testing.TB, set *profiles.Set) string {
	t.Helper()
	makeOne.Do(func() {
		dir, err := os.MkdirTemp("", "kaqiao-keys-")
		if err != nil {
			t.Fatal(err)
		}
		keyDir = dir
		if err := keymaker.Make(dir, set, keymaker.Options{Now: time.Now}); err != nil {
			t.Fatal(err)
		}
	})
	return keyDir
}

const bankYAML = `
id: %s
name: {zh: 测试银行, en: Test Bank}
tier: state
bins:
  - {prefix: "%s", length: 19, type: debit}
  - {prefix: "%s", length: 16, type: credit}
routes:
  - {channel: nucc, member: %s}
challenge: {kinds: [%s], ttl: 5m, resend_after: %s, attempts: 3}
accounts: {classes: [I, II]}
money: {single_fen: 5000000}
answers: {to: 2s}
mock: {people: 20, silent_for: 50ms}
`

const platformYAML = `
id: wechat
name: {zh: 微信, en: WeChat}
schemes: [unionpay]
documents: [resident_id]
journey: 90s
`

// The members of the test channel.
const (
	abc     = "C1010311000014"
	bob     = "C1031311000010"
	nowhere = "C9999999999999"
)

// files are two banks without delays behind one hub.
func files(t testing.TB) fstest.MapFS {
	t.Helper()
	nucc, err := profiles.Embedded().Open("channels/nucc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nucc.Close() }()
	text, err := io.ReadAll(nucc)
	if err != nil {
		t.Fatal(err)
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"channels/nucc.yaml":    file(string(text)),
		"banks/abc.yaml":        file(fmt.Sprintf(bankYAML, "abc", "622848", "628268", abc, "sms, app_push", "0s")),
		"banks/bob.yaml":        file(fmt.Sprintf(bankYAML, "bob", "603367", "628203", bob, "sms", "60s")),
		"platforms/wechat.yaml": file(platformYAML),
	}
}

// world is a farm under way with a client of the gateway's side.
type world struct {
	t      testing.TB
	farm   *farm.Farm
	set    *profiles.Set
	keys   string
	codec  *epcc.Codec
	opts   epcc.Options
	client *http.Client
	serial atomic.Uint64
	ahead  atomic.Int64 // nanoseconds that the world's clock is ahead
	stop   func()
}

// now is the clock of both sides.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// start runs a farm on free ports until the test ends.
func start(t testing.TB, change func(*farm.Config)) *world {
	t.Helper()
	set, err := profiles.Load(files(t), profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, set: set, keys: keysOf(t, set)}
	cfg := farm.Config{
		Set: set, Now: w.now, KeyDir: w.keys, DataDir: t.TempDir(), Seed: 1, Control: "127.0.0.1:0",
		Listen: map[string]string{"nucc": "127.0.0.1:0"}, Callbacks: map[string]string{"nucc": ""}, Warm: true,
		Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	w.run(cfg)
	w.connect(cfg)
	return w
}

func (w *world) run(cfg farm.Config) {
	w.t.Helper()
	f, err := farm.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the farm ended with %v", err)
		}
	}
	w.t.Cleanup(w.stop)
	select {
	case <-f.Ready():
	case err := <-done:
		w.t.Fatalf("the farm ended before it was ready: %v", err)
	}
	w.farm = f
}

func (w *world) connect(cfg farm.Config) {
	w.t.Helper()
	channel := cfg.Set.Channel("nucc")
	ring, err := channel.Ring(seal.Gateway, w.keys)
	if err != nil {
		w.t.Fatal(err)
	}
	w.codec, err = epcc.New(*channel.Options.(*epcc.Options), ring)
	if err != nil {
		w.t.Fatal(err)
	}
	w.opts = w.codec.Options()
	secure, err := channel.ClientTLS(w.keys)
	if err != nil {
		w.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: secure, MaxIdleConnsPerHost: 64}
	w.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	w.t.Cleanup(transport.CloseIdleConnections)
}

// post sends a frame as the gateway would and returns the answer's frame.
func (w *world) post(frame wire.Frame) (wire.Frame, error) {
	r, err := w.request(context.Background(), frame)
	if err != nil {
		return wire.Frame{}, err
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return wire.Frame{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return wire.Frame{}, err
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/xml;charset=utf-8" {
		return wire.Frame{}, fmt.Errorf("status %d, type %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	frame = wire.Frame{Body: text}
	for name := range answer.Header {
		frame.Headers = append(frame.Headers, wire.Header{Name: name, Value: answer.Header.Get(name)})
	}
	return frame, nil
}

func (w *world) request(ctx context.Context, frame wire.Frame) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+w.farm.Address("nucc")+"/preSvr", bytes.NewReader(frame.Body))
	if err != nil {
		return nil, err
	}
	for _, line := range frame.Headers {
		r.Header.Add(line.Name, line.Value)
	}
	return r, nil
}

// ask sends a message and returns the answer.
func (w *world) ask(m wire.Message) (wire.Message, error) {
	frame, err := w.codec.Encode(m)
	if err != nil {
		return nil, err
	}
	answer, err := w.post(frame)
	if err != nil {
		return nil, err
	}
	return w.codec.Decode(answer)
}

// must is ask for an answer of one type.
func must[M wire.Message](w *world, m wire.Message) M {
	w.t.Helper()
	answer, err := w.ask(m)
	if err != nil {
		w.t.Fatal(err)
	}
	right, ok := answer.(M)
	if !ok {
		w.t.Fatalf("the answer is %s: %+v", answer.Type(), answer)
	}
	return right
}

func (w *world) number() string {
	id, err := epcc.TrxID(w.now(), w.serial.Add(1), w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func stamp(at time.Time) string { return at.In(profiles.Beijing).Format(epcc.TimeLayout) }

func (w *world) header() epcc.Header {
	return epcc.Header{SndDt: stamp(w.now()), IssrId: w.opts.Institution, Drctn: w.opts.Direction}
}

// apply is the message that asks for a code.
func (w *world) apply(member string, c customer) *epcc.Sign {
	m := &epcc.Sign{Header: w.header()}
	card := c.Cards[0]
	m.SgnInf = epcc.SignInfo{
		SgnAcctIssrId: member, SgnAcctTp: w.opts.DebitType, SgnAcctId: secret.NewCard(card.Number),
		SgnAcctNm: secret.NewName(c.Name), IDNo: secret.NewDocument(c.Document.Number),
		MobNo: secret.NewMobile(strings.TrimPrefix(c.Mobile, "+86")),
	}
	for _, d := range w.opts.DocumentTypes {
		if d.Type == c.Document.Type {
			m.SgnInf.IDTp = d.IDTp
		}
	}
	if card.Type == "credit" {
		m.SgnInf.SgnAcctTp = w.opts.CreditType
		m.SgnInf.CVN2 = secret.NewCVV(card.CVV)
		m.SgnInf.VldDt = secret.NewExpiry(card.Expiry[5:] + card.Expiry[2:4])
	}
	m.TrxInf = epcc.SignTrx{TrxCtgy: epcc.StepCode, TrxId: w.number(), TrxDtTm: stamp(w.now())}
	m.InstgInf.InstgId = w.opts.Institution
	return m
}

// confirm is the message that brings the code of an apply.
func (w *world) confirm(a *epcc.Sign, code string) *epcc.Sign {
	m := *a
	m.Header = w.header()
	m.SgnInf.CVN2, m.SgnInf.VldDt = secret.CVV{}, secret.Expiry{}
	m.TrxInf.TrxCtgy, m.TrxInf.AuthMsg = epcc.StepSign, secret.NewCode(code)
	m.InstgInf.InstgAcct = secret.NewKey("wallet-1")
	return &m
}

func (w *world) query(category, number, member string) *epcc.Query {
	return &epcc.Query{Header: w.header(), OriTrxInf: epcc.QueryTrx{
		OriTrxCtgy: category, OriTrxId: number, SrcInstgId: w.opts.Institution, SinkInstgId: member,
	}}
}

func (w *world) unsign(member, agreement, tail string) *epcc.Unsign {
	return &epcc.Unsign{
		Header:     w.header(),
		SgnInf:     epcc.UnsignInfo{SgnAcctIssrId: member, SgnAcctTp: w.opts.DebitType, SgnAcctShrtId: tail, SgnNo: agreement},
		InstgInf:   epcc.Institution{InstgId: w.opts.Institution, InstgAcct: secret.NewKey("wallet-1")},
		RescindInf: epcc.Rescind{TrxId: w.number(), TrxDtTm: stamp(w.now())},
	}
}

// The shapes of the control port, written from its description.
type (
	customer struct {
		Kind     string   `json:"kind,omitempty"`
		Name     string   `json:"name"`
		Document document `json:"document"`
		Mobile   string   `json:"mobile"`
		Email    string   `json:"email"`
		Cards    []card   `json:"cards"`
	}
	document struct {
		Type   string `json:"type"`
		Number string `json:"number"`
	}
	card struct {
		Number        string `json:"number"`
		Type          string `json:"type"`
		Class         string `json:"class"`
		CVV           string `json:"cvv"`
		Expiry        string `json:"expiry"`
		OnlinePayment bool   `json:"online_payment"`
		State         string `json:"state,omitempty"`
	}
	exchange struct {
		ID        string         `json:"id"`
		At        time.Time      `json:"at"`
		Operation string         `json:"operation"`
		Number    string         `json:"number"`
		Outcome   string         `json:"outcome"`
		Refusal   string         `json:"refusal"`
		DrawnMS   float64        `json:"drawn_ms"`
		Fault     string         `json:"fault"`
		TookMS    float64        `json:"took_ms"`
		Request   map[string]any `json:"request"`
		Answer    map[string]any `json:"answer"`
	}
)

// control asks the control port and returns the status and the answer's text.
func (w *world) control(method, path, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.farm.ControlURL()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// show gets a path of the control port into a value and fails on anything but success.
func (w *world) show(path string, into any) {
	w.t.Helper()
	status, text := w.control("GET", path, "")
	if status != 200 {
		w.t.Fatalf("GET %s: %d %s", path, status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		w.t.Fatalf("GET %s: %v", path, err)
	}
}

func (w *world) behave(bank, layer string) {
	w.t.Helper()
	if status, text := w.control("PUT", "/banks/"+bank+"/behaviour", layer); status != 200 {
		w.t.Fatalf("PUT behaviour: %d %s", status, text)
	}
}

func (w *world) customers(bank, kind string) []customer {
	w.t.Helper()
	var page struct{ Customers []customer }
	w.show("/banks/"+bank+"/customers?limit=100&unbound=true&kind="+kind, &page)
	if len(page.Customers) == 0 {
		w.t.Fatalf("no customer of kind %s", kind)
	}
	return page.Customers
}

// code waits for the code that a bank sends to a mobile.
func (w *world) code(bank, mobile string) string {
	w.t.Helper()
	var page struct {
		Messages []struct{ ID, Kind, To, Code, Text string }
	}
	w.show("/banks/"+bank+"/inbox?wait_s=5&to="+url.QueryEscape(mobile), &page)
	if len(page.Messages) == 0 || page.Messages[0].To != mobile {
		w.t.Fatalf("messages %+v", page.Messages)
	}
	return page.Messages[0].Code
}

func (w *world) exchanges(bank, params string) []exchange {
	w.t.Helper()
	var page struct{ Exchanges []exchange }
	w.show("/banks/"+bank+"/exchanges?"+params, &page)
	return page.Exchanges
}
