package keymaker

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFileBytes is more than any key or certificate that Make writes.
const maxFileBytes = 64 << 10

// store is the key folder. Nothing leaves it: root refuses paths and links that lead outside.
type store struct {
	root *os.Root
	dir  string // for messages
	opts Options
	// fresh are the files that this run has made, so that Force makes each of them once.
	fresh map[string]bool
}

// keep reports whether a file exists and is to stay.
func (s *store) keep(path string) (bool, error) {
	if s.opts.Force && !s.fresh[path] {
		return false, nil
	}
	info, err := s.root.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0:
		return false, fmt.Errorf("%s is no file", filepath.Join(s.dir, path))
	}
	return true, nil
}

// read returns the contents of a file's first PEM block.
func (s *store) read(path string) ([]byte, error) {
	text, err := s.text(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, s.unreadable(path)
	}
	return block.Bytes, nil
}

func (s *store) text(path string) ([]byte, error) {
	info, err := s.root.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileBytes {
		return nil, s.unreadable(path)
	}
	return s.root.ReadFile(path)
}

func (s *store) unreadable(path string) error {
	return fmt.Errorf("%s is not what Make writes there: remove it, or make all keys again with --force", filepath.Join(s.dir, path))
}

// write writes one PEM file.
func (s *store) write(path, kind string, der []byte, mode fs.FileMode) error {
	return s.writeText(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// writeText writes one file at once or not at all: to a name of its own first, then renamed.
func (s *store) writeText(path string, text []byte, mode fs.FileMode) error {
	if err := s.root.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp := path + "." + rand.Text()[:8] + ".tmp"
	if err := s.writeTemp(temp, text, mode); err != nil {
		_ = s.root.Remove(temp)
		return err
	}
	if err := s.root.Rename(temp, path); err != nil {
		_ = s.root.Remove(temp)
		return err
	}
	s.fresh[path] = true
	if s.opts.Wrote != nil {
		s.opts.Wrote(filepath.Join(s.dir, path))
	}
	return nil
}

func (s *store) writeTemp(temp string, text []byte, mode fs.FileMode) error {
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
