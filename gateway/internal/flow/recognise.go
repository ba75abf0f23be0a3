package flow

import (
	"strings"

	"kaqiao/profiles/secret"
)

// What a recogniser must come up to, where the configuration says nothing else.
const (
	DefaultMinConfidence = 0.85
	DefaultMargin        = 0.05
)

// Why a person must type the number.
const (
	readUnsure    = "unsure"    // no reading is believed strongly enough
	readInvalid   = "invalid"   // what is believed is no card number
	readAmbiguous = "ambiguous" // two readings could both be meant
)

// lookers are digits that a recogniser takes for each other on embossed and
// printed cards (from memory; their use is only ever to doubt less).
const lookers = "06 08 14 17 27 35 38 39 56 58 68 69 89 09"

// recognised picks the one number that can be meant (M05), or says why none
// can. A number is never made up or mended: it is one of the readings, letter
// by letter. Three things must hold: it stands every check and is believed at
// least MinConfidence; no other number that stands every check is as strongly
// believed or comes within Margin of it; and what was believed more strongly
// but is no card number differs from it only by digits that look alike.
func (s *Service) recognised(cards []Candidate) (secret.Card, string) {
	var best Candidate
	why := readUnsure
	for _, c := range cards {
		if c.Confidence < s.cfg.MinConfidence {
			continue
		}
		if _, p := s.card(c.Number.Reveal()); p != nil {
			why = readInvalid
		} else if c.Confidence > best.Confidence {
			best = c
		}
	}
	if best.Number.IsZero() {
		return secret.Card{}, why
	}
	for _, c := range cards {
		if c.Number.Equal(best.Number) {
			continue
		}
		_, p := s.card(c.Number.Reveal())
		rival := p == nil && (c.Confidence >= s.cfg.MinConfidence || c.Confidence > best.Confidence-*s.cfg.Margin)
		surer := p != nil && c.Confidence > best.Confidence && !lookAlike(c.Number.Reveal(), best.Number.Reveal())
		if rival || surer {
			return secret.Card{}, readAmbiguous
		}
	}
	return best.Number, ""
}

// lookAlike reports whether one number could be a misreading of the other, digit for digit.
func lookAlike(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		low, high := min(a[i], b[i]), max(a[i], b[i])
		if low != high && !strings.Contains(lookers, string([]byte{low, high})) {
			return false
		}
	}
	return true
}
