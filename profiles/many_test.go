package profiles_test

import (
	"fmt"
	"io/fs"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/profiles"
)

// files copies the shipped set into a file system that a test may change.
func files(t testing.TB) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	must(t, fs.WalkDir(profiles.Embedded(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(profiles.Embedded(), path)
		m[path] = &fstest.MapFile{Data: text}
		return err
	}))
	return m
}

// many is the shipped set with n city banks beside it.
func many(t testing.TB, n int) fstest.MapFS {
	m := files(t)
	for i := range n {
		m[fmt.Sprintf("banks/city-%04d.yaml", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, `
id: city-%04[1]d
name: {zh: 城市商业银行 %04[1]d, en: City Bank %04[1]d}
tier: city
issuer_codes: ["9%07[1]d"]
bins:
  - {prefix: "1%04[1]d", length: 19, type: debit}
  - {prefix: "2%04[1]d", length: 16, type: credit}
routes:
  - {channel: nucc, member: C199%010[1]d}
challenge: {kinds: [sms]}
accounts: {password_free: {supported: true, max_fen: 50000}}
money: {single_fen: 1000000}
limits: {per_second: 500, in_flight: 512}
timeouts: {apply: 10s, confirm: 12s, query: 5s}
answers: {from: 3s, to: 5s}
quiet_hours: "00:00-08:00"
mock:
  silent_for: 7s
  latency:
    apply: {lognormal: {p50: 3.873s, p99: 4.9s, cap: 4.95s}}
    confirm: {lognormal: {p50: 3.873s, p99: 4.9s, cap: 4.95s}}
    query: {fixed: 50ms}
`, i)}
	}
	return m
}

// The country has some 4,000 banks: they load in seconds and stay small.
func TestFourThousandBanks(t *testing.T) {
	const n = 4000
	fsys := many(t, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	set, err := profiles.Load(fsys, profiles.LoadOptions{})
	took := time.Since(start)
	must(t, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	t.Logf("%d banks in %v, %d bytes each", len(set.Banks), took, each)
	if each > 8<<10 {
		t.Errorf("%d bytes a bank, want 8 KiB at most", each)
	}
	// Under half a second where nothing else runs. The bound is wide, because
	// it is to catch a cost that grows with the square, not a busy machine.
	if took > time.Minute {
		t.Errorf("%v", took)
	}
	if len(set.Banks) != n+len(shipped(t).Banks) || set.Bank("city-3999") == nil || set.Bank("city-4000") != nil {
		t.Errorf("%d banks", len(set.Banks))
	}
	if row, ok := set.BINs.Lookup("1399900000000000000"); !ok || row.Bank != "city-3999" || row.Type != "debit" {
		t.Errorf("%+v", row)
	}
	if b := set.Bank("city-0007"); b.Challenge.CodeDigits != 6 || b.Money.DailyFen != 1_000_000 || b.Limits.Burst != 500 {
		t.Errorf("defaults were not filled in: %+v", b)
	}
	if allocs := testing.AllocsPerRun(100, func() { set.Bank("city-2000"); set.BINs.Lookup("1200000000000000000") }); allocs != 0 {
		t.Errorf("%v allocations a lookup", allocs)
	}
	runtime.KeepAlive(set)
	runtime.KeepAlive(fsys)
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{16, 4000} {
		fsys := many(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := profiles.Load(fsys, profiles.LoadOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBank(b *testing.B) {
	for _, n := range []int{16, 4000} {
		set, err := profiles.Load(many(b, n), profiles.LoadOptions{})
		must(b, err)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				set.Bank("city-0010")
			}
		})
	}
}
