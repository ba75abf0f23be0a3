package ownfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"kaqiao/gateway/internal/ownfile"
)

func TestReplaceAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := ownfile.Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is there: %v", err)
	}
	for _, text := range []string{"one", "another, longer", ""} {
		if err := ownfile.Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := ownfile.Read(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ownfile.Read(path); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if err := ownfile.Replace(filepath.Join(path, "below"), nil); err == nil {
		t.Error("a file has no folder below it")
	}
}

// Whoever has the turn reads and writes alone: no change is lost.
func TestTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "count")
	if err := ownfile.Replace(path, []byte("0")); err != nil {
		t.Fatal(err)
	}
	const many = 50
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			release, err := ownfile.Turn(path)
			if err != nil {
				t.Error(err)
				return
			}
			text, err := ownfile.Read(path)
			n, err2 := strconv.Atoi(string(text))
			if err := errors.Join(err, err2, ownfile.Replace(path, []byte(strconv.Itoa(n+1))), release()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if text, err := ownfile.Read(path); err != nil || string(text) != strconv.Itoa(many) {
		t.Errorf("%s, %v", text, err)
	}
}
