package link_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// keyed carries what makes net/http believe that it may send a request again.
var keyed = wire.Frame{
	Headers: []wire.Header{{Name: "Idempotency-Key", Value: "1"}, {Name: "X-Idempotency-Key", Value: "1"}},
	Body:    frame.Body,
}

// secondUnanswered answers the first request of a connection and closes it on the second.
func secondUnanswered(w *witness, c net.Conn) {
	r := bufio.NewReader(c)
	if _, err := w.take(r); err == nil {
		_, _ = io.WriteString(c, fine("ok"))
		_, _ = w.take(r)
	}
}

// A kept connection that breaks after it took a request must not make that
// request be sent again.
func TestNothingIsSentTwice(t *testing.T) {
	w := newWitness(t, secondUnanswered)
	h := newLink(t, link.Config{URL: w.url(), MaxConns: 1})
	if _, err := h.Exchange(t.Context(), keyed); err != nil {
		t.Fatal(err)
	}
	_, err := h.Exchange(t.Context(), keyed)
	notSent(t, err, w, false)
	if n := w.requests.Load(); n != 2 {
		t.Errorf("the other side took %d requests of 2 exchanges", n)
	}
}

// The same with an ordinary client, so that the test above is known to see it.
func TestOrdinaryClientSendsTwice(t *testing.T) {
	w := newWitness(t, secondUnanswered)
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url(), bytes.NewReader(keyed.Body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "1")
		if answer, err := client.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
	}
	if n := w.requests.Load(); n != 3 {
		t.Errorf("the other side took %d requests: the witness does not see a request that is sent again", n)
	}
}

// A connection that the other side closed while it was idle is replaced, and
// each request still arrives once.
func TestIdleConnectionClosed(t *testing.T) {
	w := newWitness(t, once(fine("ok"))) // does not say that it closes
	h := newLink(t, link.Config{URL: w.url(), MaxConns: 1})
	answered := int64(0)
	for range 50 {
		before := w.requests.Load()
		_, err := h.Exchange(t.Context(), frame)
		took := w.requests.Load() - before
		switch {
		case err == nil && took == 1:
			answered++
		case err != nil && !errors.Is(err, link.ErrNotSent):
			// It was handed to the kernel before the close was seen: nobody can know.
		default:
			t.Errorf("the other side took %d requests of one exchange: %v", took, err)
		}
	}
	if answered == 0 {
		t.Error("no exchange was answered")
	}
}

// Whatever the other side does and whenever callers give up: what is said to
// be not sent never arrived, what is answered arrived, and nothing twice.
func TestStorm(t *testing.T) {
	var mu sync.Mutex
	arrived := map[string]int{}
	w := newWitness(t, func(w *witness, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			fate := rand.IntN(12)
			if fate == 0 {
				return // before the request is read
			}
			body, err := w.take(r)
			if err != nil {
				return
			}
			mu.Lock()
			arrived[body]++
			mu.Unlock()
			switch fate {
			case 1:
				return
			case 2:
				reset(c)
				return
			case 3:
				_, _ = io.WriteString(c, fine(body)[:20])
				return
			case 4:
				_, _ = io.WriteString(c, fine(body))
				return
			}
			if _, err := io.WriteString(c, fine(body)); err != nil {
				return
			}
		}
	})
	h := newLink(t, link.Config{URL: w.url(), MaxConns: 8})
	var next atomic.Int64
	errs := make([]error, 3000)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(errs)); i = next.Add(1) - 1 {
				errs[i] = stormy(t, h, fmt.Sprint("request ", i))
			}
		})
	}
	all.Wait()
	w.close()
	judge(t, errs, arrived)
}

// judge compares what each caller was told with what arrived.
func judge(t *testing.T, errs []error, arrived map[string]int) {
	t.Helper()
	outcomes := map[string]int{}
	for i, err := range errs {
		n := arrived[fmt.Sprint("request ", i)]
		switch {
		case n > 1:
			t.Errorf("request %d arrived %d times", i, n)
		case err == nil && n != 1:
			t.Errorf("request %d was answered and never arrived", i)
		case errors.Is(err, link.ErrNotSent) && n != 0:
			t.Errorf("request %d arrived although it was not sent: %v", i, err)
		}
		switch {
		case err == nil:
			outcomes["answered"]++
		case errors.Is(err, link.ErrNotSent):
			outcomes["not sent"]++
		default:
			outcomes["unknown"]++
		}
	}
	for _, outcome := range []string{"answered", "not sent", "unknown"} {
		if outcomes[outcome] == 0 {
			t.Errorf("the storm made no request %s: %v", outcome, outcomes)
		}
	}
}

// stormy sends one request, of which some callers give up at once or soon.
func stormy(t *testing.T, h *link.HTTP, body string) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch rand.IntN(8) {
	case 0:
		cancel()
	case 1:
		go cancel()
	}
	answer, err := h.Exchange(ctx, wire.Frame{Body: []byte(body)})
	if err == nil && string(answer.Body) != body {
		t.Errorf("%s was answered with %s", body, answer.Body)
	}
	return err
}
