package bins_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kaqiao/profiles/bins"
)

func build(t testing.TB, rows ...bins.Row) *bins.Table {
	t.Helper()
	table, conflicts, err := bins.Build(rows)
	if err != nil || len(conflicts) > 0 {
		t.Fatalf("Build: %v, %d conflicts", err, len(conflicts))
	}
	return table
}

func shipped(t testing.TB) *bins.Table {
	t.Helper()
	rows, err := bins.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := bins.Build(rows)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestLookup(t *testing.T) {
	table := build(t,
		bins.Row{Prefix: "603265", Length: 16, Table: "JSBANK"},
		bins.Row{Prefix: "60326500", Length: 16, Table: "WXCCB"},
		bins.Row{Prefix: "60326500", Length: 19, Table: "LONG"},
		bins.Row{Prefix: "6032", Length: 18, Table: "SHORT"},
		bins.Row{Prefix: "034", Length: 13, Table: "ZERO"},
		bins.Row{Prefix: "6212345678", Length: 19, Table: "TEN"},
	)
	for _, tt := range []struct{ name, number, want string }{
		{"longest prefix wins", "6032650000000000", "WXCCB"},
		{"the shorter one where the longer does not fit", "6032651000000000", "JSBANK"},
		{"another length, another row", "6032650000000000000", "LONG"},
		{"a longer prefix of another length is none", "603265000000000000", "SHORT"},
		{"no row of this length", "60326500000000000", ""},
		{"a prefix that begins with a zero", "0340000000000", "ZERO"},
		{"the same number without its zero", "3400000000000", ""},
		{"ten digits", "6212345678000000000", "TEN"},
		{"ten digits but one", "6212345679000000000", ""},
		{"too short", "603265000000", ""},
		{"too long", "60326500000000000000", ""},
		{"a letter behind the prefix", "603265000000000x", ""},
		{"a space", "603265 000000000", ""},
		{"full-width digits", strings.Repeat("6", 4), ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row, ok := table.Lookup(tt.number)
			if row.Table != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", row.Table, ok, tt.want)
			}
		})
	}
}

func TestBuildKeepsTheFirst(t *testing.T) {
	own := bins.Row{Prefix: "622848", Length: 19, Bank: "abc", Type: "debit"}
	other := bins.Row{Prefix: "622848", Length: 19, Table: "ABC", Type: "credit"}
	table, conflicts, err := bins.Build([]bins.Row{own, other, own})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]bins.Conflict{{Kept: own, Dropped: other}}, conflicts); diff != "" {
		t.Error(diff)
	}
	if row, _ := table.Lookup("6228480000000000000"); row != own || table.Len() != 1 {
		t.Errorf("got %+v of %d rows", row, table.Len())
	}
	if got := table.Of("abc"); len(got) != 1 || len(table.Of("icbc")) != 0 {
		t.Errorf("Of: %v", got)
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, row := range []bins.Row{
		{Prefix: "62", Length: 16}, {Prefix: "62123456789", Length: 16}, {Prefix: "62a", Length: 16},
		{Prefix: "622", Length: 12}, {Prefix: "622", Length: 20}, {},
	} {
		if _, _, err := bins.Build([]bins.Row{row}); err == nil {
			t.Errorf("%+v: taken", row)
		}
	}
}

// The table answers as a plain search for the longest prefix does.
func TestLookupAgainstPlainSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`[67][0-2]{2,9}`)
		length := rapid.Uint8Range(13, 19)
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) bins.Row {
			return bins.Row{Prefix: prefix.Draw(t, "prefix"), Length: length.Draw(t, "length")}
		}), 1, 60).Draw(t, "rows")
		table, _, err := bins.Build(rows)
		if err != nil {
			t.Fatal(err)
		}
		number := rapid.StringMatching(`[67][0-2]{12,18}`).Draw(t, "number")
		var want bins.Row
		for _, row := range rows {
			if int(row.Length) == len(number) && strings.HasPrefix(number, row.Prefix) && len(row.Prefix) > len(want.Prefix) {
				want = row
			}
		}
		if got, ok := table.Lookup(number); got != want || ok != (want.Prefix != "") {
			t.Fatalf("%s: got %+v, want %+v", number, got, want)
		}
	})
}

func TestLookupAllocatesNothing(t *testing.T) {
	table := shipped(t)
	found := 0
	allocs := testing.AllocsPerRun(1000, func() {
		for _, number := range []string{"6228480000000000000", "6217000000000000012", "6999990000000000"} {
			if _, ok := table.Lookup(number); ok {
				found++
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a lookup, want none", allocs)
	}
	if found == 0 {
		t.Error("no number was found: nothing was measured")
	}
}

func TestShippedTable(t *testing.T) {
	rows, err := bins.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 1000 {
		t.Errorf("%d rows, want 1,000 at least", len(rows))
	}
	types := map[string]int{}
	for _, row := range rows {
		types[row.Type]++
		if row.Bank != "" || row.Table == "" || row.Scheme != "unionpay" || row.NoLuhn {
			t.Errorf("row %+v", row)
		}
	}
	for _, kind := range []string{"debit", "credit", "semi_credit", "prepaid"} {
		if types[kind] == 0 {
			t.Errorf("no row of type %s", kind)
		}
		delete(types, kind)
	}
	if len(types) > 0 {
		t.Errorf("unknown types %v", types)
	}
	if !strings.HasPrefix(bins.Source(), "# Card prefixes of mainland issuers, from npm bankcardinfo@") ||
		!strings.Contains(bins.Source(), "licence ISC") {
		t.Errorf("the table does not name its origin and licence: %s", bins.Source())
	}
}

func TestLuhnDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`[0-9]{2,18}`).Draw(t, "body")
		digit := bins.LuhnDigit(body)
		for d := byte('0'); d <= '9'; d++ {
			if got := bins.Luhn(body + string(d)); got != (d == digit) {
				t.Fatalf("%s%c: %v, digit %c", body, d, got, digit)
			}
		}
	})
}

func TestLuhnRefuses(t *testing.T) {
	for _, number := range []string{"", "0", "7992739871x", "7992739871 3", "-0000", strings.Repeat("0", 33)} {
		if bins.Luhn(number) {
			t.Errorf("%q passes", number)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	table := shipped(b)
	for name, number := range map[string]string{
		"hit": "6228480000000000000", "second_prefix": "6217000000000000012", "miss": "6999990000000000",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Lookup(number)
			}
		})
	}
}
