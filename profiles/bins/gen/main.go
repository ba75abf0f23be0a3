// Command gen makes profiles/bins/table.csv from the npm package bankcardinfo.
// It needs npm and the network, and is run by hand when the version changes.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	npmPackage = "bankcardinfo"
	version    = "2.0.6"
	licence    = "ISC"
	author     = "navyxie"

	// maxCard is the longest card number there is (ISO/IEC 7812-1); three rows of the origin say 20.
	maxCard = 19
	// minRows is what the table must at least hold: fewer means that the origin's form has changed.
	minRows = 1500
	// maxSource is the longest source file taken, in bytes.
	maxSource = 4 << 20
)

func main() {
	log.SetFlags(0)
	out := "table.csv"
	if len(os.Args) > 1 {
		out = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, out)
	stop()
	if err != nil {
		log.Fatalf("gen: %v", err)
	}
}

func run(ctx context.Context, out string) error {
	source, err := fetch(ctx)
	if err != nil {
		return err
	}
	rows, err := parse(source)
	if err != nil {
		return err
	}
	return os.WriteFile(out, render(rows), 0o644) //nolint:gosec // a public table
}

// fetch packs the exact version into a folder of its own, checks its licence and returns its source.
func fetch(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "bins-gen-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", npmPackage+"@"+version)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack: %w", err)
	}
	archive, err := os.Open(filepath.Join(dir, npmPackage+"-"+version+".tgz"))
	if err != nil {
		return "", err
	}
	defer func() { _ = archive.Close() }()
	files, err := untar(archive)
	if err != nil {
		return "", err
	}
	if !strings.Contains(files["package/package.json"], `"license": "`+licence+`"`) {
		return "", errors.New("the package's licence is not " + licence + " any more: it may not be embedded")
	}
	return files["package/index.js"], nil
}

func untar(r io.Reader) (map[string]string, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for t := tar.NewReader(unzipped); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(t, maxSource))
		if err != nil {
			return nil, err
		}
		files[header.Name] = string(b)
	}
}

type row struct {
	prefix, code, bank, kind string
	length                   int
}

var (
	nameLine = regexp.MustCompile(`^\s*bankName: "([^"]+)"`)
	codeLine = regexp.MustCompile(`^\s*bankCode: "([^"]+)"`)
	regLine  = regexp.MustCompile(`reg: /\^\(([0-9|]+)\)\\d\{(\d+)\}\$/g`)
	kindLine = regexp.MustCompile(`^\s*cardType: "([A-Z]+)"`)
	types    = map[string]string{"DC": "debit", "CC": "credit", "SCC": "semi_credit", "PC": "prepaid"}
)

// parse reads the object literal line by line: a bank's name and code, then
// for each pattern its alternatives, the digits that follow, and the type.
func parse(source string) ([]row, error) {
	var rows []row
	var name, code string
	var pending []row
	for line := range strings.Lines(source) {
		switch {
		case nameLine.MatchString(line):
			name = nameLine.FindStringSubmatch(line)[1]
		case codeLine.MatchString(line):
			code = codeLine.FindStringSubmatch(line)[1]
		case regLine.MatchString(line):
			m := regLine.FindStringSubmatch(line)
			rest, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, err
			}
			for prefix := range strings.SplitSeq(m[1], "|") {
				pending = append(pending, row{prefix: prefix, code: code, bank: name, length: len(prefix) + rest})
			}
		case strings.Contains(line, "reg: /"):
			return nil, errors.New("a pattern of another form: " + strings.TrimSpace(line))
		case kindLine.MatchString(line) && len(pending) > 0:
			kind, ok := types[kindLine.FindStringSubmatch(line)[1]]
			if !ok {
				return nil, errors.New("a card type of another name: " + strings.TrimSpace(line))
			}
			for i := range pending {
				pending[i].kind = kind
			}
			rows, pending = append(rows, pending...), nil
		}
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.length > maxCard })
	if len(rows) < minRows {
		return nil, fmt.Errorf("only %d rows: the origin's form has changed", len(rows))
	}
	return rows, nil
}

// render orders rows by prefix and length. The sort is stable: of rows that
// contradict each other, the one that the origin finds first stays first.
func render(rows []row) []byte {
	slices.SortStableFunc(rows, func(a, b row) int {
		if c := strings.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		return a.length - b.length
	})
	rows = slices.Compact(rows)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Card prefixes of mainland issuers, from npm %s@%s (licence %s, author %s).\n", npmPackage, version, licence, author)
	b.WriteString("# Made by profiles/bins/gen; not edited by hand.\n")
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"prefix", "length", "code", "bank", "type", "scheme"})
	for _, r := range rows {
		_ = w.Write([]string{r.prefix, strconv.Itoa(r.length), r.code, r.bank, r.kind, "unionpay"})
	}
	w.Flush()
	return b.Bytes()
}
