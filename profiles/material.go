package profiles

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxMaterialBytes is the longest PEM file taken: a chain of certificates, with room.
const maxMaterialBytes = 256 << 10

// material is PEM or hexadecimal text read by a reference. No error of it tells what stood there.
type material struct {
	text []byte
	from string // the path or the variable, for people
}

// read reads what a reference names. The private half of a key is refused
// where others may read its file.
func (r Ref) read(dir string, private bool) (material, error) {
	kind, rest, _ := strings.Cut(string(r), ":")
	switch kind {
	case "env":
		text := os.Getenv(rest)
		if text == "" {
			return material{}, fmt.Errorf("environment variable %s is empty: set it to the text of the key", rest)
		}
		return material{text: []byte(text), from: "environment variable " + rest}, nil
	case "file":
		path := filepath.FromSlash(rest)
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		text, err := readMaterial(path, private)
		if errors.Is(err, fs.ErrNotExist) {
			return material{}, fmt.Errorf("%s: %w; put it there, or make development keys with: mockbanks keys --out %s",
				path, fs.ErrNotExist, shellWord(dir))
		}
		return material{text: text, from: path}, err
	}
	return material{}, errors.New("no reference: want file:PATH or env:NAME")
}

func readMaterial(path string, private bool) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case private && info.Mode().Perm()&^0o600 != 0:
		return nil, fmt.Errorf("%s has mode %04o, so that others than its owner may use the private key: chmod 600 %s",
			path, info.Mode().Perm(), shellWord(path))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxMaterialBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxMaterialBytes {
		return nil, fmt.Errorf("%s is larger than %s bytes", path, commas(maxMaterialBytes))
	}
	return text, nil
}

// shellWord is a path as it can be pasted behind a command.
func shellWord(path string) string {
	if path == "" {
		return "."
	}
	if strings.ContainsAny(path, " \t'\"$&;()<>|*?[]\\`!") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
