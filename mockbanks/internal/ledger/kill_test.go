package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/secret"
)

// doomed names the file that the process which is to be killed works on.
const doomed = "KAQIAO_TEST_DOOMED_LEDGER"

// customersOfDoomed are more than it signs with before it is killed.
const customersOfDoomed = 9_600

// TestKilledProcess has another process sign with 16 customers at once, over
// and over, and say each agreement that it was answered; kills it in the
// middle; and looks for every one of them.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "abc.db")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDoomedProcess$")
	child.Env = append(os.Environ(), doomed+"="+path)
	said, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	given := map[string]string{}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		var number, agreement string
		if n, _ := fmt.Sscanf(lines.Text(), "signed %s %s.", &number, &agreement); n == 2 && strings.HasSuffix(agreement, ".") {
			given[number] = strings.TrimSuffix(agreement, ".")
		}
		if len(given) == 500 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var killed *exec.ExitError
	if err := child.Wait(); !errors.As(err, &killed) || len(given) < 500 {
		t.Fatalf("the process was not killed in the middle: %v after %d", err, len(given))
	}
	never := func(func(ledger.Customer) bool) { t.Error("people are asked for again") }
	l := open(t, ledger.Config{Path: path, People: never})
	for i := range customersOfDoomed {
		number := fmt.Sprint("n", i)
		agreement, answered := given[number]
		if !answered {
			continue
		}
		a, ok, err := l.Recall(t.Context(), "nucc", "confirm", number)
		if err != nil || !ok || a.Agreement != agreement {
			t.Errorf("%s: recalled %+v, %v, %v", number, a, ok, err)
		}
		if held := agreements(t, l, numbered(i).Cards[0].Number); len(held) != 1 || held[0].Number != agreement || held[0].State != "signed" {
			t.Errorf("%s: agreements %+v", number, held)
		}
	}
}

// TestDoomedProcess is the other process.
func TestDoomedProcess(t *testing.T) {
	path := os.Getenv(doomed)
	if path == "" {
		return
	}
	l := open(t, ledger.Config{Path: path, People: people(customersOfDoomed)})
	var group sync.WaitGroup
	for caller := range 16 {
		group.Go(func() {
			for i := caller; i < customersOfDoomed; i += 16 {
				signAndSay(t, l, fmt.Sprint("n", i), numbered(i))
			}
		})
	}
	group.Wait()
}

func signAndSay(t *testing.T, l *ledger.Ledger, number string, c ledger.Customer) {
	ctx := context.Background()
	if _, err := l.Apply(ctx, ledger.Apply{Request: request(number), Identity: identity(c)}); err != nil {
		t.Error(err)
	}
	m, err := l.Messages(ctx, c.Mobile, 1)
	if err != nil || len(m) != 1 {
		t.Errorf("%d messages, %v", len(m), err)
		return
	}
	a, err := l.Confirm(ctx, ledger.Confirm{Request: request(number), Identity: identity(c), Code: secret.NewCode(m[0].Code)})
	if err != nil || a.Refusal != "" {
		t.Errorf("confirm: %+v, %v", a, err)
		return
	}
	fmt.Printf("signed %s %s.\n", number, a.Agreement)
}
