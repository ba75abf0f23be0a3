package load

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// The range and precision of what is recorded: 1 µs to 10 min with three
// significant digits. What is longer is counted as 10 min and said.
const (
	shortest = int64(1)
	longest  = int64(10 * time.Minute / time.Microsecond)
	digits   = 3
)

// Latencies is a histogram of fixed size. Its zero value is empty and takes no
// memory. It is not safe for concurrent use.
type Latencies struct {
	h      *hdr.Histogram
	Beyond int64 // how many were longer than the histogram reaches
}

// Record counts one latency.
func (l *Latencies) Record(d time.Duration) {
	if l.h == nil {
		l.h = hdr.New(shortest, longest, digits)
	}
	us := max(0, d.Microseconds())
	if us > longest {
		us = longest
		l.Beyond++
	}
	_ = l.h.RecordValue(us) // cannot fail: the value lies in the range
}

// Add merges another histogram exactly.
func (l *Latencies) Add(o Latencies) {
	if o.h == nil {
		return
	}
	if l.h == nil {
		l.h = hdr.New(shortest, longest, digits)
	}
	l.h.Merge(o.h)
	l.Beyond += o.Beyond
}

// Count is how many were recorded.
func (l Latencies) Count() int64 {
	if l.h == nil {
		return 0
	}
	return l.h.TotalCount()
}

// At is the latency that percent of all do not exceed, 0 to 100. Zero where there is nothing.
func (l Latencies) At(percent float64) time.Duration {
	if l.h == nil {
		return 0
	}
	return time.Duration(l.h.ValueAtPercentile(percent)) * time.Microsecond
}

// Max is the longest.
func (l Latencies) Max() time.Duration {
	if l.h == nil {
		return 0
	}
	return time.Duration(l.h.Max()) * time.Microsecond
}

// Histogram gives the histogram itself, in microseconds, or nil where there is nothing.
func (l Latencies) Histogram() *hdr.Histogram { return l.h }
