package wiretest

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaqiao/profiles/wire"
)

// Golden is a message that somebody else has written, with what it says.
//
// Its file begins with words, a line each: "source: " tells who made the bytes,
// "key: value" tells what the reader must know to set up the receiver, and
// "path = value" names every value that the message holds. Behind the first
// empty line stand the bytes, up to the file's end; with "bytes: hex" they stand
// there in hexadecimal, in lines of any length.
type Golden struct {
	Name   string
	Source string
	Notes  map[string]string
	Values map[string]string
	Frame  wire.Frame
}

// ReadGoldens reads all files *.txt of a folder, in order of their names.
func ReadGoldens(t testing.TB, dir string) []Golden {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden messages in %s: %v", dir, err)
	}
	goldens := make([]Golden, 0, len(names))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := parseGolden(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		g.Name = strings.TrimSuffix(filepath.Base(name), ".txt")
		goldens = append(goldens, g)
	}
	return goldens
}

func parseGolden(text string) (Golden, error) {
	g := Golden{Notes: map[string]string{}, Values: map[string]string{}}
	words, body, ok := strings.Cut(text, "\n\n")
	if !ok || body == "" {
		return g, fmt.Errorf("no empty line between the words and the bytes")
	}
	for line := range strings.SplitSeq(words, "\n") {
		if path, value, ok := strings.Cut(line, " = "); ok && !strings.Contains(path, ":") {
			if _, twice := g.Values[path]; twice {
				return g, fmt.Errorf("%s is named twice", path)
			}
			g.Values[path] = value
		} else if key, value, ok := strings.Cut(line, ": "); ok {
			g.Notes[key] = value
		} else {
			return g, fmt.Errorf("a line of words that is neither key: value nor path = value: %q", line)
		}
	}
	g.Source = g.Notes["source"]
	if g.Source == "" {
		return g, fmt.Errorf("no source")
	}
	g.Frame.Body = []byte(body)
	if g.Notes["bytes"] == "hex" {
		var err error
		if g.Frame.Body, err = hex.DecodeString(strings.Join(strings.Fields(body), "")); err != nil {
			return g, fmt.Errorf("bytes in hexadecimal: %w", err)
		}
	}
	return g, nil
}
