package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// asker asks a person, or reads one line an answer where no terminal is there.
type asker struct {
	in    *os.File
	lines *bufio.Reader
	errs  io.Writer
}

func newAsker(w world) *asker {
	return &asker{in: w.in, lines: bufio.NewReader(w.in), errs: w.errs}
}

func (a *asker) tell(format string, args ...any) { _, _ = fmt.Fprintf(a.errs, format+"\n", args...) }

// ask fills in what is empty. Hidden answers are not shown while they are typed.
// It ends with the context, and leaves the terminal as it was.
func (a *asker) ask(ctx context.Context, into *string, what string, hidden bool) error {
	if *into != "" {
		return nil
	}
	_, _ = fmt.Fprintf(a.errs, "%s: ", what)
	line, err := a.line(ctx, hidden)
	if ctx.Err() != nil {
		a.tell("")
		return fmt.Errorf("stopped while %s was asked for: %w", what, ctx.Err())
	}
	if *into = strings.TrimSpace(line); *into == "" {
		if errors.Is(err, io.EOF) || err == nil {
			return usageError{fmt.Errorf("%s is needed: type it, or say it with a flag (see gateway bind --help)", what)}
		}
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// line reads one line. A read of a terminal cannot be broken off, so one that
// nobody waits for any more is left behind: the program is about to end.
func (a *asker) line(ctx context.Context, hidden bool) (string, error) {
	type typed struct {
		line string
		err  error
	}
	fd := int(a.in.Fd()) //nolint:gosec // a file descriptor is small
	shown, err := term.GetState(fd)
	secret := hidden && err == nil // it is a terminal
	done := make(chan typed, 1)
	go func() {
		if !secret {
			line, err := a.lines.ReadString('\n')
			done <- typed{line, err}
			return
		}
		line, err := term.ReadPassword(fd)
		a.tell("")
		done <- typed{string(line), err}
	}()
	select {
	case t := <-done:
		return t.line, t.err
	case <-ctx.Done():
		if secret {
			_ = term.Restore(fd, shown) // there is nobody left to tell
		}
		return "", ctx.Err()
	}
}
