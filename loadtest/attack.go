package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"kaqiao/loadtest/load"
	"kaqiao/loadtest/scenarios"
	"kaqiao/profiles"
)

// attackFlags are what can be asked of an attack.
type attackFlags struct {
	places
	output
	scenario, stages, banks, mix, platform, profiles string
	failures, failing                                string
	deny                                             string
	rate                                             float64
	long, drain                                      time.Duration
	inFlight                                         int
	seed                                             uint64
	think, failOnMissed                              bool
}

func attackCommand() *cobra.Command {
	var f attackFlags
	c := &cobra.Command{
		Use: "attack", Short: "Bind cards at a rate and report latencies by tier", Args: cobra.NoArgs,
		Long: "Binds cards of the farm's customers through the gateway. Bindings begin when they are due, whatever\n" +
			"becomes of those before, and every latency counts from when its request was due.",
		Example: "  loadtest attack --rate 50 --for 1m --banks state\n" +
			"  loadtest attack --stages 30s:5-50,1m:50 --mix debit=9,credit=1 --json run.json\n" +
			"  loadtest attack --scenario wallets --platform alipay\n" +
			"  loadtest attack --failures document --failing 20% --fail-on-missed",
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
	flags.StringVar(&f.failures, "failures", "", "make bindings fail, by category: document (information=42,bank=35,terminal=23) or a mix such as bank=1,account=2;\n"+
		"failures of banks are ordered from the farm, at banks set aside for them")
	flags.StringVar(&f.failing, "failing", "100%", "with --failures, the part of the bindings that are to fail")
	flags.StringVar(&f.deny, "deny", "5%", "the part of the approvals that are denied, at banks whose people or customers approve; without --failures")
	flags.BoolVar(&f.think, "think", false, "let people take as long as the platform's journey says")
	flags.IntVar(&f.inFlight, "in-flight", 20_000, "bindings under way at once, 1 to 1,000,000; one that is due beyond is counted as not started")
	flags.DurationVar(&f.drain, "drain", time.Minute, "how long the unfinished are waited for at the end, 0s to 1h")
	flags.StringVar(&f.profiles, "profiles", "", "folder of profiles with the tiers' promises (default: those in the program)")
	flags.BoolVar(&f.failOnMissed, "fail-on-missed", false, "exit with 3 where a tier is slower than it promises, or a planned failure was not told as it is")
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
	return errors.Join(f.places.check(), f.output.check())
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
	c.Failing, err = f.planned()
	return c, err
}

// planned reads what is to fail.
func (f *attackFlags) planned() (failing load.Failing, err error) {
	if f.failures == "" {
		return failing, nil
	}
	var part profiles.Share
	if err := part.UnmarshalText([]byte(f.failing)); err != nil || part == 0 {
		return failing, errors.New("--failing must be a part above 0% and up to 100%, such as 20%")
	}
	failing.Part, failing.Mix = float64(part), load.Document()
	if f.failures != "document" {
		if failing.Mix, err = load.ParseWeights(f.failures); err != nil {
			return failing, fmt.Errorf("--failures: %w", err)
		}
	}
	if err := failing.Check(); err != nil {
		return failing, fmt.Errorf("--failures: %w", err)
	}
	return failing, nil
}

func (f *attackFlags) run(c *cobra.Command) error {
	pace, err1 := f.pace()
	choice, err2 := f.choice()
	if err := errors.Join(err1, err2); err != nil {
		return usageError{err}
	}
	var deny profiles.Share
	if err := deny.UnmarshalText([]byte(f.deny)); err != nil {
		return usageError{errors.New("--deny must be a part of 0% to 100%, such as 5%")}
	}
	set, err := loadSet(f.profiles)
	if err != nil {
		return err
	}
	platform := set.Platform(f.platform)
	if platform == nil {
		return usageError{errors.New("--platform: no profile has this platform")}
	}
	choice.Failing.Terminal, choice.Failing.Banks = platform.Terminal, set
	gateway, err := f.gateway()
	if err != nil {
		return err
	}
	s := &loadTest{
		attack: load.Attack{Pace: pace, InFlight: f.inFlight, Drain: f.drain}, choice: choice, set: set,
		bind: load.Bind{Deny: float64(deny), Gateway: gateway, Platform: f.platform, Run: "lt" + rand.Text()[:12], Judge: f.failures != ""},
		farm: f.farm(), progress: progress(c.ErrOrStderr(), pace.Count()), stderr: c.ErrOrStderr(),
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
	if f.failOnMissed && (r.Missed() || r.Misclassified()) {
		return verdict(exitBreaks)
	}
	return nil
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
