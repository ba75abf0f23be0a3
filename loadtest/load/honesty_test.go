package load

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A server that stalls 1 s in every 10 s, behind so few connections that
// requests queue in the client while it stalls. Who counts from when a request
// was sent does not see that queue.
const (
	stallEvery = 10 * time.Second
	stallFor   = time.Second
	service    = 2 * time.Millisecond
	fewConns   = 1
)

func TestLatencyIsCountedFromWhenARequestWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, long, asked = 150, 30 * time.Second, 4_500
		began := time.Now()
		var mu sync.Mutex
		var truth, naive []time.Duration // of the applies

		// The server knows when it has answered, and each apply's number says when it was due.
		b := &bank{answer: func(w http.ResponseWriter, r *http.Request, n int) {
			stall(r.Context(), began)
			sleep(r.Context(), service)
			_, number, _ := strings.Cut(r.Header.Get("Idempotency-Key"), "-")
			i, err := strconv.Atoi(number)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			truth = append(truth, time.Since(began.Add(time.Duration(i)*time.Second/rate)))
			mu.Unlock()
			say(w, 201, number, map[string]any{"id": "b" + number, "state": "awaiting_code"})
		}}
		c := serve(t, b, fewConns)
		c.Transport = sentTimer{c.Transport, func(d time.Duration) {
			mu.Lock()
			naive = append(naive, d)
			mu.Unlock()
		}}
		s := scenario(t, c, asked)
		starts := Attack{Pace: Constant(rate, long)}.Run(t.Context(), s.Shoot)

		if starts.Started != asked || len(truth) != asked || len(naive) != asked {
			t.Fatalf("%d started, %d answered, %d sent", starts.Started, len(truth), len(naive))
		}
		tally := s.Record.Tallies()[0]
		all := tally.Steps[Apply].All()
		want := exact(truth, 99.9)
		if ratio := float64(all.At(99.9)) / float64(want); ratio < 0.98 || ratio > 1.02 {
			t.Errorf("p99.9 is reported as %v, in truth it is %v: ratio %.3f", all.At(99.9), want, ratio)
		}
		// The control: the same run judged from when requests were sent must be seen to lie.
		if ratio := float64(exact(naive, 99.9)) / float64(want); ratio >= 0.98 {
			t.Errorf("counted from sent, p99.9 is %v of a true %v: this test could not tell the two apart", exact(naive, 99.9), want)
		}
		if got := float64(starts.Started-1) / starts.LastStart.Sub(starts.Began).Seconds() / rate; got < 0.99 {
			t.Errorf("achieved ÷ asked = %.4f", got)
		}
	})
}

// stall waits until the server works again.
func stall(ctx context.Context, began time.Time) {
	at := time.Since(began) % stallEvery
	if left := at - (stallEvery - stallFor); left >= 0 {
		sleep(ctx, stallEvery-at)
	}
}

func exact(all []time.Duration, percent float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(percent/100*float64(len(sorted))))]
}

// sentTimer times applies as a naive load tester does: from when they were sent.
type sentTimer struct {
	http.RoundTripper
	record func(time.Duration)
}

func (s sentTimer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/v1/bindings" {
		return s.RoundTripper.RoundTrip(r)
	}
	var sent time.Time
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = time.Now() }}
	res, err := s.RoundTripper.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	s.record(time.Since(sent))
	return res, err
}
