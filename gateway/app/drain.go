package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// lastWords is what callers' requests have, once their exchanges are cut off, to be answered.
const lastWords = 5 * time.Second

// leave tells the balancer, and goes on serving until it has heard.
func (a *App) leave(failed <-chan error) error {
	a.server.Leave()
	a.log.Info("gateway is leaving: it is not ready any more, and still serves", "drain_notice", a.cfg.DrainNotice.String())
	notice := time.NewTimer(a.cfg.DrainNotice)
	defer notice.Stop()
	select {
	case <-notice.C:
		return nil
	case err := <-failed:
		return err
	}
}

// drain takes no new work and waits for what is under way: exchanges with banks
// that are not over then are cut off, and written as unknown at once. Their
// callers are still answered.
func (a *App) drain(stopAsking func() <-chan struct{}, callers, banks *http.Server) error {
	a.log.Info("gateway is stopping", "drain", a.cfg.Drain.String(), "requests", a.server.InFlightNow())
	a.banks.Drain(a.cfg.Now().Add(a.cfg.Drain))
	a.server.Stop()
	asked := stopAsking()
	patience, cancel := context.WithTimeout(context.Background(), a.cfg.Drain)
	defer cancel()
	if err := a.server.Idle(patience); err != nil { // until then new requests are told so: nobody is turned away at the door
		a.log.Warn("requests were under way when the drain was over", "requests", a.server.InFlightNow())
	}
	select { // the resolver's last queries
	case <-asked:
	case <-patience.Done():
	}
	left := a.cutOff()
	last, cancelLast := context.WithTimeout(context.Background(), lastWords)
	defer cancelLast()
	err := errors.Join(stop(last, callers, "callers"), stop(last, banks, "banks"))
	a.log.Info("callers are answered", "cut_off", left)
	return err
}

// cutOff ends the exchanges that are not over, and says which.
func (a *App) cutOff() int {
	left := a.banks.Cut()
	for _, at := range left {
		a.log.Warn("an exchange was cut off: it is found out after the next start",
			"binding", at.Binding, "bank", at.Bank, "operation", string(at.Kind), "number", at.Number)
	}
	return len(left)
}

func stop(ctx context.Context, s *http.Server, whose string) error {
	err := s.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		// What is unfinished at a bank stands in the journal and is found out after the next start.
		return errors.Join(fmt.Errorf("requests of %s were still under way", whose), s.Close())
	}
	return err
}
