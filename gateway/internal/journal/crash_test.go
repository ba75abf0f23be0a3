package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// These tell the test binary to be the process that is killed.
const (
	crashFolder = "KAQIAO_TEST_CRASH_FOLDER"
	crashRound  = "KAQIAO_TEST_CRASH_ROUND"
)

// A process that is killed at any moment has lost nothing that it was told is
// written, and left nothing half done.
func TestKilled(t *testing.T) {
	if folder := os.Getenv(crashFolder); folder != "" {
		writeUntilKilled(t, folder)
		return
	}
	folder := t.TempDir()
	for round := range 6 {
		acknowledged := killAfter(t, folder, round, 1+rand.IntN(400))
		s := open(t, folder)
		for _, n := range acknowledged {
			if _, err := s.Binding(t.Context(), id(round, n)); err != nil {
				t.Errorf("round %d: change %d was acknowledged: %v", round, n, err)
			}
		}
		whole(t, s, round, acknowledged[len(acknowledged)-1]+1000)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter starts a process that writes, kills it after so many
// acknowledgements, and returns all that it still said.
func killAfter(t *testing.T, folder string, round, many int) (acknowledged []int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-test.v")
	child.Env = append(os.Environ(), crashFolder+"="+folder, fmt.Sprintf("%s=%d", crashRound, round))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text, found := strings.CutPrefix(lines.Text(), "written ")
		n, err := strconv.Atoi(text)
		if !found || err != nil {
			continue // the test binary's own words, or a line that the kill has cut
		}
		if acknowledged = append(acknowledged, n); len(acknowledged) == many {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the process was not killed: %v", err)
	}
	if len(acknowledged) < many {
		t.Fatalf("the process acknowledged %d changes, want at least %d", len(acknowledged), many)
	}
	return acknowledged
}

func writeUntilKilled(t *testing.T, folder string) {
	s := open(t, folder)
	round, err := strconv.Atoi(os.Getenv(crashRound))
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	for range 16 {
		go func() {
			for {
				i := int(n.Add(1))
				if err := s.Apply(context.Background(), change(round, i)); err != nil {
					panic(err)
				}
				fmt.Printf("written %d\n", i)
			}
		}()
	}
	select {}
}

func id(round, n int) string { return fmt.Sprintf("bnd_%03d_%08d", round, n) }

func change(round, n int) journal.Change {
	name := id(round, n)
	return journal.Change{
		Binding: &journal.Binding{ID: name, Version: 1, Caller: "wallet", UserID: name, State: "applying", Live: true, CardHash: []byte(name)},
		Attempts: []journal.Attempt{
			{ID: "att_1" + name, Binding: name, Kind: op.Apply, Channel: "nucc", Number: "1" + name},
			{ID: "att_2" + name, Binding: name, Kind: op.Query, Channel: "nucc", Number: "2" + name},
		},
		NewKey: &journal.Key{Caller: "wallet", Route: "r", Key: name, Binding: name},
		Sealed: &journal.Sealed{Binding: name, Data: []byte(name)},
	}
}

// whole checks that of each change all parts are there, or none.
func whole(t *testing.T, s *journal.SQLite, round, upTo int) {
	t.Helper()
	for n := 1; n <= upTo; n++ {
		name := id(round, n)
		parts := 0
		count := func(err error) {
			if err == nil {
				parts++
			} else if !errors.Is(err, journal.ErrNotFound) {
				t.Fatal(err)
			}
		}
		_, err := s.Binding(t.Context(), name)
		count(err)
		for _, a := range []string{"att_1", "att_2"} {
			_, err := s.Attempt(t.Context(), a+name)
			count(err)
		}
		_, err = s.Key(t.Context(), "wallet", "r", name)
		count(err)
		_, err = s.Sealed(t.Context(), name)
		count(err)
		if parts != 0 && parts != 5 {
			t.Errorf("change %d of round %d is half there: %d parts of 5", n, round, parts)
		}
	}
}
