package farm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"kaqiao/mockbanks/farm"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/epcc"
)

// Each fault as the gateway sees it, and the truth that a query tells afterwards.
func TestFaultsOfABank(t *testing.T) {
	w := start(t, nil)
	for _, c := range []struct {
		kind      string
		seen      func(*epcc.SignReceipt, error) bool
		outcome   string
		committed bool
	}{
		{"no_reply_before_commit", excused("ES000033"), "silent", false},
		{"no_reply_after_commit", excused("ES000033"), "silent", true},
		{"reset_before_commit", wasReset, "reset", false},
		{"reset_after_commit", wasReset, "reset", true},
		{"garbage", wasGarbage, "garbage", true},
		{"busy", excused("ES000099"), "busy", false},
		{"late_reply", signed, "answered", true},
		{"half_reply", wasCut, "answered", true},
		{"slow_drip", signed, "answered", true},
		{"duplicate_reply", signed, "answered", true},
	} {
		delay := ""
		if profiles.Delayed(c.kind) {
			delay = `,"delay":"40ms"`
		}
		w.behave("abc", fmt.Sprintf(`{"faults":[{"kind":%q,"operation":"confirm","count":1%s}]}`, c.kind, delay))
		who := w.customers("abc", "debit")[0]
		apply := w.apply(abc, who)
		expectReceipt(t, must[*epcc.SignReceipt](w, apply), "00000000", "00000000", "")
		code := w.code("abc", who.Mobile)

		began := time.Now()
		answer, err := w.ask(w.confirm(apply, code))
		receipt, _ := answer.(*epcc.SignReceipt)
		if !c.seen(receipt, err) {
			t.Errorf("%s: the gateway saw %+v, %v", c.kind, answer, err)
		}
		if took := time.Since(began); delay != "" && took < 40*time.Millisecond {
			t.Errorf("%s: the answer was there after %v", c.kind, took)
		} else if c.outcome == "silent" && took < 50*time.Millisecond {
			t.Errorf("%s: the hub gave up after %v, its patience is 50ms", c.kind, took)
		}
		asked := must[*epcc.QueryReceipt](w, w.query("0202", apply.TrxInf.TrxId, abc))
		if committed := asked.BizInf.BizStsCd == "00000000" && asked.BizInf.SgnNo != ""; committed != c.committed {
			t.Errorf("%s: the query says %+v", c.kind, asked.BizInf)
		}
		kept := w.exchanges("abc", "number="+apply.TrxInf.TrxId)
		if len(kept) != 3 || kept[1].Outcome != c.outcome || kept[1].Fault != c.kind || kept[1].Operation != "confirm" {
			t.Errorf("%s: kept as %+v", c.kind, kept)
		}
		// The count is used up: the same again goes well, and whatever was signed is the same agreement.
		again := must[*epcc.SignReceipt](w, w.confirm(apply, code))
		if again.BizInf.BizStsCd != "00000000" || c.committed && again.BizInf.SgnNo != asked.BizInf.SgnNo {
			t.Errorf("%s: again: %+v", c.kind, again.BizInf)
		}
	}
	var bank struct {
		Counters struct{ Faults, Operations, Outcomes map[string]int }
	}
	w.show("/banks/abc", &bank)
	if len(bank.Counters.Faults) != 10 || bank.Counters.Faults["busy"] != 1 ||
		bank.Counters.Operations["confirm"] != 20 || bank.Counters.Outcomes["silent"] != 2 {
		t.Errorf("counters %+v", bank.Counters)
	}
}

// excused is a receipt in which the hub speaks in the bank's place.
func excused(code string) func(*epcc.SignReceipt, error) bool {
	return func(r *epcc.SignReceipt, err error) bool {
		return err == nil && r != nil && r.SysRtnInf.SysRtnCd == code && r.BizInf == epcc.BizResult{} &&
			r.OriTrxInf.TrxCtgy == "0202" && r.SgnInf.SgnAcctIssrId == abc
	}
}

// signed is the right answer, whenever it came.
func signed(r *epcc.SignReceipt, err error) bool {
	return err == nil && r != nil && r.BizInf.SgnNo != ""
}

// wasCut is an answer that broke off in its middle.
func wasCut(_ *epcc.SignReceipt, err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

func wasReset(_ *epcc.SignReceipt, err error) bool { return errors.Is(err, syscall.ECONNRESET) }

// wasGarbage is an answer that arrived whole and is of no protocol.
func wasGarbage(r *epcc.SignReceipt, err error) bool {
	var transport *url.Error
	return r == nil && err != nil && !errors.As(err, &transport)
}

// The hub's own faults: it is silent for good, and nothing reaches the bank unless it was after the commit.
func TestFaultsOfTheHub(t *testing.T) {
	w := start(t, nil)
	put := func(layer string) {
		t.Helper()
		if status, text := w.control("PUT", "/channels/nucc/behaviour", layer); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	who := w.customers("abc", "debit")[0]
	for kind, committed := range map[string]bool{"no_reply_before_commit": false, "no_reply_after_commit": true} {
		put(fmt.Sprintf(`{"faults":[{"kind":%q,"operation":"apply","count":1}]}`, kind))
		apply := w.apply(abc, who)
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- w.send(ctx, apply) }()
		for len(w.exchanges("abc", "number="+apply.TrxInf.TrxId)) == 0 { // it is kept at the moment of silence
			select {
			case err := <-ended:
				t.Fatalf("%s: answered: %v", kind, err)
			default:
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", kind, err)
		}
		asked := must[*epcc.QueryReceipt](w, w.query("0201", apply.TrxInf.TrxId, abc))
		want := map[bool]string{true: "00000000", false: "ES000041"}[committed]
		if asked.BizInf.BizStsCd != want {
			t.Errorf("%s: the query says %s, want %s", kind, asked.BizInf.BizStsCd, want)
		}
	}
	put(`{"faults":[{"kind":"busy","count":1}]}`)
	if got := must[*epcc.System](w, w.apply(abc, who)); got.SysRtnInf.SysRtnCd != "ES000099" {
		t.Errorf("busy: %+v", got.SysRtnInf)
	}
	put(`{"faults":[{"kind":"reset_before_commit","count":1}]}`)
	if _, err := w.ask(w.apply(abc, who)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	if status, _ := w.control("DELETE", "/channels/nucc/behaviour", ""); status != 204 {
		t.Errorf("DELETE: %d", status)
	}
	if got := must[*epcc.SignReceipt](w, w.apply(abc, who)); got.BizInf.BizStsCd != "00000000" {
		t.Errorf("afterwards: %+v", got.BizInf)
	}
}

// A fault of the hub spares the bank its own: a count is used only by calls that suffer.
func TestAFaultOfTheHubSparesTheBank(t *testing.T) {
	w := start(t, nil)
	w.behave("abc", `{"faults":[{"kind":"reset_before_commit","count":1}]}`)
	if status, _ := w.control("PUT", "/channels/nucc/behaviour", `{"faults":[{"kind":"busy","count":1}]}`); status != 200 {
		t.Fatal(status)
	}
	who := w.customers("abc", "debit")[0]
	if got := must[*epcc.System](w, w.apply(abc, who)); got.SysRtnInf.SysRtnCd != "ES000099" {
		t.Errorf("first: %+v", got.SysRtnInf)
	}
	if _, err := w.ask(w.apply(abc, who)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("second: %v", err)
	}
}

// send posts a message and wants no answer.
func (w *world) send(ctx context.Context, m *epcc.Sign) error {
	frame, err := w.codec.Encode(m)
	if err != nil {
		return err
	}
	r, err := w.request(ctx, frame)
	if err != nil {
		return err
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	return fmt.Errorf("answered with status %d", answer.StatusCode)
}

// A query during the delay does not see the original yet; a bank slower than
// its hub is patient is excused, and its result is there later.
func TestALateBankCommitsLate(t *testing.T) {
	w := start(t, nil)
	w.behave("abc", `{"latency":{"apply":{"fixed":"400ms"}}}`) // the hub's patience is 50ms
	who := w.customers("abc", "debit")[0]
	apply := w.apply(abc, who)
	began := time.Now()
	got := must[*epcc.SignReceipt](w, apply)
	if got.SysRtnInf.SysRtnCd != "ES000033" || time.Since(began) < 50*time.Millisecond {
		t.Errorf("after %v: %+v", time.Since(began), got.SysRtnInf)
	}
	for when := 0; ; when++ {
		asked := must[*epcc.QueryReceipt](w, w.query("0201", apply.TrxInf.TrxId, abc))
		if asked.BizInf.BizStsCd == "00000000" {
			if time.Since(began) < 400*time.Millisecond {
				t.Errorf("query %d saw it after %v, the bank takes 400ms", when, time.Since(began))
			}
			break
		}
		if asked.BizInf.BizStsCd != "ES000041" || time.Since(began) > 10*time.Second {
			t.Fatalf("query %d after %v: %+v", when, time.Since(began), asked.BizInf)
		}
	}
	w.code("abc", who.Mobile)
}

// A farm that is told to stop does not wait for banks that think for an hour.
func TestStopDoesNotWaitForTheLate(t *testing.T) {
	w := start(t, nil)
	w.behave("abc", `{"latency":{"apply":{"fixed":"1h"}}}`)
	w.behave("bob", `{"latency":{"default":{"fixed":"1h"}}}`)
	who := w.customers("abc", "debit")[0]
	if got := must[*epcc.SignReceipt](w, w.apply(abc, who)); got.SysRtnInf.SysRtnCd != "ES000033" {
		t.Errorf("%+v", got.SysRtnInf)
	}
	began := time.Now()
	w.stop()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// Same seed, same fates: the delay and the fault of each call depend on the
// card and on how often it has come, not on numbers, time or other callers.
func TestFatesAreRepeated(t *testing.T) {
	fates := func(seed uint64) (out []string) {
		w := start(t, func(c *farm.Config) { c.Seed = seed })
		w.behave("abc", `{"latency":{"apply":{"uniform":{"min":"0s","max":"20ms"}}},"faults":[{"kind":"busy","share":0.5}]}`)
		who := slices.Repeat([]customer{stranger(1), stranger(2)}, 6)
		w.add("abc", who[0])
		w.add("abc", who[1])
		for _, c := range who {
			_, _ = w.ask(w.apply(abc, c))
		}
		for _, x := range w.exchanges("abc", "limit=100") {
			out = append(out, fmt.Sprintf("%.3f %s", x.DrawnMS, x.Fault))
		}
		return out
	}
	one, same, other := fates(1), fates(1), fates(2)
	if len(one) != 12 || !slices.Equal(one, same) {
		t.Errorf("the same seed gave\n%v\nand\n%v", one, same)
	}
	if slices.Equal(one, other) {
		t.Error("another seed gave the same fates")
	}
}

// Observed minus drawn, pair by pair: what the farm adds to the delay it was
// told. The bounds leave room for a machine that does other work meanwhile.
func TestDelaysAreThoseDrawn(t *testing.T) {
	w := start(t, nil)
	w.behave("abc", `{"latency":{"query":{"lognormal":{"p50":"15ms","p99":"40ms","cap":"45ms"}}}}`)
	const callers, each = 8, 50
	var mu sync.Mutex
	observed := map[string]float64{}
	var wait sync.WaitGroup
	for range callers {
		wait.Go(func() {
			for range each {
				q := w.query("0201", w.number(), abc)
				began := time.Now()
				if _, err := w.ask(q); err != nil {
					t.Error(err)
					return
				}
				took := float64(time.Since(began).Microseconds()) / 1000
				mu.Lock()
				observed[q.OriTrxInf.OriTrxId] = took
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	var inside, outside []float64
	drawn := map[float64]bool{}
	for _, x := range w.exchanges("abc", "limit=1000") {
		inside = append(inside, x.TookMS-x.DrawnMS)
		outside = append(outside, observed[x.Number]-x.DrawnMS)
		drawn[x.DrawnMS] = true
	}
	if len(inside) != callers*each || len(drawn) < callers*each*9/10 {
		t.Fatalf("%d exchanges with %d different delays", len(inside), len(drawn))
	}
	slices.Sort(inside)
	slices.Sort(outside)
	p := func(sorted []float64, share float64) float64 {
		return sorted[int(math.Ceil(share*float64(len(sorted))))-1]
	}
	t.Logf("took − drawn: p50 %.2f ms, p99 %.2f ms; seen by the client − drawn: p50 %.2f ms, p99 %.2f ms",
		p(inside, 0.5), p(inside, 0.99), p(outside, 0.5), p(outside, 0.99))
	if inside[0] < 0 {
		t.Errorf("an answer came %.3f ms before its delay was over", -inside[0])
	}
	if p(inside, 0.5) > 15 {
		t.Errorf("half of the answers come more than %.1f ms late", p(inside, 0.5))
	}
}
