package notify

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strconv"
	"time"
)

// The times between tries: 5 s, 15 s, 45 s … 9 h, then 12 h each. The last of
// them fails about three days after the first; then the event is dead.
const (
	firstPause  = 5 * time.Second
	longest     = 12 * time.Hour
	growth      = 3
	maxTries    = 15
	jitterParts = 5 // a pause is up to a fifth shorter or longer
)

// pause is how long to wait after the n-th try of an event, 1 and up. Its
// jitter depends on the event and the try alone, so that events that failed
// together don't come back together.
func pause(event string, n int) time.Duration {
	d := firstPause
	for i := 1; i < n && d < longest; i++ {
		d *= growth
	}
	d = min(d, longest)
	sum := sha256.Sum256([]byte(event + "/" + strconv.Itoa(n)))
	chance := float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
	return d + time.Duration((2*chance-1)*float64(d/jitterParts))
}

// retryAfter reads what a receiver asks for, in seconds or as a date. 0: it asks for nothing that can be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	said := h.Get("Retry-After")
	if s, err := strconv.ParseUint(said, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, longest)
	}
	if at, err := http.ParseTime(said); err == nil && at.After(now) {
		return min(at.Sub(now), longest)
	}
	return 0
}
