package behave

import (
	"time"

	"kaqiao/profiles"
)

// Review draws what people will make of a case: how long they take, and why
// they say no, or "" where they say yes. False: they never decide.
func (b *Behaviour) Review(r *profiles.Review, key Key) (after time.Duration, reason string, ok bool) {
	if r == nil {
		return 0, "", false
	}
	after = draw(r.After, chance(b.cfg.Seed, b.cfg.Subject, "apply", key, "review.after", 0))
	u := chance(b.cfg.Seed, b.cfg.Subject, "apply", key, "review.verdict", 0)
	if u < float64(*r.Approve) {
		return after, "", true
	}
	u -= float64(*r.Approve)
	for _, one := range r.Reject {
		if u < float64(*one.Share) {
			return after, one.Reason, true
		}
		u -= float64(*one.Share)
	}
	return 0, "", false
}
