package command

import (
	"bufio"
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
func (a *asker) ask(into *string, what string, hidden bool) error {
	if *into != "" {
		return nil
	}
	_, _ = fmt.Fprintf(a.errs, "%s: ", what)
	line, err := a.line(hidden)
	if *into = strings.TrimSpace(line); *into == "" {
		if errors.Is(err, io.EOF) || err == nil {
			return misuseError{fmt.Errorf("%s is needed: type it, or say it with a flag (see gateway bind --help)", what)}
		}
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

func (a *asker) line(hidden bool) (string, error) {
	fd := int(a.in.Fd()) //nolint:gosec // a file descriptor is small
	if hidden && term.IsTerminal(fd) {
		typed, err := term.ReadPassword(fd)
		a.tell("")
		return string(typed), err
	}
	return a.lines.ReadString('\n')
}
