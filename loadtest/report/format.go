package report

import (
	"fmt"
	"strings"
	"time"
)

// show writes a percentile, or a dash where there was nothing to measure.
func (f Figures) show(ms float64) string {
	if f.Count == 0 {
		return "–"
	}
	return latency(ms)
}

// latency writes milliseconds with three digits that mean something.
func latency(ms float64) string {
	switch {
	case ms < 9.995:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 99.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 9995:
		return fmt.Sprintf("%.2f s", ms/1000)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// span writes seconds as people set them: 2s, 1m30s.
func span(s float64) string {
	text := time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func number(v float64) string {
	if v >= 999.5 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
