package profiles_test

import (
	"testing"
	"time"

	"kaqiao/profiles"
)

func TestClosedAt(t *testing.T) {
	night := profiles.Hours{From: 23 * time.Hour, To: 5 * time.Hour}
	bank := &profiles.Bank{Closed: []profiles.Hours{{From: 12 * time.Hour, To: 13 * time.Hour}, night}}
	for clock, want := range map[string]profiles.Hours{
		"11:59": {}, "12:00": bank.Closed[0], "13:00": {}, "23:30": night, "04:59": night, "05:00": {},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", "2026-03-02 "+clock, profiles.Beijing)
		if err != nil {
			t.Fatal(err)
		}
		if got := bank.ClosedAt(at.UTC()); got != want {
			t.Errorf("%s: got %q, want %q", clock, got, want)
		}
	}
}
