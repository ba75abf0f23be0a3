package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/loadtest/report"
	"kaqiao/profiles"
)

// loadTest is one attack with all around it, from the choice of people to the report.
type loadTest struct {
	attack   load.Attack
	choice   load.Choice
	set      *profiles.Set
	bind     load.Bind
	farm     *control.Farm
	progress func()
	stderr   io.Writer
}

func (s *loadTest) run(ctx context.Context) (*report.Report, error) {
	all, err := s.farm.Banks(ctx)
	if err != nil {
		return nil, err
	}
	banks, weights, err := s.choice.Select(all)
	if err != nil {
		return nil, usageError{err}
	}
	plan, err := s.choice.Plan(ctx, s.farm, banks, weights, s.attack.Pace.Count())
	if err != nil {
		return nil, err
	}
	calm, err := s.trouble(ctx, plan)
	defer calm()
	if err != nil {
		return nil, err
	}
	recorder := load.NewRecorder(len(banks))
	s.bind.Desk = s.farm
	s.bind.Inbox, s.bind.Plan, s.bind.Record, s.bind.Done = s.farm, plan, recorder, s.progress
	starts := s.attack.Run(ctx, s.bind.Shoot)
	calm() // now and not after a report that may take long

	// The report is wanted after an interruption too, but not for ever.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := recorder.Share(after, s.farm, banks); err != nil {
		return nil, err
	}
	asked := report.Asked{
		Seed: s.choice.Seed, Platform: s.bind.Platform, JourneyS: s.bind.Think.Journey.Seconds(), InFlightLimit: s.attack.InFlight,
	}
	for _, b := range banks {
		asked.Banks = append(asked.Banks, b.ID)
	}
	for _, kind := range s.choice.Mix {
		asked.Mix = append(asked.Mix, kind.Name)
	}
	if s.bind.Judge {
		asked.Failures = report.AskedFailures(s.choice.Failing, plan)
	}
	return report.Make(report.Run{
		Pace: s.attack.Pace, Asked: asked, Starts: starts, Banks: banks, Lanes: recorder.Tallies(), Set: s.set,
	}), nil
}

// The life of what the farm is asked to play.
const (
	calmWithin = 10 * time.Second
	// troubleLonger is how much longer than the attack a fault lives by itself, should this program be killed.
	troubleLonger = 2 * time.Minute
	troubleMost   = 7 * 24 * time.Hour // the farm takes no longer one
)

// trouble orders the plan's failures of banks from the farm. calm takes them
// back, however the attack ends; calling it again does nothing. It is never nil.
func (s *loadTest) trouble(ctx context.Context, plan []load.Subject) (calm func(), err error) {
	var ordered []string
	calm = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), calmWithin)
		defer cancel()
		for _, bank := range ordered {
			if err := s.farm.Calm(ctx, bank); err != nil {
				_, _ = fmt.Fprintf(s.stderr, "loadtest: bank %s may misbehave for a while yet: %v\n", bank, err)
			}
		}
	})
	lasts := min(s.attack.Pace.Long()+s.attack.Drain+troubleLonger, troubleMost)
	for bank, p := range load.Apart(plan) {
		layered, err := s.farm.Layered(ctx, bank)
		if err != nil {
			return calm, err
		}
		if layered {
			return calm, fmt.Errorf("bank %s has been told to behave otherwise already: DELETE /banks/%s/behaviour at the farm first", bank, bank)
		}
		ordered = append(ordered, bank) // before it is asked: an answer may be lost
		fault := profiles.Fault{Kind: p.Fault, Operation: p.Want.Step.String(), ForS: int(lasts.Seconds())}
		if err := s.farm.Behave(ctx, bank, map[string]any{"faults": []profiles.Fault{fault}}); err != nil {
			return calm, err
		}
	}
	return calm, nil
}
