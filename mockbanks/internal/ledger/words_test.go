package ledger

import (
	"testing"
	"time"
)

func TestHowLongIsSaid(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		48 * time.Hour: {"48小时", "48 h"}, 90 * time.Minute: {"90分钟", "90 min"}, 5 * time.Minute: {"5分钟", "5 min"}, 90 * time.Second: {"90秒", "90 s"},
	} {
		if got := [2]string{minutes(d), english(d)}; got != want {
			t.Errorf("%v is said as %v, want %v", d, got, want)
		}
	}
}
