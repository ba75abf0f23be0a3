package app

import (
	"context"
	"errors"
	"time"
)

// The clock of a machine may be set while the gateway runs. Whatever lasts a
// while is measured by Go's monotonic clock and takes no notice; what is kept in
// the journal is the time of day, and is looked after here.
const (
	clockEvery = time.Second
	clockSlack = 2 * time.Second // what a clock may be slewed by, or a pause of the process may look like
)

// watchClock has what is open wait anew when the clock is set back, and tells of
// a clock that is set forward: deadlines that pass by it cost a question to a bank, and decide nothing.
func (a *App) watchClock(ctx context.Context) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	wall, steady := a.cfg.Now().Round(0), time.Now() // Round leaves the time of day alone
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, passed := a.cfg.Now().Round(0), time.Since(steady)
		switch step := now.Sub(wall) - passed; {
		case step < -clockSlack:
			a.log.Warn("the clock has been set back", "by", (-step).Round(time.Millisecond).String())
			if err := errors.Join(a.service.SetBack(ctx), a.deliverer.SetBack(ctx)); err != nil {
				a.log.Error("what is open could not be looked after: it is tried again", "error", err)
				continue // the step is seen again
			}
		case step > clockSlack:
			a.log.Warn("the clock has been set forward, or the machine was asleep", "by", step.Round(time.Millisecond).String())
		}
		wall, steady = now, time.Now()
	}
}
