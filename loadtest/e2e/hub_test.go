package e2e

import (
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// hub accepts every request for a code at once, over mutual TLS, and keeps
// nothing but how long it took: what remains of a call is the gateway's own.
type hub struct {
	url   string
	codec *epcc.Codec
	opts  epcc.Options
	times sync.Map // our number → time.Duration
}

func startHub(t testing.TB) *hub {
	t.Helper()
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	channel := set.Channel("nucc")
	ring, err := channel.Ring(seal.Bank, keys(t))
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{}
	if h.codec, err = epcc.New(*channel.Options.(*epcc.Options), ring); err != nil {
		t.Fatal(err)
	}
	h.opts = h.codec.Options()
	secure, err := channel.ServerTLS(keys(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "https://" + l.Addr().String() + "/preSvr"
	server := &http.Server{Handler: h, TLSConfig: secure, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { _ = server.ServeTLS(l, "", ""); close(done) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return h
}

// took is how long the hub itself took for one request.
func (h *hub) took(number string) time.Duration {
	d, _ := h.times.LoadAndDelete(number)
	took, _ := d.(time.Duration)
	return took
}

// ServeHTTP opens a request as a real hub must and seals an answer.
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	body, err := io.ReadAll(io.LimitReader(r.Body, epcc.MaxBytes))
	if err != nil {
		return
	}
	m, err := h.codec.Decode(wire.Frame{Body: body})
	asked, ok := m.(*epcc.Sign)
	if err != nil || !ok {
		http.Error(w, "no request for a code", http.StatusBadRequest)
		return
	}
	answer, err := h.codec.Encode(&epcc.SignReceipt{
		Header:    epcc.Header{SndDt: asked.SndDt, IssrId: h.opts.Platform, Drctn: h.opts.AnswerDirection},
		SysRtnInf: epcc.SystemResult{SysRtnCd: "00000000", SysRtnDesc: "ok", SysRtnTm: asked.SndDt},
		BizInf:    epcc.BizResult{BizStsCd: "00000000", BizStsDesc: "ok"},
		SgnInf: epcc.ReceiptInfo{
			SgnAcctIssrId: asked.SgnInf.SgnAcctIssrId, SgnAcctTp: asked.SgnInf.SgnAcctTp,
			SgnAcctId: asked.SgnInf.SgnAcctId, SgnAcctNm: asked.SgnInf.SgnAcctNm, SgnAcctLvl: "1",
		},
		InstgInf:  asked.InstgInf,
		OriTrxInf: epcc.OriginalTrx{TrxCtgy: asked.TrxInf.TrxCtgy, TrxId: asked.TrxInf.TrxId, TrxDtTm: asked.TrxInf.TrxDtTm},
	})
	if err != nil {
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	for _, line := range answer.Headers {
		w.Header().Set(line.Name, line.Value)
	}
	h.times.Store(asked.TrxInf.TrxId, time.Since(began))
	_, _ = w.Write(answer.Body)
}
