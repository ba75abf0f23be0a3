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
	var brief bool
	c := &cobra.Command{
		Use: "explain BINDING", Short: "Tell the story of one binding: what was meant, what became of it, what is still open",
		Long: "Tell the story of one binding from the journal: every exchange with its bank, what was known after it, who will find out\n" +
			"what is not known, and what the caller was told. → is what was said to the bank, ← what it answered, field by field. It reads\n" +
			"beside a running gateway and writes nothing. Of cards the last four digits are shown, of people nothing.",
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
			if brief {
				s.said, s.notices = nil, withoutWords(s.notices)
			}
			_, err = fmt.Fprint(w.out, s.text(words(lang)))
			return err
		},
	}
	c.Flags().StringVar(&data, "data", ".kaqiao/gateway", "folder of the journal")
	c.Flags().StringVar(&lang, "lang", "en", "language: en or zh")
	c.Flags().BoolVar(&brief, "brief", false, "leave out what was said")
	return c
}

// story is all that the journal knows of one binding.
type story struct {
	binding  journal.Binding
	attempts []journal.Attempt
	events   []journal.Event
	sealed   bool                        // the card's data is still kept
	said     map[string]journal.Exchange // by attempt
	notices  []journal.Notice
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
	if s.said, s.notices, err = readWords(ctx, r, id); err != nil {
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

func readWords(ctx context.Context, r journal.Transcripts, id string) (map[string]journal.Exchange, []journal.Notice, error) {
	exchanges, err := r.Exchanges(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	said := make(map[string]journal.Exchange, len(exchanges))
	for _, e := range exchanges {
		said[e.Attempt] = e
	}
	notices, err := r.Notices(ctx, id)
	return said, notices, err
}

func withoutWords(notices []journal.Notice) []journal.Notice {
	for i := range notices {
		notices[i].Heard = ""
	}
	return notices
}
