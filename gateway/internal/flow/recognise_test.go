package flow_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"kaqiao/gateway/internal/flow"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/secret"
)

// A photographed number is taken where nothing else can be meant; otherwise the caller hears why not.
func TestRecognise(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	const (
		good      = "6228480000000000018"
		other     = "6228480000000000026"
		lookAlike = "6228480000000000078" // a 1 read as 7, which fails Luhn
		unlike    = "6228480000000005018" // fails Luhn, and a 5 is no 0
		short     = "622848000000000001"
	)
	c := func(number string, confidence float64) flow.Candidate {
		return flow.Candidate{Number: secret.NewCard(number), Confidence: confidence}
	}
	for name, k := range map[string]struct {
		read []flow.Candidate
		want string // the number, or why none
	}{
		"one, certain":                           {[]flow.Candidate{c(good, 1)}, good},
		"one, certain, and no card":              {[]flow.Candidate{c(unlike, 1)}, "invalid"},
		"at the threshold":                       {[]flow.Candidate{c(good, 0.85)}, good},
		"below it":                               {[]flow.Candidate{c(good, 0.849)}, "unsure"},
		"a tie":                                  {[]flow.Candidate{c(good, 0.9), c(other, 0.9)}, "ambiguous"},
		"two above the threshold":                {[]flow.Candidate{c(good, 0.99), c(other, 0.86)}, "ambiguous"},
		"a rival within the margin":              {[]flow.Candidate{c(good, 0.86), c(other, 0.82)}, "ambiguous"},
		"a rival beyond the margin":              {[]flow.Candidate{c(other, 0.8), c(good, 0.86)}, good},
		"surer of a misreading":                  {[]flow.Candidate{c(lookAlike, 0.97), c(good, 0.9)}, good},
		"surer of something else":                {[]flow.Candidate{c(unlike, 0.97), c(good, 0.9)}, "ambiguous"},
		"less sure of something else":            {[]flow.Candidate{c(good, 0.97), c(unlike, 0.9)}, good},
		"surer of another length":                {[]flow.Candidate{c(short, 0.97), c(good, 0.9)}, "ambiguous"},
		"the same from two frames":               {[]flow.Candidate{c(good, 0.9), c(good, 0.88), c(good, 0.1)}, good},
		"only misreadings: no number is made up": {[]flow.Candidate{c(lookAlike, 0.97)}, "invalid"},
		"misreadings, and a card that is unsure": {[]flow.Candidate{c(lookAlike, 0.97), c(good, 0.5)}, "invalid"},
		"none":                                   {nil, "unsure"},
		"a confidence that is none":              {[]flow.Candidate{c(good, -1)}, "unsure"},
	} {
		t.Run(name, func(t *testing.T) {
			got, card, err := h.flow.Resolve(t.Context(), "wechat", k.read)
			if err != nil || card.Reveal()+got.ManualReason != k.want {
				t.Errorf("got %q %q, %v, want %q", card.Reveal(), got.ManualReason, err, k.want)
			}
		})
	}
}

// Whatever was read, and in whatever order: a number that is taken is one of the readings, is believed, stands every
// check, and no other that does is believed as strongly.
func TestRecogniseNeverGuesses(t *testing.T) {
	h := newHouse(t, t.TempDir(), shipped(t))
	rapid.Check(t, func(t *rapid.T) {
		var read []flow.Candidate
		for range rapid.IntRange(0, 6).Draw(t, "readings") {
			body := fmt.Sprintf("6228480000000000%02d", rapid.IntRange(0, 12).Draw(t, "body"))
			digit := string(bins.LuhnDigit(body))
			if rapid.Bool().Draw(t, "misread") {
				digit = fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "digit"))
			}
			read = append(read, flow.Candidate{Number: secret.NewCard(body + digit), Confidence: rapid.Float64Range(0.5, 1).Draw(t, "confidence")})
		}
		got, card, err := h.flow.Resolve(t.Context(), "", read)
		if err != nil || card.IsZero() == (got.ManualReason == "") {
			t.Fatalf("%q, %q, %v", card.Reveal(), got.ManualReason, err)
		}
		if card.IsZero() {
			return
		}
		best, rival := 0.0, 0.0
		for _, c := range read {
			switch {
			case c.Number.Equal(card):
				best = max(best, c.Confidence)
			case bins.Luhn(c.Number.Reveal()):
				rival = max(rival, c.Confidence)
			}
		}
		if !bins.Luhn(card.Reveal()) || best < flow.DefaultMinConfidence || rival >= flow.DefaultMinConfidence || rival > best-flow.DefaultMargin {
			t.Fatalf("%s was taken at %v beside another at %v", card.Reveal(), best, rival)
		}
	})
}
