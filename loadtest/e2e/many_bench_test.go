package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"kaqiao/profiles/bins"
)

// few and many are how many banks BenchmarkManyBanks invents.
const (
	few      = 16
	many     = 4000
	cold     = 40    // banks of the farm beside which 4,000 are held: more than it opens by itself
	bankStep = 1_237 // from one request's bank to the next's: no two neighbours share a cache line
)

// BenchmarkManyBanks says what a bank costs that is only there: a sign apply
// with 4,000 banks beside one with 16, requests going round all of them, and
// the start and memory of both programs. The load is that of BenchmarkCall.
func BenchmarkManyBanks(b *testing.B) {
	hub, rate := startHub(b), 0.0
	results, started, kept := map[int][]leg{}, map[int][]time.Duration{}, map[int]int{}
	for b.Loop() {
		for _, n := range []int{few, many, many, few, few, many} {
			p := startWith(b, "gateway", hub, inventBanks(n))
			started[n] = append(started[n], p.took)
			kept[n] = p.resident(b)
			throughput := p.warm(b)
			if rate == 0 {
				rate = throughput / 2
			}
			results[n] = append(results[n], p.mustMeasure(b, rate))
			p.kill()
		}
	}
	cpu := func(l leg) time.Duration { return l.cpu }
	p50 := func(l leg) time.Duration { return l.added.At(50) }
	whole := func(d time.Duration) time.Duration { return d }
	b.Logf("open load of %.0f applies/s over all banks", rate)
	b.Logf("gateway: cpu/apply with %d banks %d µs, with %d %d µs; added p50 %d and %d µs", few, median(results[few], cpu).Microseconds(),
		many, median(results[many], cpu).Microseconds(), median(results[few], p50).Microseconds(), median(results[many], p50).Microseconds())
	b.Logf("gateway: ready after %v with %d banks, after %v with %d; %d KiB a bank when nothing was asked yet", median(started[few], whole), few,
		median(started[many], whole), many, (kept[many]-kept[few])/(many-few))
	b.ReportMetric(float64(median(results[many], cpu))/float64(median(results[few], cpu)), "cpu-many/few")
	b.ReportMetric(float64((kept[many]-kept[few])/(many-few)), "KiB/bank")
	b.ReportMetric(float64((farmWith(b, many)-farmWith(b, cold))/(many-cold)), "farm-KiB/bank")
}

// A bank that nobody asks for takes at most 20 KiB, in either program.
func TestABankNeverTouchedCostsLittle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("left out: only Linux says in /proc what a program holds")
		return
	}
	const most = 20 // KiB
	hub, size := &hub{url: "https://" + freeAddress(t) + "/preSvr"}, map[int]int{}
	for _, n := range []int{few, many} {
		p := startWith(t, "gateway", hub, inventBanks(n))
		size[n] = p.resident(t)
		p.kill()
	}
	for program, each := range map[string]int{
		"gateway": (size[many] - size[few]) / (many - few),
		"farm":    (farmWith(t, many) - farmWith(t, cold)) / (many - cold),
	} {
		t.Logf("%s: %d KiB a bank", program, each)
		if each > most {
			t.Errorf("%s: %d KiB a bank, want %d at most", program, each, most)
		}
	}
}

// farmWith starts a farm and says how many KiB it takes when nothing was asked yet.
func farmWith(b testing.TB, n int) int {
	b.Helper()
	p := &process{binary: filepath.Join(programs(b), "mockbanks"), dir: b.TempDir(), url: "http://" + freeAddress(b)}
	p.ready, p.env = p.url+"/healthz", elsewhere(b)
	p.args = []string{"serve", "--keys", keys(b), "--data", p.dir, "--profiles", onDisk(b, wideProfiles(b, inventBanks(n))), "--control", p.address()}
	defer http.DefaultClient.CloseIdleConnections()
	defer p.kill()
	began := time.Now()
	if err := p.run(b.Context()); err != nil {
		b.Fatal(err)
	}
	took, size := time.Since(began), p.resident(b)
	b.Logf("farm: ready after %v with %d banks, %d KiB", took, n, size)
	return size
}

// resident is how many KiB of memory the process holds.
func (p *process) resident(b testing.TB) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Fatalf("memory is measured on Linux: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	size, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// invented is a bank beside the shipped ones, and a card of it.
type invented struct {
	id, card, member string
	profile          []byte
}

func inventBanks(n int) []invented {
	banks := make([]invented, n)
	for i := range banks {
		banks[i] = invented{id: fmt.Sprintf("city-%04d", i), member: fmt.Sprintf("C199%010d", i), profile: fmt.Appendf(nil, `
id: city-%04[1]d
name: {zh: 城市商业银行 %04[1]d, en: City Bank %04[1]d}
tier: city
issuer_codes: ["9%07[1]d"]
bins: [{prefix: "1%04[1]d", length: 19, type: debit}]
routes: [{channel: nucc, member: C199%010[1]d}]
challenge: {kinds: [sms]}
money: {single_fen: 1000000}
limits: {per_second: 100000, in_flight: 1024}
timeouts: {apply: 10s, confirm: 12s, query: 5s}
answers: {from: 3s, to: 5s}
quiet_hours: "00:00-08:00"
mock:
  silent_for: 7s
  latency: {apply: {fixed: 2ms}, confirm: {fixed: 2ms}, query: {fixed: 2ms}}
`, i)}
		for last := range 10 {
			if card := fmt.Sprintf("1%04d0000000000000%d", i, last); bins.Luhn(card) {
				banks[i].card = card
			}
		}
	}
	return banks
}
