package e2e

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/loadtest/verify"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// One of the real programs is killed in the middle of a load, again and again.
// When it stands again, everything is found out and both sides tell one truth.
func TestKilledProgramsForgetNothing(t *testing.T) {
	for _, victim := range []string{"gateway", "farm"} {
		t.Run(victim, func(t *testing.T) {
			farm, gateway := startPrograms(t)
			one := map[string]*process{"gateway": gateway, "farm": farm}[victim]
			c := &http.Client{Timeout: 10 * time.Second}
			defer c.CloseIdleConnections()
			books := control.New(farm.url, c)

			sum := storm(t, one, gateway, books, c)
			t.Logf("ended %v", sum.Ends)
			if lost := asked - sum.Ends[load.EndActive]; lost == 0 || sum.Ends[load.EndActive] < asked/4 {
				t.Errorf("the storm has missed or destroyed the load: %v", sum.Ends)
			}
			patient, err := client.New(gateway.url, gateway.key(t))
			if err != nil {
				t.Fatal(err)
			}
			defer patient.Close()
			mustAgree(t, patient, books)
			gateway.stop(t)
			farm.stop(t)
		})
	}
}

// The load under which programs are killed.
const (
	rate  = 25
	long  = 6 * time.Second
	asked = 150
	kills = 3
)

// storm binds cards at all banks while the victim is killed and started again.
func storm(t *testing.T, victim, gateway *process, books *control.Farm, c *http.Client) (sum load.Tally) {
	t.Helper()
	banks, err := books.Banks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	choice, pace := load.Choice{Seed: 1}, load.Constant(rate, long)
	banks, weights, err := choice.Select(banks)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := choice.Plan(t.Context(), books, banks, weights, pace.Count())
	if err != nil {
		t.Fatal(err)
	}
	wallet, err := load.NewGateway(gateway.url, secret.NewKey(gateway.key(t)), c)
	if err != nil {
		t.Fatal(err)
	}
	var ended atomic.Int64
	record := load.NewRecorder(len(banks))
	bind := &load.Bind{
		Gateway: wallet, Inbox: books, Desk: books, Plan: plan, Record: record, Platform: "wechat", Run: "storm",
		Settle: 20 * time.Second, Done: func() { ended.Add(1) },
	}
	over := make(chan error, 1)
	go func() { over <- victim.storm(t.Context(), &ended) }()
	load.Attack{Pace: pace, Drain: 30 * time.Second}.Run(t.Context(), bind.Shoot)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	for _, tally := range record.Tallies() {
		sum.Add(tally)
	}
	return sum
}

// startPrograms runs farm and gateway, this one with flags, as programs, with banks slow enough that a kill finds something in the middle.
func startPrograms(t *testing.T, ofGateway ...string) (farm, gateway *process) {
	t.Helper()
	return startProgramsOn(t, onDisk(t, quickProfiles(t, "100ms")), ofGateway...)
}

// callbackFlag sends every bank's unasked words to this address.
func callbackFlag(t testing.TB, address string) string {
	t.Helper()
	set, err := profiles.Shipped(profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range set.Channels {
		all = append(all, c.ID+"=http://"+address+"/callbacks/"+c.ID)
	}
	return strings.Join(all, ",")
}

// storm kills and starts the program while bindings are under way.
func (p *process) storm(ctx context.Context, ended *atomic.Int64) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for k := range kills {
		for ended.Load() < int64((k+1)*asked/(kills+2)) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
		p.kill()
		if err := p.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// mustAgree waits until nothing is undecided and wants no break then.
func mustAgree(t testing.TB, g verify.Gateway, f *control.Farm) {
	t.Helper()
	var r verify.Result
	eventually(t, "nothing is undecided", func(ctx context.Context) bool {
		var err error
		if r, err = verify.Read(ctx, g, f); err != nil {
			t.Logf("verify: %v", err)
			return false
		}
		return r.Counts[verify.Undecided] == 0
	})
	if r.Breaks() > 0 {
		t.Errorf("%d breaks: %+v", r.Breaks(), r.Rows)
	}
}
