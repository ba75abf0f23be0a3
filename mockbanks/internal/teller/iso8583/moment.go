package iso8583

import (
	"sync"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire/iso8583"
)

// maxTraces is how many traces of each half of the memory are kept.
const maxTraces = 500_000

// moment is the time that MMDDhhmmss means: that of the year in which it is nearest.
func moment(text string, now time.Time) (time.Time, bool) {
	var found time.Time
	for year := now.Year() - 1; year <= now.Year()+1; year++ {
		at, err := time.ParseInLocation("20060102150405", itoa4(year)+text, profiles.Beijing)
		if err != nil { // 29 February of another year
			continue
		}
		if found.IsZero() || at.Sub(now).Abs() < found.Sub(now).Abs() {
			found = at
		}
	}
	return found, !found.IsZero()
}

func itoa4(n int) string {
	return string([]byte{byte('0' + n/1000%10), byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})
}

// numberOf is the sender's number with these fields 7 and 11, 20 digits.
func numberOf(t iso8583.Trace, now time.Time) (string, bool) {
	at, ok := moment(t.Transmitted, now)
	return at.Format("20060102150405") + t.STAN, ok
}

// near reports whether a time is not too far from the bank's clock.
func near(text string, now time.Time) bool {
	at, ok := moment(text, now)
	return ok && at.Sub(now).Abs() <= staleAfter
}

// traces remembers fields 7 and 11 (32 and 33 are the channel's own) for at
// least as long as a message with them is not stale. It is safe for concurrent use.
type traces struct {
	mu         sync.Mutex
	limit      int
	since      time.Time
	now, older map[string]struct{}
}

func newTraces(limit int) *traces { return &traces{limit: limit, now: map[string]struct{}{}} }

// claim notes a trace, and reports whether it is new.
func (t *traces) claim(key string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) > 2*staleAfter || len(t.now) >= t.limit {
		t.older, t.now, t.since = t.now, make(map[string]struct{}), now
	}
	_, before := t.now[key]
	_, long := t.older[key]
	if before || long {
		return false
	}
	t.now[key] = struct{}{}
	return true
}
