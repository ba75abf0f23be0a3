package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Attack begins bindings when they are due.
type Attack struct {
	Pace Pace
	// InFlight is how many may run at once, 1 to 1,000,000. One that falls due
	// beyond it is not started, and counted. Default 20,000.
	InFlight int
	// Drain is how long after the last was due the unfinished are waited for. Default 60s.
	Drain time.Duration
	// Grace is how long the unfinished are waited for when the attack is interrupted. Default 5s.
	Grace time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Starts says how well the attack itself did.
type Starts struct {
	Began      time.Time
	Asked      int       // fell due, or would have without the interruption
	Started    int       // of them, begun
	NotStarted int       // fell due when as many were running as may
	Withheld   int       // not due yet when the attack was interrupted
	LastStart  time.Time // of the last that was begun
	Late       Latencies // from due to begun
	Unfinished int       // still running at the end, and cut off
}

// Shot is one binding's work. When ctx ends it is cut off and must return at once.
type Shot func(ctx context.Context, i int, due time.Time)

// Run begins each binding in a goroutine of its own. It returns when all have
// ended; when ctx ends, nothing more is begun.
func (a Attack) Run(ctx context.Context, shot Shot) Starts {
	a = a.withDefaults()
	// What is running outlives an interruption, by the grace time.
	running, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()

	s := &run{Attack: a, shot: shot, ctx: running}
	s.starts.Began, s.starts.Asked = a.Now(), a.Pace.Count()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, offset := range a.Pace.Due() {
		due := s.starts.Began.Add(offset)
		if !s.waitUntil(ctx, timer, due) {
			s.starts.Withheld = s.starts.Asked - i
			break
		}
		s.start(i, due)
	}
	s.drain(ctx, cut)
	return s.starts
}

func (a Attack) withDefaults() Attack {
	if a.InFlight <= 0 {
		a.InFlight = 20_000
	}
	if a.Drain <= 0 {
		a.Drain = time.Minute
	}
	if a.Grace <= 0 {
		a.Grace = 5 * time.Second
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	return a
}

// run is an attack under way. Only the pacing goroutine touches starts, but for Late.
type run struct {
	Attack
	shot   Shot
	ctx    context.Context //nolint:containedctx // the run's own life, given to every shot
	all    sync.WaitGroup
	flying atomic.Int64
	late   sync.Mutex
	starts Starts
}

// waitUntil returns false if ctx ended first. It does not sleep when it is late already.
func (s *run) waitUntil(ctx context.Context, timer *time.Timer, due time.Time) bool {
	wait := due.Sub(s.Now())
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer.Reset(wait)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (s *run) start(i int, due time.Time) {
	if s.flying.Load() >= int64(s.InFlight) {
		s.starts.NotStarted++
		return
	}
	s.flying.Add(1)
	s.starts.Started++
	s.starts.LastStart = s.Now()
	s.all.Go(func() {
		defer s.flying.Add(-1)
		// Measured here and not where the goroutine is made: the scheduler's queue is part of the lateness.
		late := s.Now().Sub(due)
		s.late.Lock()
		s.starts.Late.Record(late)
		s.late.Unlock()
		s.shot(s.ctx, i, due)
	})
}

// drain waits for what is running, and cuts it off when its time is over.
func (s *run) drain(ctx context.Context, cut context.CancelFunc) {
	done := make(chan struct{})
	go func() { s.all.Wait(); close(done) }()
	limit := time.NewTimer(s.Drain)
	defer limit.Stop()
	interrupted := ctx.Done()
	for {
		select {
		case <-done:
			return
		case <-interrupted:
			interrupted = nil
			limit.Reset(s.Grace)
		case <-limit.C:
			s.starts.Unfinished = int(s.flying.Load())
			cut()
			<-done
			return
		}
	}
}
