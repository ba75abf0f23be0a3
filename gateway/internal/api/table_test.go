package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/op"
)

// reasons reads every Reason constant out of op's source, so that a new one can't be forgotten here.
func reasons(t *testing.T) []op.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../op/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []op.Reason
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == "Reason" {
				text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, op.Reason(text))
			}
		}
	}
	return out
}

func TestTableAndReasonsAgree(t *testing.T) {
	table, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	all := reasons(t)
	if len(all) < 59 {
		t.Fatalf("only %d reasons were found", len(all))
	}
	for _, r := range all {
		if table[r] == nil {
			t.Errorf("%s is not in problems.yaml", r)
		}
		if !gen.ProblemCode(r).Valid() {
			t.Errorf("%s is not in openapi.yaml", r)
		}
	}
	for code := range table {
		if !slices.Contains(all, code) {
			t.Errorf("%s of problems.yaml is no reason of op", code)
		}
	}
}

func TestEveryEntryIsWhole(t *testing.T) {
	table, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	status := map[op.Reason]int{
		op.CodeWrong: 422, op.TooManyRequests: 429, op.BankBusy: 503, op.BankUnavailable: 503, op.BankTimeout: 504, op.BankProtocolError: 502,
		op.InvalidState: 409, op.IdempotencyConflict: 422, op.AlreadyBound: 409, op.NotFound: 404, op.Unauthorised: 401, op.Forbidden: 403,
		op.Malformed: 400, op.Validation: 422, op.Overloaded: 503, op.ShuttingDown: 503, op.StorageFails: 503, op.Internal: 500, op.BankRateLimited: 429,
	}
	for code, e := range table {
		if !gen.ProblemCategory(e.Category).Valid() || !e.Advice.Valid() || e.Title == "" {
			t.Errorf("%s: category %q, advice %q, title %q", code, e.Category, e.Advice, e.Title)
		}
		if want, ok := status[code]; (ok && e.Status != want) || e.Status < 400 || e.Status > 599 {
			t.Errorf("%s has status %d, want %d", code, e.Status, want)
		}
		if e.Category == op.Information && e.Status != 422 {
			t.Errorf("%s is information and has status %d", code, e.Status)
		}
		if e.Advice == gen.RetryAdviceAfter && e.AfterS <= 0 {
			t.Errorf("%s says after, and not when", code)
		}
		for _, text := range []string{e.Remedy.ZH, e.Precise.ZH} {
			if text != "" && (!has(text, unicode.Han) || !strings.HasSuffix(text, "。") || strings.ContainsAny(text, ",;?!")) {
				t.Errorf("%s: not Chinese as it should be: %s", code, text)
			}
		}
		for _, text := range []string{e.Remedy.EN, e.Precise.EN} {
			if text != "" && (has(text, unicode.Han) || !strings.HasSuffix(text, ".")) {
				t.Errorf("%s: not English as it should be: %s", code, text)
			}
		}
		if e.Remedy.ZH == "" || e.Remedy.EN == "" || (e.Precise.ZH == "") != (e.Precise.EN == "") {
			t.Errorf("%s: a language is missing", code)
		}
		if strings.Contains(e.Remedy.ZH+e.Remedy.EN, "{") {
			t.Errorf("%s: the plain remedy has a blank to fill", code)
		}
	}
}

func has(text string, script *unicode.RangeTable) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(script, r) })
}

// A bank that is busy is quieter at night, and may itself say when it can be asked again.
func TestABusyBankSaysWhen(t *testing.T) {
	table, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	busy := table[op.BankBusy]
	if r := busy.retry(facts{window: "00:00-08:00", afterS: 60}); r.Advice != gen.RetryAdviceInWindow || r.Window == nil || r.AfterS == nil || *r.AfterS != 60 {
		t.Errorf("%+v", r)
	}
	if r := busy.retry(facts{window: "00:00-08:00"}); r.AfterS != nil {
		t.Errorf("nobody has said when: %+v", r)
	}
}

// TestRemediesAreFilled: no reader ever sees a brace, whatever is known.
func TestRemediesAreFilled(t *testing.T) {
	table, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	two := 2
	for code, e := range table {
		for _, f := range []facts{{}, {window: "00:00-08:00"}, {afterS: 9}, {attemptsLeft: &two}, {least: "5.0"}, {"00:00-08:00", 9, &two, "5.0"}} {
			if text := e.remedy(f); strings.ContainsAny(text.Zh+text.En, "{}") || text.Zh == "" || text.En == "" {
				t.Errorf("%s with %+v: %+v", code, f, text)
			}
		}
	}
	other, running := table[op.IdempotencyConflict].remedy(facts{}), table[op.IdempotencyConflict].remedy(facts{afterS: 1})
	if !strings.Contains(other.Zh, "内容") || strings.Contains(running.Zh, "内容") || !strings.Contains(running.Zh, "处理中") || !strings.Contains(running.En, "processed") {
		t.Errorf("idempotency_conflict: a request that still runs is told %+v, one with another body %+v", running, other)
	}
	if text := table[op.BankBusy].remedy(facts{window: "00:00-08:00"}); !strings.Contains(text.Zh, "00:00-08:00") || !strings.Contains(text.En, "00:00-08:00") {
		t.Errorf("bank_busy does not name the quiet hours: %+v", text)
	}
	for _, reason := range []op.Reason{op.OSTooOld, op.ClientTooOld, op.ProtocolVersionUnsupported} {
		if text := table[reason].remedy(facts{least: "8.0.0"}); !strings.Contains(text.Zh, "8.0.0") || !strings.Contains(text.En, "8.0.0") {
			t.Errorf("%s does not say which version will do: %+v", reason, text)
		}
	}
	if text := table[op.CodeWrong].remedy(facts{attemptsLeft: &two}); !strings.Contains(text.Zh, "2 次") {
		t.Errorf("code_wrong does not say how often: %+v", text)
	}
}
