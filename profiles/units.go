package profiles

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is written with its unit: 500ms, 5s, 2m, 24h.
type Duration time.Duration

// UnmarshalText reads Go's notation and refuses a number without a unit and anything negative.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration: write a number with its unit, such as 500ms, 5s or 2m", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Std returns the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Share is a part of a whole, 0 to 1. It is written as 0.001 or 0.1%.
type Share float64

// UnmarshalText reads a fraction from 0 to 1, or a percentage from 0% to 100%.
func (s *Share) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(strings.TrimSpace(string(b)), "%")
	v, err := strconv.ParseFloat(text, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("%q is not a share: write 0 to 1, or 0%% to 100%%", b)
	}
	*s = Share(v)
	return nil
}

// MarshalText writes the fraction.
func (s Share) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(s), 'g', -1, 64), nil
}

// UnmarshalJSON takes a number or a text.
func (s *Share) UnmarshalJSON(b []byte) error {
	return s.UnmarshalText([]byte(strings.Trim(string(b), `"`)))
}

// MarshalJSON writes a number.
func (s Share) MarshalJSON() ([]byte, error) { return s.MarshalText() }

// Range is a least and a most time, such as 5s..60s. One time alone is both.
type Range struct{ Min, Max Duration }

// UnmarshalText reads MIN..MAX, each with its unit.
func (r *Range) UnmarshalText(b []byte) error {
	least, most, two := strings.Cut(string(b), "..")
	if !two {
		most = least
	}
	var v Range
	if v.Min.UnmarshalText([]byte(least)) != nil || v.Max.UnmarshalText([]byte(most)) != nil || v.Min > v.Max {
		return fmt.Errorf("%q is not a range: write two durations, the shorter first, such as 5s..60s", b)
	}
	*r = v
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (r Range) MarshalText() ([]byte, error) {
	return []byte(r.Min.Std().String() + ".." + r.Max.Std().String()), nil
}

// Hours is a daily window in Beijing time, such as 00:00-08:00. It may pass midnight. Its zero value is empty.
type Hours struct{ From, To time.Duration }

// UnmarshalText reads HH:MM-HH:MM.
func (h *Hours) UnmarshalText(b []byte) error {
	from, to, ok := strings.Cut(string(b), "-")
	f, err1 := clock(from)
	t, err2 := clock(to)
	if !ok || err1 != nil || err2 != nil || f == t {
		return fmt.Errorf("%q is not a daily window: write HH:MM-HH:MM, such as 00:00-08:00", b)
	}
	h.From, h.To = f, t
	return nil
}

// MarshalText writes HH:MM-HH:MM, or nothing for an empty window.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// String writes HH:MM-HH:MM, or nothing for an empty window.
func (h Hours) String() string {
	if h.From == h.To {
		return ""
	}
	hm := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	return hm(h.From) + "-" + hm(h.To)
}

// Contain reports whether the moment, seen in Beijing, lies in the window. The end does not belong to it.
func (h Hours) Contain(t time.Time) bool {
	t = t.In(Beijing)
	at := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if h.From <= h.To {
		return at >= h.From && at < h.To
	}
	return at >= h.From || at < h.To
}

func clock(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err
}

// Beijing is the zone of every bank day. China has had no summer time since
// 1991, so a fixed offset serves and needs no zone database.
var Beijing = time.FixedZone("Asia/Shanghai", 8*60*60)
