package app

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// hub signs whatever it is asked to, tells the truth when it is queried, and
// spoils the answer to each confirm in a way of the test's own.
type hub struct {
	codec *epcc.Codec
	opts  epcc.Options
	spoil func(w http.ResponseWriter, asked *epcc.Sign, answer wire.Frame)

	mu     sync.Mutex
	signed map[string]string // agreement by number
	came   map[string]int    // by category and number
}

func newHub(t *testing.T, c *Config) (*hub, string) {
	t.Helper()
	channel, bank := c.Set.Channel("nucc"), c.Set.Bank("abc")
	channel.Resolve.After, channel.Resolve.VisibleAfter = []profiles.Duration{profiles.Duration(20 * time.Millisecond)}, new(profiles.Duration)
	bank.Timeouts.Confirm = profiles.Duration(300 * time.Millisecond)
	ring, err := channel.Ring(seal.Bank, c.Keys)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{signed: map[string]string{}, came: map[string]int{}}
	if h.codec, err = epcc.New(*channel.Options.(*epcc.Options), ring); err != nil {
		t.Fatal(err)
	}
	h.opts = h.codec.Options()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return h, server.URL
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m, err := h.codec.Decode(wire.Frame{Body: body})
	if err != nil {
		http.Error(w, "not understood", http.StatusBadRequest)
		return
	}
	var answer wire.Message
	spoil := func(w http.ResponseWriter, _ *epcc.Sign, answer wire.Frame) { write(w, answer) }
	switch m := m.(type) {
	case *epcc.Sign:
		answer = h.sign(m)
		if m.TrxInf.TrxCtgy == epcc.StepSign {
			spoil = h.spoil
		}
	case *epcc.Query:
		answer = h.tell(m)
	case *epcc.Unsign:
		answer = h.unsign(m)
	}
	frame, err := h.codec.Encode(answer)
	if err != nil {
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	asked, _ := m.(*epcc.Sign)
	spoil(w, asked, frame)
}

func (h *hub) sign(m *epcc.Sign) *epcc.SignReceipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came[m.TrxInf.TrxCtgy+m.TrxInf.TrxId]++
	number := ""
	if m.TrxInf.TrxCtgy == epcc.StepSign {
		number = "ABC" + m.TrxInf.TrxId[len(m.TrxInf.TrxId)-20:]
		h.signed[m.TrxInf.TrxId] = number
	}
	return &epcc.SignReceipt{
		Header: h.header(), SysRtnInf: h.fine(), BizInf: epcc.BizResult{BizStsCd: "00000000", SgnNo: number},
		SgnInf: epcc.ReceiptInfo{
			SgnAcctIssrId: m.SgnInf.SgnAcctIssrId, SgnAcctTp: m.SgnInf.SgnAcctTp, SgnAcctId: m.SgnInf.SgnAcctId, SgnAcctNm: m.SgnInf.SgnAcctNm,
		},
		InstgInf: m.InstgInf, OriTrxInf: epcc.OriginalTrx{TrxCtgy: m.TrxInf.TrxCtgy, TrxId: m.TrxInf.TrxId, TrxDtTm: m.TrxInf.TrxDtTm},
	}
}

func (h *hub) unsign(m *epcc.Unsign) *epcc.UnsignReceipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came["unsign "+m.RescindInf.TrxId]++
	return &epcc.UnsignReceipt{
		Header: h.header(), SysRtnInf: h.fine(), BizInf: epcc.BizResult{BizStsCd: "00000000", SgnNo: m.SgnInf.SgnNo},
		SgnInf: m.SgnInf, InstgInf: m.InstgInf, RescindInf: m.RescindInf,
	}
}

func (h *hub) tell(m *epcc.Query) *epcc.QueryReceipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &epcc.QueryReceipt{
		Header: h.header(), SysRtnInf: h.fine(), OriTrxInf: m.OriTrxInf,
		BizInf: epcc.BizResult{BizStsCd: "00000000", SgnNo: h.signed[m.OriTrxInf.OriTrxId]},
	}
}

func (h *hub) header() epcc.Header {
	return epcc.Header{SndDt: now(), IssrId: h.opts.Platform, Drctn: h.opts.AnswerDirection}
}

func (h *hub) fine() epcc.SystemResult {
	return epcc.SystemResult{SysRtnCd: "00000000", SysRtnTm: now()}
}

func now() string { return time.Now().In(profiles.Beijing).Format(epcc.TimeLayout) }

func write(w http.ResponseWriter, f wire.Frame) {
	for _, line := range f.Headers {
		w.Header().Set(line.Name, line.Value)
	}
	_, _ = w.Write(f.Body)
}

// A hub that has signed and answers in any of these ways has said nothing: the
// outcome is found out, nothing is sent twice, and the agreement is not lost.
func TestSpoiltAnswers(t *testing.T) {
	for name, spoil := range map[string]func(w http.ResponseWriter, asked *epcc.Sign, answer wire.Frame){
		"without a seal": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			f.Body = f.Body[:bytes.LastIndex(f.Body, []byte("{S:"))]
			write(w, f)
		},
		"another's seal": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			f.Body = bytes.Replace(f.Body, []byte("4000000101"), []byte("4000000999"), 1)
			write(w, f)
		},
		"changed": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			f.Body = bytes.Replace(f.Body, []byte("00000000"), []byte("PB511006"), 1)
			write(w, f)
		},
		"status 500 with a good body": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			w.WriteHeader(http.StatusInternalServerError)
			write(w, f)
		},
		"redirected": func(w http.ResponseWriter, _ *epcc.Sign, _ wire.Frame) {
			w.Header().Set("Location", "/again")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"truncated": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) { _, _ = w.Write(f.Body[:len(f.Body)/2]) },
		"ten megabytes": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			write(w, f)
			for range 160 {
				_, _ = w.Write(bytes.Repeat([]byte(" "), 64<<10))
			}
		},
		"slower than patience": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			for _, b := range f.Body {
				if _, err := w.Write([]byte{b}); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				<-time.After(2 * time.Millisecond)
			}
		},
		"compressed": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(f.Body)
			_ = z.Close()
		},
		"in UTF-16": func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) {
			_, _ = io.WriteString(w, strings.Join(strings.Split(string(f.Body), ""), "\x00"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t)
			h, url := newHub(t, &c)
			h.spoil = spoil
			c.Endpoints = map[string]string{"nucc": url}
			a, stop := start(t, c)
			cl := caller(t, a, c)
			h.bind(t, cl, "u_1")
			stop()
			h.nothingCameTwice(t, 2)
		})
	}
}

// Two answers that a hub has mixed up are neither's.
func TestSwappedAnswers(t *testing.T) {
	c := config(t)
	h, url := newHub(t, &c)
	there := make(chan wire.Frame)
	h.spoil = func(w http.ResponseWriter, _ *epcc.Sign, mine wire.Frame) {
		select { // whoever is second finds the first one waiting
		case there <- mine:
			write(w, <-there)
		case other := <-there:
			there <- mine
			write(w, other)
		}
	}
	c.Set.Bank("abc").Timeouts.Confirm = profiles.Duration(10 * time.Second)
	c.Endpoints = map[string]string{"nucc": url}
	a, stop := start(t, c)
	cl := caller(t, a, c)
	var both sync.WaitGroup
	for _, user := range []string{"u_1", "u_2"} {
		both.Go(func() { h.bind(t, cl, user) })
	}
	both.Wait()
	stop()
	h.nothingCameTwice(t, 4)
}

// bind binds a card whose confirm has a spoilt answer, and wants the hub's truth in the end.
func (h *hub) bind(t *testing.T, cl *client.Client, user string) {
	in := request()
	in.UserID = user
	created, err := cl.Create(t.Context(), in, "")
	if err != nil {
		t.Errorf("create: %v", err)
		return
	}
	b, err := cl.Confirm(t.Context(), created.ID, client.ConfirmRequest{Code: "123456"}, "")
	if err != nil || b.State != client.BindingStateProcessing {
		t.Errorf("a spoilt answer was taken for one: %s, %v", b.State, err)
	}
	for deadline := time.Now().Add(10 * time.Second); b.State == client.BindingStateProcessing && time.Now().Before(deadline); {
		<-time.After(5 * time.Millisecond)
		if b, err = cl.Get(t.Context(), created.ID); err != nil {
			t.Errorf("get: %v", err)
			return
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if want := h.signed[created.BankNumber]; b.State != client.BindingStateActive || want == "" || b.Agreement.Number != want {
		t.Errorf("%s with agreement %q, the hub has %q", b.State, b.Agreement.Number, want)
	}
}

func (h *hub) nothingCameTwice(t *testing.T, want int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for what, n := range h.came {
		if n != 1 {
			t.Errorf("%s came %d times", what, n)
		}
	}
	if len(h.came) != want {
		t.Errorf("%d requests came, want %d", len(h.came), want)
	}
}
