package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"kaqiao/loadtest/load"
	"kaqiao/profiles"
)

// What BenchmarkCall does with each program, and how often: A B B A A B.
const (
	legLong  = 6 * time.Second // of the open load that is measured
	warmLong = time.Second     // of the closed load before it
	warmers  = 16              // callers of the closed load
)

var legs = []string{"gateway", "floor", "floor", "gateway", "gateway", "floor"}

// BenchmarkCall says what a sign apply costs in the gateway and how much it
// adds to the bank's own time, beside the same figures of the floor (see
// loadtest/floor): the same requests at the same moments over the same hub,
// each program in a process of its own, in turn. The load is open, at half of
// the gateway's throughput with 16 callers. Medians of the legs; the ratios
// are what counts, the microseconds are this machine's.
func BenchmarkCall(b *testing.B) {
	hub := startHub(b)
	rate, results := 0.0, map[string][]leg{}
	for b.Loop() {
		for _, name := range legs {
			p := startUnderTest(b, name, hub)
			throughput := p.warm(b)
			if rate == 0 {
				rate = throughput / 2
			}
			results[name] = append(results[name], p.mustMeasure(b, rate))
			p.kill()
		}
	}
	b.Logf("open load of %.0f applies/s", rate)
	for _, figure := range []struct {
		name string
		of   func(leg) time.Duration
	}{
		{"cpu/apply", func(l leg) time.Duration { return l.cpu }},
		{"added-p50", func(l leg) time.Duration { return l.added.At(50) }},
		{"added-p99", func(l leg) time.Duration { return l.added.At(99) }},
	} {
		ours, floor := median(results["gateway"], figure.of), median(results["floor"], figure.of)
		b.Logf("%-10s gateway %4d µs, floor %4d µs: %.2f times the floor", figure.name, ours.Microseconds(), floor.Microseconds(), float64(ours)/float64(floor))
		b.ReportMetric(float64(ours)/float64(floor), figure.name+"/floor")
		b.ReportMetric(float64(ours.Microseconds()), "µs-"+figure.name)
	}
}

// leg is what one program showed under the open load.
type leg struct {
	cpu    time.Duration  // of its process, for each apply
	added  load.Latencies // from when a request was due to its answer, without the hub's own time
	failed int
}

func median[T any](of []T, figure func(T) time.Duration) time.Duration {
	var all []time.Duration
	for _, l := range of {
		all = append(all, figure(l))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// underTest is one of the two programs with its caller.
type underTest struct {
	*process
	hub     *hub
	http    *http.Client
	bearer  string
	journal string // its file
	banks   []invented
	took    time.Duration // to be ready
	sent    atomic.Int64
}

func startUnderTest(b testing.TB, name string, hub *hub) *underTest {
	b.Helper()
	return startWith(b, name, hub, nil)
}

// startWith starts the program with invented banks beside the shipped ones,
// whose cards are bound in turn; without any, a card of abc is bound.
func startWith(b testing.TB, name string, hub *hub, banks []invented) *underTest {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	b.Cleanup(transport.CloseIdleConnections)
	p := &underTest{hub: hub, banks: banks, http: &http.Client{Transport: transport, Timeout: time.Minute}, process: &process{dir: b.TempDir(), url: "http://" + freeAddress(b)}}
	p.ready, p.env = p.url+"/readyz", append(elsewhere(b), "KAQIAO_CHANNELS_NUCC_ENDPOINT_URL="+hub.url)
	b.Cleanup(p.kill)
	if name == "floor" {
		p.binary, p.journal = filepath.Join(p.dir, "floor"), filepath.Join(p.dir, "journal.db")
		out, err := exec.CommandContext(b.Context(), "go", "build", "-o", p.binary, "kaqiao/loadtest/floor").CombinedOutput() //nolint:gosec // the benchmark's own folder
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		p.args = []string{"-listen", p.address(), "-keys", keys(b), "-hub", hub.url, "-data", p.journal,
			"-schema", "../../gateway/internal/journal/schema.sql"}
	} else {
		p.binary, p.journal = filepath.Join(programs(b), "gateway"), filepath.Join(p.dir, "data", "journal.db")
		p.args = []string{"serve", "--dev", "--keys", keys(b), "--data", filepath.Join(p.dir, "data"), "--profiles", onDisk(b, wideProfiles(b, banks)),
			"--listen", p.address(), "--callbacks", "127.0.0.1:0", "--dev-caller-key", filepath.Join(p.dir, "caller.key")}
	}
	began := time.Now()
	if err := p.run(b.Context()); err != nil {
		b.Fatal(err)
	}
	p.took = time.Since(began)
	if name == "gateway" {
		key, err := os.ReadFile(filepath.Join(p.dir, "caller.key"))
		if err != nil {
			b.Fatal(err)
		}
		p.bearer = strings.TrimSpace(string(key))
	}
	return p
}

// wideProfiles are the shipped ones with gates that are there and let this load through.
func wideProfiles(b testing.TB, banks []invented) fstest.MapFS {
	b.Helper()
	wide, out := regexp.MustCompile(`(?m)^limits: \{.*\}`), quickProfiles(b, quickAnswer)
	shipped, err := fs.ReadFile(profiles.Embedded(), "channels/nucc.yaml")
	if err != nil {
		b.Fatal(err)
	}
	out["channels/nucc.yaml"].Data = shipped // unknown outcomes are asked about as seldom as in earnest
	for name, inFlight := range map[string]int{"banks/abc.yaml": 10_000, "channels/nucc.yaml": 4096} {
		if !wide.Match(out[name].Data) {
			b.Fatalf("%s has no limits", name)
		}
		out[name].Data = wide.ReplaceAll(out[name].Data, fmt.Appendf(nil, "limits: {per_second: 100000, in_flight: %d, reserve: 10%%}", inFlight))
	}
	for _, bank := range banks {
		out["banks/"+bank.id+".yaml"] = &fstest.MapFile{Data: bank.profile, Mode: 0o600}
	}
	return out
}

// warm drives a closed load and says how many applies a second it got through.
func (p *underTest) warm(b *testing.B) float64 {
	b.Helper()
	before, ends := p.sent.Load(), time.Now().Add(warmLong)
	began := time.Now()
	failed := make(chan error, warmers)
	for range warmers {
		go func() {
			for time.Now().Before(ends) {
				if _, err := p.apply(b.Context()); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range warmers {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
	return float64(p.sent.Load()-before) / time.Since(began).Seconds()
}

// mustMeasure drives the open load and wants every apply to go well.
func (p *underTest) mustMeasure(b *testing.B, rate float64) leg {
	b.Helper()
	l := p.measure(b, rate)
	if l.failed > 0 {
		b.Fatalf("%d applies failed", l.failed)
	}
	return l
}

// measure drives the open load.
func (p *underTest) measure(b *testing.B, rate float64) (l leg) {
	b.Helper()
	took := make([]time.Duration, load.Constant(rate, legLong).Count())
	var failed atomic.Int64
	before := p.cpu(b)
	starts := load.Attack{Pace: load.Constant(rate, legLong)}.Run(b.Context(), func(ctx context.Context, i int, due time.Time) {
		number, err := p.apply(ctx)
		if err != nil && failed.Add(1) == 1 {
			b.Log(err)
		}
		took[i] = time.Since(due) - p.hub.took(number)
	})
	l.cpu = (p.cpu(b) - before) / time.Duration(len(took))
	l.failed = int(failed.Load())
	if starts.Started != len(took) || starts.Unfinished != 0 {
		b.Fatalf("%d of %d applies were started, %d did not end", starts.Started, len(took), starts.Unfinished)
	}
	for _, d := range took {
		l.added.Record(d)
	}
	return l
}

// apply asks for one code and returns our number of it.
func (p *underTest) apply(ctx context.Context) (string, error) {
	count, card := p.sent.Add(1), "6228480402564890018"
	if len(p.banks) > 0 {
		card = p.banks[count*bankStep%int64(len(p.banks))].card
	}
	return p.bind(ctx, count, card)
}

// bind asks for one code for a card.
func (p *underTest) bind(ctx context.Context, count int64, card string) (string, error) {
	n := strconv.FormatInt(count, 10)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/v1/bindings", strings.NewReader(fmt.Sprintf(applyBody, n, card)))
	if err != nil {
		return "", err
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + p.bearer}, "Idempotency-Key": {"call-" + n}}
	r.GetBody = nil
	res, err := p.http.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("status %d, %w\n%s", res.StatusCode, err, text)
	}
	return res.Header.Get("Kaqiao-Bank-Number"), nil
}

// The floor stands for the same work: it leaves the same rows, as the hub sees the same fields.
func TestTheFloorWritesWhatTheGatewayWrites(t *testing.T) {
	hub, want := startHub(t), ""
	for _, name := range []string{"gateway", "floor"} {
		p := startUnderTest(t, name, hub)
		for range 3 {
			number, err := p.apply(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if hub.took(number) == 0 {
				t.Errorf("the %s has not asked the hub under number %s", name, number)
			}
		}
		got := rowsOf(t, p.journal)
		if want == "" {
			want = got
		}
		if got != want || got != strings.Repeat("2 awaiting_code 1 accepted 201 ", 3) {
			t.Errorf("the %s has written %s; the gateway %s", name, got, want)
		}
	}
}

// rowsOf says what stands in a journal of bindings that wait for their codes.
func rowsOf(t *testing.T, journal string) (text string) {
	t.Helper()
	db, err := sql.Open("sqlite3", journal)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(t.Context(), `SELECT group_concat(b.version || ' ' || b.state || ' ' || a.settled || ' ' || a.outcome || ' ' || k.status || ' ', '')
		FROM bindings b JOIN attempts a ON a.binding = b.id JOIN keys k ON k.binding = b.id JOIN sealed s ON s.binding = b.id
		WHERE length(k.body) > 500 AND length(b.card_hash) = 32 AND length(s.data) > 100`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// applyBody is a binding request of an invented person, with room for user and card.
const applyBody = `{"user_id":"user-%s","platform":"wechat","card":{"number":"%s"},` +
	`"holder":{"name":"张三","mobile":"+8613800138000","email":"zhang@example.com","document":{"type":"resident_id","number":"11010519491231002X"}},` +
	`"terminal":{"os":"android","os_version":"14","client_version":"8.0.50","device_id":"device-1"}}`

// cpu is what the process has used, in steps of 10 ms.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Fatalf("this benchmark needs Linux: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the program's name, which may hold anything
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		b.Fatalf("/proc/%d/stat can't be read", p.cmd.Process.Pid)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
