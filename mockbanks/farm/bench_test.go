package farm_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"

	"kaqiao/mockbanks/farm"
	"kaqiao/mockbanks/internal/listen"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// BenchmarkFarmApply asks for codes over mutual TLS, sealed and enveloped both
// ways, on 64 connections. The floor beside it does the same transport and
// cryptography and nothing else: no checks, no plan, no books. Their ratio is
// what a stateful answer costs.
func BenchmarkFarmApply(b *testing.B) {
	b.Run("farm", func(b *testing.B) {
		people := 2000
		w := start(b, func(c *farm.Config) { c.People = &people })
		benchmark(b, w, "https://"+w.farm.Address("nucc")+"/preSvr")
	})
	b.Run("floor", func(b *testing.B) {
		w := start(b, nil)
		benchmark(b, w, "https://"+floor(b, w)+"/preSvr")
	})
}

func benchmark(b *testing.B, w *world, url string) {
	var frames []wire.Frame
	var customers []customer
	for _, kind := range []string{"debit", "class_ii"} {
		customers = append(customers, w.customers("abc", kind)...)
	}
	for i := range b.N {
		frame, err := w.codec.Encode(w.apply(abc, customers[i%len(customers)]))
		if err != nil {
			b.Fatal(err)
		}
		frames = append(frames, frame)
	}
	var next atomic.Int64
	b.SetParallelism(32) // 64 connections on two processors
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := exchangeBytes(w, url, frames[next.Add(1)-1]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "exchanges/s")
}

func exchangeBytes(w *world, url string, frame wire.Frame) error {
	r, err := w.request(context.Background(), frame)
	if err != nil {
		return err
	}
	if r.URL, err = r.URL.Parse(url); err != nil {
		return err
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d, %w", answer.StatusCode, err)
	}
	return nil
}

// floor is a port that opens each message and seals a receipt.
func floor(b *testing.B, w *world) string {
	channel := w.set.Channel("nucc")
	ring, err := channel.Ring(seal.Bank, w.keys)
	if err != nil {
		b.Fatal(err)
	}
	codec, err := epcc.New(*channel.Options.(*epcc.Options), ring)
	if err != nil {
		b.Fatal(err)
	}
	secure, err := channel.ServerTLS(w.keys)
	if err != nil {
		b.Fatal(err)
	}
	port, err := listen.OpenHTTP(b.Context(), listen.HTTPConfig{
		Address: "127.0.0.1:0", Path: "/preSvr", TLS: secure, ContentType: "application/xml;charset=utf-8",
		MaxRequestBytes: 65_536, MaxConns: 256, Log: slog.New(slog.DiscardHandler),
		Handle: func(_ context.Context, frame wire.Frame) listen.Outcome {
			m, err := codec.Decode(frame)
			if err != nil {
				return listen.Outcome{}
			}
			asked := m.(*epcc.Sign)
			answer, err := codec.Encode(&epcc.SignReceipt{
				Header:    epcc.Header{SndDt: asked.SndDt, IssrId: w.opts.Platform, Drctn: w.opts.AnswerDirection},
				SysRtnInf: epcc.SystemResult{SysRtnCd: "00000000"}, BizInf: epcc.BizResult{BizStsCd: "00000000"},
				SgnInf:   epcc.ReceiptInfo{SgnAcctId: asked.SgnInf.SgnAcctId, SgnAcctNm: asked.SgnInf.SgnAcctNm},
				InstgInf: asked.InstgInf,
			})
			if err != nil {
				return listen.Outcome{}
			}
			return listen.Outcome{Fate: listen.Reply, Frame: answer}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- port.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return port.Address().String()
}
