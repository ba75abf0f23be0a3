package farm_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"kaqiao/profiles/wire/epcc"
)

// turn moves the farm's clock.
func (w *world) turn(setting string) (reading struct {
	Now, Real time.Time
	Rate      float64
	Virtual   bool
},
) {
	w.t.Helper()
	status, text := w.control("PUT", "/clock", setting)
	if status != 200 || json.Unmarshal([]byte(text), &reading) != nil {
		w.t.Fatalf("%s: %d %s", setting, status, text)
	}
	return reading
}

// Codes live by the virtual time, and messages are stale by the real one.
func TestTheClockIsMoved(t *testing.T) {
	w := start(t, nil)
	who := w.customers("abc", "debit")
	confirm := func(c customer, setting string) string {
		t.Helper()
		apply := must1(w, w.apply(abc, c))
		code := w.code("abc", c.Mobile)
		w.turn(setting)
		return must[*epcc.SignReceipt](w, w.confirm(apply, code)).BizInf.BizStsCd // dated with the real time
	}
	in := func(d time.Duration) string { return fmt.Sprintf(`{"now":%q}`, w.now().Add(d).Format(time.RFC3339)) }
	if got := confirm(who[0], in(4*time.Minute)); got != "00000000" { // a code lives 5 minutes
		t.Errorf("within its time: %s", got)
	}
	if got := confirm(who[1], in(24*time.Hour)); got != "PB511028" {
		t.Errorf("a day later: %s", got)
	}
	w.turn(`{"rate":0}`)
	apply := must1(w, w.apply(abc, who[2]))
	code := w.code("abc", who[2].Mobile)
	w.ahead.Add(int64(6 * time.Minute)) // the real time goes on, and the frozen one does not
	if got := must[*epcc.SignReceipt](w, w.confirm(apply, code)).BizInf.BizStsCd; got != "00000000" {
		t.Errorf("frozen: %s", got)
	}
	before := w.turn(`{"rate":60}`)
	w.ahead.Add(int64(time.Hour))
	var after struct {
		Now     time.Time
		Virtual bool
	}
	w.show("/clock", &after)
	if went := after.Now.Sub(before.Now); !after.Virtual || went < 60*time.Hour || went > 61*time.Hour {
		t.Errorf("in an hour it went %v", went)
	}
	if back := w.turn(`{"virtual":false}`); back.Virtual || !back.Now.Equal(back.Real) || back.Rate != 1 {
		t.Errorf("%+v", back)
	}
	for _, wrong := range []string{`{}`, `{"rate":-1}`, `{"rate":100001}`, `{"now":"2099-01-01T00:00:00Z"}`, `{"virtual":false,"rate":2}`, `{"speed":2}`} {
		if status, text := w.control("PUT", "/clock", wrong); status != 400 {
			t.Errorf("%s: %d %s", wrong, status, text)
		}
	}
}

// A case expires when the clock is moved past its time.
func TestTheClockEndsACase(t *testing.T) {
	a := startAbroad(t, "base64url", "", nil)
	a.authorise()
	who := a.denizen(1)
	a.consent("c1", who)
	a.turn(fmt.Sprintf(`{"now":%q}`, a.now().Add(25*time.Hour).Format(time.RFC3339)))
	if got := a.ask("c1"); got.text("Status") != "Expired" {
		t.Errorf("%+v", got)
	}
}
