package flow_test

import (
	"flag"
	"os"
	"syscall"
	"testing"
)

// These tests write some thousands of journals, and wait for a disk two thirds
// of their time. What they try is not the disk: where there is a file system in
// memory with room, the journals lie there. That a commit is on the disk when
// it returns, the journal's own tests hold.
const (
	memory    = "/dev/shm"
	leastRoom = 256 << 20 // bytes
)

// raceChecks is how often a property is tried under the race detector, unless
// -rapid.checks says otherwise: its steps follow one another, so more of them
// race no more, and take five times as long.
const raceChecks = "25"

func TestMain(m *testing.M) {
	flag.Parse()
	named := false
	flag.Visit(func(f *flag.Flag) { named = named || f.Name == "rapid.checks" })
	if underRace && !named {
		if err := flag.Set("rapid.checks", raceChecks); err != nil {
			panic(err)
		}
	}
	remove := inMemory()
	code := m.Run()
	remove()
	os.Exit(code)
}

// inMemory has every t.TempDir lie in memory, where that is possible.
func inMemory() (remove func()) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || uint64(fs.Bavail)*uint64(fs.Bsize) < leastRoom { //nolint:gosec,unconvert // sizes; their types differ by system
		return func() {}
	}
	folder, err := os.MkdirTemp(memory, "kaqiao-flow-")
	if err != nil {
		return func() {}
	}
	if err := os.Setenv("TMPDIR", folder); err != nil { //nolint:usetesting // it is for all tests
		return func() {}
	}
	return func() { _ = os.RemoveAll(folder) }
}
