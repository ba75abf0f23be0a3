package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/loadtest/report"
	"kaqiao/loadtest/scenarios"
	"kaqiao/profiles"
)

// attackFlags are what can be asked of an attack.
type attackFlags struct {
	places
	output
	scenario, stages, banks, mix, platform, profiles string
	rate                                             float64
	long, drain                                      time.Duration
	inFlight                                         int
	seed                                             uint64
	think, failOnMissed                              bool
}

func attackCommand() *cobra.Command {
	var f attackFlags
	c := &cobra.Command{
		Use: "attack", Short: "Binds cards at a rate and reports latencies by tier", Args: cobra.NoArgs,
		Long: "Binds cards of the farm's customers through the gateway. Bindings begin when they are due, whatever\n" +
			"becomes of those before, and every latency counts from when its request was due.",
		Example: "  loadtest attack --rate 50 --for 1m --banks state\n" +
			"  loadtest attack --stages 30s:5-50,1m:50 --mix debit=9,credit=1 --json run.json\n" +
			"  loadtest attack --scenario wallets --platform alipay",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.fill(c); err != nil {
				return usageError{err}
			}
			return f.run(c)
		},
	}
	flags := c.Flags()
	f.places.add(flags)
	f.output.add(flags)
	flags.StringVar(&f.scenario, "scenario", "", "take flags from a scenario: "+scenarios.Names()+", or a YAML file")
	flags.Float64Var(&f.rate, "rate", 20, "bindings a second")
	flags.DurationVar(&f.long, "for", 20*time.Second, "how long")
	flags.StringVar(&f.stages, "stages", "", "stages instead of --rate and --for, such as 30s:5-50,1m:50")
	flags.StringVar(&f.banks, "banks", "all", "banks or tiers with weights, such as state or abc=3,icbc")
	flags.StringVar(&f.mix, "mix", "debit", "kinds of customers with weights, such as debit=9,credit=1")
	flags.Uint64Var(&f.seed, "seed", 1, "decides the order of kinds and the time people take")
	flags.StringVar(&f.platform, "platform", "wechat", "the wallet: wechat, alipay or unionpay")
	flags.BoolVar(&f.think, "think", false, "let people take as long as the platform's journey says")
	flags.IntVar(&f.inFlight, "in-flight", 20_000, "bindings under way at once; one that is due beyond is counted as not started")
	flags.DurationVar(&f.drain, "drain", time.Minute, "how long the unfinished are waited for at the end")
	flags.StringVar(&f.profiles, "profiles", "", "folder of profiles with the tiers' promises (default: those in the program)")
	flags.BoolVar(&f.failOnMissed, "fail-on-missed", false, "exit with 3 where a tier is slower than it promises")
	return c
}

// fill takes from the scenario what the command line leaves open, and checks everything.
func (f *attackFlags) fill(c *cobra.Command) error {
	if f.scenario != "" {
		if err := scenarios.Apply(f.scenario, c.Flags()); err != nil {
			return err
		}
	}
	if f.inFlight < 1 || f.inFlight > 1_000_000 {
		return errors.New("--in-flight must be 1 to 1,000,000")
	}
	if f.drain < 0 || f.drain > time.Hour {
		return errors.New("--drain must be 0s to 1h")
	}
	return f.output.check()
}

func (f *attackFlags) pace() (load.Pace, error) {
	if f.stages != "" {
		return load.ParsePace(f.stages)
	}
	p := load.Constant(f.rate, f.long)
	return p, p.Check()
}

func (f *attackFlags) choice() (c load.Choice, err error) {
	c.Seed = f.seed
	if f.banks != "all" {
		if c.Banks, err = load.ParseWeights(f.banks); err != nil {
			return c, fmt.Errorf("--banks: %w", err)
		}
	}
	if c.Mix, err = load.ParseWeights(f.mix); err != nil {
		return c, fmt.Errorf("--mix: %w", err)
	}
	return c, nil
}

func (f *attackFlags) run(c *cobra.Command) error {
	pace, err1 := f.pace()
	choice, err2 := f.choice()
	if err := errors.Join(err1, err2); err != nil {
		return usageError{err}
	}
	set, err := loadSet(f.profiles)
	if err != nil {
		return err
	}
	platform := set.Platform(f.platform)
	if platform == nil {
		return usageError{errors.New("--platform: no profile has this platform")}
	}
	gateway, err := f.gateway()
	if err != nil {
		return err
	}
	s := &siege{
		attack: load.Attack{Pace: pace, InFlight: f.inFlight, Drain: f.drain}, choice: choice, set: set,
		bind: load.Bind{Gateway: gateway, Platform: f.platform, Run: "lt" + rand.Text()[:12]},
		farm: f.farm(), progress: progress(c.ErrOrStderr(), pace.Count()),
	}
	if f.think {
		s.bind.Think = load.Think{Journey: platform.Journey.Std(), Seed: f.seed}
	}
	r, err := s.run(c.Context())
	if err != nil {
		return err
	}
	if err := f.output.report(c, r); err != nil {
		return err
	}
	if f.failOnMissed && r.Missed() {
		return verdict(exitBreaks)
	}
	return nil
}

// siege is one attack from the choice of people to the report.
type siege struct {
	attack   load.Attack
	choice   load.Choice
	set      *profiles.Set
	bind     load.Bind
	farm     *control.Farm
	progress func()
}

func (s *siege) run(ctx context.Context) (*report.Report, error) {
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
	recorder := load.NewRecorder(len(banks))
	s.bind.Inbox, s.bind.Plan, s.bind.Record, s.bind.Done = s.farm, plan, recorder, s.progress
	starts := s.attack.Run(ctx, s.bind.Shoot)

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
	return report.Make(report.Run{
		Pace: s.attack.Pace, Asked: asked, Starts: starts, Banks: banks, Lanes: recorder.Tallies(), Set: s.set,
	}), nil
}

func loadSet(folder string) (*profiles.Set, error) {
	options := profiles.LoadOptions{Env: os.Environ()}
	if folder == "" {
		return profiles.Shipped(options)
	}
	return profiles.Load(os.DirFS(folder), options)
}

// progress shows how many bindings have ended, where somebody is looking.
func progress(stderr io.Writer, n int) func() {
	if !terminal(stderr) {
		return nil
	}
	bar := progressbar.NewOptions(n,
		progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription("binding"), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("bindings"), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false))
	return func() { _ = bar.Add(1) }
}
