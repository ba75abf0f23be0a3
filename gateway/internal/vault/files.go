package vault

import (
	"bytes"
	"crypto/hkdf"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"syscall"

	"github.com/emmansun/gmsm/sm3"
)

// rootSize is the length of the key file's key in bytes.
const rootSize = 32

// CreateKeyFile makes a key file: 32 random bytes in hexadecimal, mode 0600.
// It never overwrites one: the error wraps fs.ErrExist then.
func CreateKeyFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("vault: create key file: %w", err)
	}
	key := make([]byte, rootSize)
	random(key)
	_, err = fmt.Fprintf(f, "%x\n", key)
	clear(key)
	if err := errors.Join(err, f.Sync(), f.Close(), syncFolder(path)); err != nil {
		return fmt.Errorf("vault: create key file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// readKeyFile refuses a file that others may read.
func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("key file %s has mode %04o: it must be its owner's alone, 0600", path, mode)
	}
	text, err := os.ReadFile(path)
	defer clear(text)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	digits := bytes.TrimSpace(text)
	root := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(root, digits); err != nil || len(root) != rootSize {
		return nil, fmt.Errorf("key file %s: want 64 hexadecimal digits", path)
	}
	return root, nil
}

// derive makes a key for one purpose, so that no key serves two. HKDF with SM3, 32 bytes.
func derive(root []byte, purpose string) ([]byte, error) {
	return hkdf.Key(func() hash.Hash { return sm3.New() }, root, nil, "kaqiao vault "+purpose, 32)
}

// takeTurn waits until no other process changes the file. release ends the turn.
func takeTurn(path string) (release func() error, err error) {
	turn, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(turn.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", turn.Name(), err), turn.Close())
	}
	return turn.Close, nil
}

// replaceFile leaves the old content or the new one, whenever it is interrupted.
func replaceFile(path string, content []byte) error {
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
	return syncFolder(path)
}

// syncFolder makes the name of a file durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
