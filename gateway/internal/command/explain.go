package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kaqiao/gateway/internal/journal"
)

// maxEventsShown is how many events of a binding are shown.
const maxEventsShown = 100

func explainBinding(w world) *cobra.Command {
	var data, lang string
	c := &cobra.Command{
		Use: "explain BINDING", Short: "Tell the story of one binding: what was meant, what became of it, what is still open",
		Long: "Tell the story of one binding from the journal: every exchange with its bank, what was known after it, who will find out\n" +
			"what is not known, and what the caller was told. It reads beside a running gateway and writes nothing. Cards and people stay masked.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !strings.HasPrefix(args[0], "bnd_") {
				return usageError{errors.New("explain: say which binding, such as `gateway explain bnd_01J…`")}
			}
			if lang != "en" && lang != "zh" {
				return usageError{errors.New("explain: --lang must be en or zh")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := readStory(c.Context(), filepath.Join(data, "journal.db"), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(w.out, s.text(words(lang)))
			return err
		},
	}
	c.Flags().StringVar(&data, "data", ".kaqiao/gateway", "folder of the journal")
	c.Flags().StringVar(&lang, "lang", "en", "language: en or zh")
	return c
}

// story is all that the journal knows of one binding.
type story struct {
	binding  journal.Binding
	attempts []journal.Attempt
	events   []journal.Event
	sealed   bool // the card's data is still kept
}

func readStory(ctx context.Context, path, id string) (s story, err error) {
	r, err := journal.OpenReader(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, usageError{fmt.Errorf("there is no journal in %s: say where it lies with --data", path)}
	}
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if s.binding, err = r.Binding(ctx, id); errors.Is(err, journal.ErrNotFound) {
		return s, fmt.Errorf("there is no binding %s in %s", id, path)
	}
	if err != nil {
		return s, err
	}
	if s.attempts, err = r.Attempts(ctx, id); err != nil {
		return s, err
	}
	if s.events, err = r.Events(ctx, journal.EventFilter{Caller: s.binding.Caller, Subject: id, Limit: maxEventsShown}); err != nil {
		return s, err
	}
	_, err = r.Sealed(ctx, id)
	s.sealed = err == nil
	if errors.Is(err, journal.ErrNotFound) {
		err = nil
	}
	return s, err
}
