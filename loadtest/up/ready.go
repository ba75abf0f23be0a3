package up

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// awaitReady asks url until it answers 200, the program ends, or patience is over.
func (p *program) awaitReady(ctx context.Context, url string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if status(ctx, url) == http.StatusOK {
			return nil
		}
		select {
		case <-p.gone:
			return p.fell()
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready at %s within %s\n%s", p.name, url, patience, tail(p.log))
		case <-tick.C:
		}
	}
}

// taken reports whether somebody answers at url before we have started anything.
func taken(ctx context.Context, url string) bool { return status(ctx, url) != 0 }

func status(ctx context.Context, url string) int {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
