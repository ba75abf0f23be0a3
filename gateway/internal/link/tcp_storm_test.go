package link_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

// Whatever the other side does and whenever callers give up: what is said to
// be not sent never arrived, what is answered arrived and has its own answer,
// and nothing arrived twice.
func TestStormOfLines(t *testing.T) {
	var mu sync.Mutex
	arrived := map[string]int{}
	c := &country{}
	c.play = func(p *person) {
		for {
			f, err := p.hears()
			if err != nil {
				return
			}
			mu.Lock()
			arrived[strings.Replace(strings.TrimPrefix(string(f.Body), "q "), "_", " ", 1)]++
			mu.Unlock()
			switch rand.IntN(60) {
			case 0:
				return
			case 1:
				_ = p.Conn.(*net.TCPConn).SetLinger(0)
				return
			case 2:
				p.shouts(framed(answerTo(f))[:9])
				return
			case 3:
				continue // never answered: its caller gives up
			case 4:
				p.says(a("another"), answerTo(f), answerTo(f))
			default:
				p.says(answerTo(f))
			}
		}
	}
	var e ears
	l := lines(t, c, link.TCPConfig{Address: c.listens(t), Lines: 4, MinPause: time.Millisecond, MaxPause: 2 * time.Millisecond, Heard: e.hear})
	errs := make([]error, 4000)
	var next atomic.Int64
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(errs)); i = next.Add(1) - 1 {
				ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
				switch rand.IntN(8) {
				case 0:
					cancel()
				case 1:
					go cancel()
				}
				body := fmt.Sprint("q request_", i)
				answer, err := l.Exchange(ctx, wire.Frame{Body: []byte(body)})
				if err == nil && string(answer.Body) != "a"+body[1:] {
					t.Errorf("%s was answered with %s", body, answer.Body)
				}
				errs[i] = err
				cancel()
			}
		})
	}
	all.Wait()
	_ = l.Close()
	mu.Lock()
	defer mu.Unlock()
	judge(t, errs, arrived)
}

// Twenty thousand wait at once on two lines: each costs little, and a second
// wave leaves nothing more behind than the first. (The runtime keeps its own
// records of goroutines that have ended, for later ones.)
func TestTwentyThousandInFlight(t *testing.T) {
	const wave = 20_000
	come, answer := make(chan struct{}, wave), make(chan struct{})
	c := &country{}
	c.play = func(p *person) {
		for {
			asked := make([]wire.Frame, 0, wave/2)
			for range wave / 2 {
				f, err := p.hears()
				if err != nil {
					return
				}
				asked = append(asked, f)
				come <- struct{}{}
			}
			<-answer
			rand.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
			for some := range slices.Chunk(asked, 50) {
				for i, f := range some {
					some[i] = answerTo(f)
				}
				p.says(some...)
			}
		}
	}
	l := lines(t, c, link.TCPConfig{Address: c.listens(t), Lines: 2})
	t.Cleanup(func() { _ = l.Close() })
	l.Start()
	for l.Ready() < 2 {
		runtime.Gosched()
	}
	long := strings.Repeat("x", 600) // as a message is
	run := func() (each, left int64) {
		before, goroutines := memory(), runtime.NumGoroutine()
		errs := make(chan error, wave)
		for i := range wave {
			go func() {
				f, err := l.Exchange(t.Context(), wire.Frame{Body: fmt.Appendf(nil, "q %d %s", i, long)})
				if err == nil && !strings.HasPrefix(string(f.Body), fmt.Sprintf("a %d ", i)) {
					err = errors.New("another's answer")
				}
				errs <- err
			}()
		}
		for range wave {
			<-come
		}
		each = (memory() - before) / wave // the other side's copies are in it
		for range 2 {
			answer <- struct{}{}
		}
		for range wave {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		for runtime.NumGoroutine() > goroutines {
			runtime.Gosched()
		}
		return each, memory() - before
	}
	each, _ := run()
	if each > 64<<10 {
		t.Errorf("each exchange costs %d bytes", each)
	}
	_, left := run()
	t.Logf("%d bytes each, %d left of all", each, left)
	if left > 4<<20 {
		t.Errorf("%d bytes are left of the wave", left)
	}
}

// memory is what is held after collecting, stacks included.
func memory() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse) //nolint:gosec // far below
}

func BenchmarkLines(b *testing.B) {
	c := &country{play: (*person).answers}
	l := lines(b, c, link.TCPConfig{Address: c.listens(b), Lines: 2})
	b.Cleanup(func() { _ = l.Close() })
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Exchange(b.Context(), q(fmt.Sprint(n.Add(1)))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
