package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/client"
)

// eventsPage is how many events are asked for at once.
const eventsPage = 200

// events are the commands for what callers were told.
func events(w world) *cobra.Command {
	c := &cobra.Command{
		Use: "events", Short: "What a caller was told, and telling it again", Args: none,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	at := &gatewayAt{}
	f := c.PersistentFlags()
	f.StringVar(&at.url, "gateway", "http://127.0.0.1:8080", "where the gateway is")
	f.StringVar(&at.keyFile, "key-file", ".kaqiao/dev-caller.key", "file with the caller's own key, or an operator's")
	c.AddCommand(eventsList(w, at), eventsReplay(w, at))
	return c
}

type gatewayAt struct{ url, keyFile string }

// flags are those of a command for operators alone.
func (g *gatewayAt) flags(c *cobra.Command) {
	c.Flags().StringVar(&g.url, "gateway", "http://127.0.0.1:8080", "where the gateway is")
	c.Flags().StringVar(&g.keyFile, "key-file", ".kaqiao/dev-caller.key", "file with the operator's key")
}

func (g *gatewayAt) client() (*client.Client, error) {
	raw, err := os.ReadFile(g.keyFile)
	if err != nil {
		return nil, usageError{fmt.Errorf("the key: %w (`make up` makes one for development; otherwise `gateway keys caller --operator`)", err)}
	}
	c, err := client.New(g.url, string(raw))
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func eventsList(w world, at *gatewayAt) *cobra.Command {
	var state, since string
	var limit int
	c := &cobra.Command{
		Use: "list CALLER", Short: "Show events of a caller, oldest first", Args: oneCaller,
		RunE: func(c *cobra.Command, args []string) error {
			from, err := sinceWhen(since)
			if err != nil {
				return usageError{fmt.Errorf("events list: %w", err)}
			}
			if limit < 1 || limit > 100_000 {
				return usageError{errors.New("events list: --limit must be 1 to 100,000")}
			}
			cl, err := at.client()
			if err != nil {
				return err
			}
			defer cl.Close()
			q := client.ListEventsParams{Caller: args[0], State: client.EventState(state), Since: from}
			return listEvents(c.Context(), w, cl, q, limit)
		},
	}
	c.Flags().StringVar(&state, "state", "", "waiting, delivered or dead (default: all)")
	c.Flags().StringVar(&since, "since", "", "from this time on: 2026-11-23T12:00:00+08:00, or 2h for the last two hours")
	c.Flags().IntVar(&limit, "limit", 1000, "how many at most, 1 to 100,000")
	return c
}

func listEvents(ctx context.Context, w world, cl *client.Client, q client.ListEventsParams, limit int) error {
	for left := limit; left > 0; {
		q.Limit = min(left, eventsPage)
		page, err := cl.Events(ctx, q)
		if err != nil {
			return explain(err)
		}
		for _, e := range page.Events {
			line := fmt.Sprintf("%s\t%s\t%s\t%s\t%s\ttries %d", e.ID, e.Event.Timestamp.Format(time.RFC3339), e.Event.Type, e.Subject, e.State, e.Tries)
			if !e.NextAt.IsZero() {
				line += "\tnext " + e.NextAt.Format(time.RFC3339)
			}
			if e.Note != "" {
				line += "\t" + e.Note
			}
			if _, err := fmt.Fprintln(w.out, line); err != nil {
				return err
			}
		}
		left -= len(page.Events)
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
	_, err := fmt.Fprintf(w.errs, "there may be more: --limit shows them\n")
	return err
}

func eventsReplay(w world, at *gatewayAt) *cobra.Command {
	var ids []string
	var since string
	var dead bool
	c := &cobra.Command{
		Use: "replay CALLER --dead | --since TIME | --id ID", Short: "Have events delivered once more, in order and under the ids they had", Args: oneCaller,
		Long: `Have events delivered once more, in order and under the ids they had: those that
were given up (--dead), all since a time (--since), those given up since then
(both), or single ones (--id). It goes through the running gateway.`,
		RunE: func(c *cobra.Command, args []string) error {
			from, err := sinceWhen(since)
			if err == nil && len(ids) == 0 && from.IsZero() && !dead {
				err = errors.New("say which: --dead, --since or --id")
			}
			if err == nil && len(ids) > 0 && (dead || !from.IsZero()) {
				err = errors.New("--id stands alone")
			}
			if err != nil {
				return usageError{fmt.Errorf("events replay: %w", err)}
			}
			cl, err := at.client()
			if err != nil {
				return err
			}
			defer cl.Close()
			in := client.ReplayRequest{Caller: args[0], Ids: ids, Since: from}
			if dead {
				in.State = client.EventStateDead
			}
			return replayEvents(c.Context(), w, cl, in)
		},
	}
	c.Flags().StringSliceVar(&ids, "id", nil, "events by id, at most 100")
	c.Flags().StringVar(&since, "since", "", "from this time on: 2026-11-23T12:00:00+08:00, or 2h for the last two hours")
	c.Flags().BoolVar(&dead, "dead", false, "those that were given up")
	return c
}

func replayEvents(ctx context.Context, w world, cl *client.Client, in client.ReplayRequest) error {
	total := 0
	for {
		out, err := cl.Replay(ctx, in)
		if err != nil {
			return errors.Join(explain(err), fmt.Errorf("%d events were replayed before", total))
		}
		total += out.Replayed
		if in.Cursor = out.NextCursor; in.Cursor == "" {
			break
		}
	}
	_, err := fmt.Fprintf(w.out, "%d events wait to be delivered\n", total)
	return err
}

// sinceWhen reads a time, or how long ago it was. Empty is the zero time.
func sinceWhen(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return time.Now().Add(-ago).Truncate(time.Second), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("--since must be like 2026-11-23T12:00:00+08:00 or 2h")
	}
	return at, nil
}
