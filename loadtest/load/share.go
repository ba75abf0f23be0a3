package load

import (
	"context"
	"fmt"
	"time"

	"kaqiao/loadtest/control"
)

// remembered is how many exchanges the farm remembers of each bank; keeping more than that is of no use.
const remembered = 10_000

// join is an answer that can be laid beside the bank's own record of the exchange.
type join struct {
	step   Step
	number string
	total  time.Duration
}

// ring keeps the newest joins of one bank.
type ring struct {
	list []join
	next int
}

func (r *ring) put(j join) {
	if len(r.list) < remembered {
		r.list = append(r.list, j)
		return
	}
	r.list[r.next] = j
	r.next = (r.next + 1) % remembered
}

// Witness is what of the farm the shares need.
type Witness interface {
	Exchanges(ctx context.Context, bank, cursor string, limit int) ([]control.Exchange, string, error)
}

// Share lays the banks' own records beside the answers and splits each total
// into the bank's time and the rest. Call it once, when the attack is over.
func (r *Recorder) Share(ctx context.Context, farm Witness, banks []control.Bank) error {
	for i := range r.lanes {
		l := &r.lanes[i]
		if len(l.joins.list) == 0 {
			continue
		}
		took, err := exchanges(ctx, farm, banks[i].ID)
		if err != nil {
			return fmt.Errorf("exchanges of %s: %w", banks[i].ID, err)
		}
		for _, j := range l.joins.list {
			if bank, ok := took[exchange{j.step.String(), j.number}]; ok {
				t := &l.tally.Steps[j.step]
				t.Total.Record(j.total)
				t.Bank.Record(bank)
				t.Gateway.Record(j.total - bank)
			}
		}
	}
	return nil
}

// exchange names one: an apply and its confirm may share their number.
type exchange struct{ operation, number string }

func exchanges(ctx context.Context, farm Witness, bank string) (map[exchange]time.Duration, error) {
	took := map[exchange]time.Duration{}
	for cursor := ""; ; {
		page, next, err := farm.Exchanges(ctx, bank, cursor, pageOf)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			key := exchange{e.Operation, e.Number}
			if _, newer := took[key]; !newer {
				took[key] = time.Duration(e.TookMS * float64(time.Millisecond))
			}
		}
		if next == "" || len(page) == 0 || len(took) > 2*remembered {
			return took, nil
		}
		cursor = next
	}
}
