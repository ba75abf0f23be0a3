package app

import (
	"context"
	"math"
	"time"
)

// undecided is how many attempts wait for a person. Where the journal can't tell, it is not a number.
func (a *App) undecided() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	list, _, err := a.service.Undecided(ctx)
	if err != nil {
		a.log.WarnContext(ctx, "what is undecided could not be counted", "error", err)
		return math.NaN()
	}
	return float64(len(list))
}
