package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kaqiao/loadtest/verify"
)

func TestBooksShowEachBreak(t *testing.T) {
	r := verify.Result{Bindings: 500, Agreements: 498, Counts: map[string]int{verify.Matched: 497, verify.FarmOnly: 1, verify.Undecided: 1}, Rows: []verify.Row{
		{Class: verify.FarmOnly, Bank: "abc", Agreement: "2026112300000001", CardLast4: "0012", FarmState: "signed"},
		{Class: verify.Undecided, Bank: "icbc", Binding: "bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX", CardLast4: "0013", GatewayState: "processing"},
	}}
	for lang, want := range map[string]string{"en": "breaks: 1", "zh": "1 处不一致"} {
		var b bytes.Buffer
		if err := Books(&b, r, TextOptions{Lang: lang}); err != nil {
			t.Fatal(err)
		}
		t.Log("\n" + b.String())
		for _, part := range []string{want, "2026112300000001", "bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX", "497"} {
			if !strings.Contains(b.String(), part) {
				t.Errorf("%s: %q is missing in\n%s", lang, part, b.String())
			}
		}
		for line := range strings.Lines(b.String()) {
			if w := width(strings.TrimRight(line, "\n")); w > columns {
				t.Errorf("%s: %d columns: %s", lang, w, line)
			}
		}
	}
}

func TestBooksDoNotFloodATerminal(t *testing.T) {
	r := verify.Result{Counts: map[string]int{verify.FarmOnly: 5_000}}
	for i := range 5_000 {
		r.Rows = append(r.Rows, verify.Row{Class: verify.FarmOnly, Bank: "abc", Agreement: fmt.Sprint(i)})
	}
	var b bytes.Buffer
	if err := Books(&b, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines > mostRows+20 || !strings.Contains(b.String(), "and 4800 more") || !strings.Contains(b.String(), "breaks: 5000") {
		t.Errorf("%d lines", lines)
	}
}
