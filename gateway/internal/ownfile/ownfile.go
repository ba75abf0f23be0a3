// Package ownfile keeps small files that are their owner's alone and that
// several processes may change: keys, callers, endpoints.
package ownfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Read reads a file, and refuses one that others may read or write.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o: it must be its owner's alone, 0600", path, mode)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names it
}

// Turn waits until no other process changes the file. release ends the turn.
func Turn(path string) (release func() error, err error) {
	turn, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(turn.Fd()), syscall.LOCK_EX); err != nil { //nolint:gosec // a descriptor is a small number
		return nil, errors.Join(fmt.Errorf("lock %s: %w", turn.Name(), err), turn.Close())
	}
	return turn.Close, nil
}

// Replace leaves the old content or the new one, with mode 0600, whenever it
// is interrupted. What it has replaced is on the disk when it returns.
func Replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(path)
}

// SyncFolder makes the name of a file durable.
func SyncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
