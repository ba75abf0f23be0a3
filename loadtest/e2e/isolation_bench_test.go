package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/profiles/secret"
)

// What the benchmark of isolation asks for.
const (
	kneeAtOnce = 96               // bindings at once, when the knee is looked for
	kneeFor    = 8 * time.Second  // how long
	legFill    = 12 * time.Second // before a leg is measured: longer than any time-out, so that as many hang as ever will
	legFor     = 20 * time.Second
)

// BenchmarkIsolation says what the banks feel when one of them hangs: the p99 of
// all answers of all other banks, divided by that of the same load while it
// answers. One bank of each protocol hangs in turn, at half of the rate at which
// the machine is at its end (its knee), in the order A B B A. Whole bindings run at
// all sixteen banks, between real programs; banks think 10 ms, so that whatever is added shows.
func BenchmarkIsolation(b *testing.B) {
	for b.Loop() {
		c := startCountry(b)
		rate := c.knee(b) / 2
		b.Logf("half of the knee: %.0f bindings/s over %d banks", rate, len(c.banks))
		for _, victim := range []string{"icbc", "bob", "hsbc"} {
			c.hang(b, victim, rate)
		}
	}
}

// country is a farm and a gateway as programs, with all the shipped banks.
type country struct {
	farm, gateway *process
	books         *control.Farm
	wallet        *load.HTTPGateway
	banks         []control.Bank
	weights       []float64
	http          *http.Client
	legs          int
}

func startCountry(b *testing.B) *country {
	b.Helper()
	files := quickProfiles(b, "10ms")
	patient(files)
	c := &country{}
	c.farm, c.gateway = startProgramsOn(b, onDisk(b, files))
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	b.Cleanup(transport.CloseIdleConnections)
	c.http = &http.Client{Transport: transport, Timeout: time.Minute}
	c.books = control.New(c.farm.url, c.http)
	all, err := c.books.Banks(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if c.banks, c.weights, err = (load.Choice{}).Select(all); err != nil {
		b.Fatal(err)
	}
	if c.wallet, err = load.NewGateway(c.gateway.url, secret.NewKey(c.gateway.key(b)), c.http); err != nil {
		b.Fatal(err)
	}
	return c
}

// patient gives the time-outs back that real banks have, and enough people.
func patient(files fstest.MapFS) {
	for name, f := range files {
		if strings.HasPrefix(name, "banks/") {
			f.Data = []byte(strings.NewReplacer(
				"timeouts: {apply: 1s, confirm: 1s, query: 1s}", "timeouts: {apply: 8s, confirm: 8s, query: 4s}",
				"silent_for: 150ms", "silent_for: 6s", "people: 400", "people: 10000").Replace(string(f.Data)))
		}
	}
}

// bind is a scenario of n bindings, and where it is recorded.
func (c *country) bind(b *testing.B, n int) (*load.Bind, *load.Recorder) {
	b.Helper()
	c.legs++
	plan, err := load.Choice{Seed: uint64(c.legs)}.Plan(b.Context(), c.books, c.banks, c.weights, n) //nolint:gosec // small
	if err != nil {
		b.Fatal(err)
	}
	record := load.NewRecorder(len(c.banks))
	return &load.Bind{
		Gateway: c.wallet, Inbox: c.books, Desk: c.books, Plan: plan, Record: record, Platform: "wechat",
		Run: fmt.Sprintf("leg%d", c.legs), Settle: 5 * time.Second,
	}, record
}

// knee is how many bindings a second end when there is always something to do.
func (c *country) knee(b *testing.B) float64 {
	b.Helper()
	s, record := c.bind(b, 8000)
	ctx, stop := context.WithTimeout(b.Context(), kneeFor)
	defer stop()
	var next atomic.Int64
	done := make(chan struct{})
	for range kneeAtOnce {
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				if i := int(next.Add(1)) - 1; i < len(s.Plan) {
					s.Shoot(ctx, i, time.Now())
				} else {
					return
				}
			}
		}()
	}
	for range kneeAtOnce {
		<-done
	}
	active := int64(0)
	for _, t := range record.Tallies() {
		active += t.Ends[load.EndActive]
	}
	if active == 0 {
		b.Fatal("nothing was bound")
	}
	return float64(active) / kneeFor.Seconds()
}

// hang compares the other banks' answers beside one that hangs with those beside the same one while it answers.
func (c *country) hang(b *testing.B, victim string, rate float64) {
	b.Helper()
	sum := map[bool]*load.Latencies{false: {}, true: {}}
	for _, hangs := range []bool{false, true, true, false} {
		others, ends := c.leg(b, victim, rate, hangs)
		b.Logf("%s hangs %-5t: %d answers of the others, p50 %v, p99 %v; it ended %v", victim, hangs, others.Count(), others.At(50), others.At(99), ends)
		sum[hangs].Add(others)
	}
	with, without := sum[true].At(99), sum[false].At(99)
	b.Logf("%s: p99 of the others beside it hanging %v, else %v: %.2f times", victim, with, without, float64(with)/float64(without))
	b.ReportMetric(float64(with)/float64(without), victim+"-p99-ratio")
}

// leg runs the load once, and returns all answers that the other banks' customers had, and how the victim's bindings ended.
func (c *country) leg(b *testing.B, victim string, rate float64, hangs bool) (others load.Latencies, ends map[string]int64) {
	b.Helper()
	if hangs {
		fault := map[string]any{"faults": []map[string]any{{"kind": "no_reply_before_commit"}}}
		if err := c.books.Behave(b.Context(), victim, fault); err != nil {
			b.Fatal(err)
		}
	}
	pace := load.Constant(rate, legFill+legFor)
	s, measured := c.bind(b, pace.Count())
	fill := *s
	fill.Record = load.NewRecorder(len(c.banks))
	first := int(rate * legFill.Seconds())
	load.Attack{Pace: pace, Drain: 20 * time.Second}.Run(b.Context(), func(ctx context.Context, i int, due time.Time) {
		if i == first+int(rate*legFor.Seconds())/2 && hangs {
			c.why(b, victim)
		}
		if i < first {
			fill.Shoot(ctx, i, due)
		} else {
			s.Shoot(ctx, i, due)
		}
	})
	if hangs {
		if err := c.books.Calm(b.Context(), victim); err != nil {
			b.Fatal(err)
		}
	}
	for i, t := range measured.Tallies() {
		if c.banks[i].ID == victim {
			ends = t.Ends
			continue
		}
		for _, step := range []load.Step{load.Apply, load.Confirm} {
			others.Add(t.Steps[step].All())
		}
	}
	return others, ends
}

// why shows what GET /v1/banks/{id} says of a bank that hangs.
func (c *country) why(b *testing.B, bank string) {
	b.Helper()
	caller, err := client.New(c.gateway.url, c.gateway.key(b))
	if err != nil {
		b.Error(err)
		return
	}
	defer caller.Close()
	seen, err := caller.BankByID(b.Context(), bank)
	if err != nil {
		b.Error(err)
		return
	}
	b.Logf("GET /v1/banks/%s: %s; %s", bank, seen.Health.State, strings.Join(reasons(seen), "; "))
}

// startProgramsOn runs farm and gateway as programs on a folder of profiles.
func startProgramsOn(t testing.TB, folder string, ofGateway ...string) (farm, gateway *process) {
	t.Helper()
	farm, gateway = newPrograms(t, folder)
	gateway.args = append(gateway.args, ofGateway...)
	farm.start(t)
	gateway.start(t)
	return farm, gateway
}

// newPrograms prepares both.
func newPrograms(t testing.TB, folder string) (farm, gateway *process) {
	t.Helper()
	callbacks, env := freeAddress(t), elsewhere(t)
	farm = newProcess(t, "mockbanks", "/healthz", env)
	farm.args = []string{
		"serve", "--keys", keys(t), "--data", farm.dir, "--profiles", folder,
		"--control", farm.address(), "--callback", callbackFlag(t, callbacks),
	}
	gateway = newProcess(t, "gateway", "/readyz", env)
	gateway.args = []string{
		"serve", "--dev", "--keys", keys(t), "--data", filepath.Join(gateway.dir, "data"), "--profiles", folder,
		"--listen", gateway.address(), "--callbacks", callbacks, "--dev-caller-key", filepath.Join(gateway.dir, "caller.key"),
	}
	return farm, gateway
}
