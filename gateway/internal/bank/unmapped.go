package bank

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"kaqiao/gateway/internal/op"
)

// maxUnmapped is how many different codes are counted each on its own.
const maxUnmapped = 1000

// UnmappedCode is a raw code that stands in no table.
type UnmappedCode struct {
	Channel, Bank string
	Kind          op.Kind
	Code          string // empty for those beyond the first 1,000 kinds
}

// unmapped counts. It is touched only when such a code comes.
type unmapped struct {
	mu    sync.Mutex
	count map[UnmappedCode]uint64
}

// Unmapped returns how often each code came that stands in no table, since the start.
func (b *Banks) Unmapped() map[UnmappedCode]uint64 {
	b.unmapped.mu.Lock()
	defer b.unmapped.mu.Unlock()
	out := make(map[UnmappedCode]uint64, len(b.unmapped.count))
	for k, n := range b.unmapped.count {
		out[k] = n
	}
	return out
}

// report tells operators what a caller is not told.
func (b *Banks) report(ctx context.Context, o op.Operation, r op.Result) {
	of := r
	kind := o.Kind
	if r.Of != nil && o.Original != nil {
		of, kind = *r.Of, o.Original.Kind
	}
	if of.Unmapped {
		b.unmapped.add(UnmappedCode{Channel: o.Channel, Bank: o.Bank, Kind: kind, Code: of.RawCode})
	}
	if errors.Is(r.Err, op.ErrNotOurs) {
		b.misaddressed.Add(1)
	}
	if r.Err != nil || of.Unmapped {
		b.log.LogAttrs(ctx, slog.LevelWarn, "a bank's answer left questions",
			slog.String("channel", o.Channel), slog.String("bank", o.Bank), slog.String("operation", string(o.Kind)),
			slog.String("number", o.Number), slog.String("outcome", r.Outcome.String()), slog.String("reason", string(r.Reason)), slog.String("fault", string(r.Fault)),
			slog.String("code", of.RawCode), slog.Bool("unmapped", of.Unmapped), slog.Any("error", r.Err))
	}
}

// Misaddressed is how many answers came under the number of an operation and were about another one.
func (b *Banks) Misaddressed() uint64 { return b.misaddressed.Load() }

func (u *unmapped) add(k UnmappedCode) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count == nil {
		u.count = make(map[UnmappedCode]uint64)
	}
	if _, known := u.count[k]; !known && len(u.count) >= maxUnmapped {
		k.Code = ""
	}
	u.count[k]++
}
