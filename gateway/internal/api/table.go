package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

//go:embed problems.yaml
var problemsYAML []byte

// table is problems.yaml: what each reason means to programs and to people.
type table map[op.Reason]*entry

type entry struct {
	Code     op.Reason       `yaml:"code"`
	Category op.Category     `yaml:"category"`
	Status   int             `yaml:"status"`
	Advice   gen.RetryAdvice `yaml:"advice"`
	AfterS   int             `yaml:"after_s"`
	Title    string          `yaml:"title"`
	Remedy   profiles.Text   `yaml:"remedy"`
	Precise  profiles.Text   `yaml:"precise"`
}

// Codes are the codes of the problem table, sorted.
func Codes() ([]string, error) {
	t, err := readTable()
	if err != nil {
		return nil, err
	}
	codes := make([]string, 0, len(t))
	for reason := range t {
		codes = append(codes, string(reason))
	}
	slices.Sort(codes)
	return codes, nil
}

func readTable() (table, error) {
	dec := yaml.NewDecoder(bytes.NewReader(problemsYAML))
	dec.KnownFields(true)
	var rows []*entry
	if err := dec.Decode(&rows); err != nil {
		return nil, fmt.Errorf("api: problems.yaml: %w", err)
	}
	t := make(table, len(rows))
	for _, row := range rows {
		if t[row.Code] != nil {
			return nil, fmt.Errorf("api: problems.yaml: %s stands twice", row.Code)
		}
		t[row.Code] = row
	}
	return t, nil
}

// of finds the entry. A reason that is not in the table is our own mistake and is shown as one.
func (t table) of(r op.Reason) *entry {
	if e := t[r]; e != nil {
		return e
	}
	return t[op.Internal]
}

// facts is what makes a remedy precise. Its zero value knows nothing.
type facts struct {
	window       string
	afterS       int
	attemptsLeft *int
	least        string // version that is needed
}

func (e *entry) retry(f facts) gen.Retry {
	r := gen.Retry{Advice: e.Advice}
	if r.Advice == gen.RetryAdviceInWindow {
		if f.window != "" {
			r.Window = &f.window
			if f.afterS > 0 { // the bank itself has said when it may be asked again
				r.AfterS = &f.afterS
			}
			return r
		}
		r.Advice = gen.RetryAdviceAfter
	}
	after := f.afterS
	if after == 0 && r.Advice == gen.RetryAdviceAfter {
		after = e.AfterS
	}
	if after > 0 {
		r.Advice, r.AfterS = gen.RetryAdviceAfter, &after
	}
	return r
}

func (e *entry) remedy(f facts) gen.Text {
	if e.Precise.ZH == "" {
		return gen.Text{Zh: e.Remedy.ZH, En: e.Remedy.EN}
	}
	known := []string{}
	if f.window != "" {
		known = append(known, "{window}", f.window)
	}
	if f.afterS > 0 {
		known = append(known, "{after_s}", strconv.Itoa(f.afterS))
	}
	if f.attemptsLeft != nil {
		known = append(known, "{attempts_left}", strconv.Itoa(*f.attemptsLeft))
	}
	if f.least != "" {
		known = append(known, "{least}", f.least)
	}
	fill := strings.NewReplacer(known...)
	zh, en := fill.Replace(e.Precise.ZH), fill.Replace(e.Precise.EN)
	if strings.Contains(zh, "{") || strings.Contains(en, "{") {
		return gen.Text{Zh: e.Remedy.ZH, En: e.Remedy.EN}
	}
	return gen.Text{Zh: zh, En: en}
}
