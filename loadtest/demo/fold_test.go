package demo

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"
)

func TestFoldIsForPeople(t *testing.T) {
	long := strings.Repeat("绑", 30)
	for _, c := range []struct{ name, raw, want string }{
		{"in the order in which it came", `{"z":1,"a":{"c":true,"b":"x"}}`, `  {"z": 1, "a": {"c": true, "b": "x"}}`},
		{"without what says nothing", `{"z":"","a":null,"b":{},"c":[],"d":0,"e":false}`, `  {"c": [], "d": 0, "e": false}`},
		{"as it was written", `{"n":1.50,"t":"<&>"}`, `  {"n": 1.50, "t": "<&>"}`},
		{"simple members share lines", `{"a":"` + long + `","b":"` + long + `","c":{"d":1},"e":2}`,
			"  {\n    \"a\": \"" + long + "\",\n    \"b\": \"" + long + "\",\n    \"c\": {\"d\": 1},\n    \"e\": 2\n  }"},
		{"a list that is too long", `["` + long + `","` + long + `"]`, "  [\n    \"" + long + "\",\n    \"" + long + "\"\n  ]"},
	} {
		got, err := fold([]byte(c.raw), "  ")
		if err != nil || got != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
	for _, bad := range []string{``, `{`, `{"a":`, `[1`, `x`} {
		if got, err := fold([]byte(bad), ""); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

// However it is folded, it says the same, and no line is longer than it must be.
func TestFoldSaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(object(3).Draw(t, "object"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := fold(raw, "    ")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\n"); uniseg.StringWidth(line) > columns {
				t.Errorf("%d columns: %s", uniseg.StringWidth(line), line)
			}
		}
		var want, got any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nbecame\n%s", raw, text)
		}
	})
}

// object draws objects in which everything says something.
func object(deep int) *rapid.Generator[map[string]any] {
	values := []*rapid.Generator[any]{
		rapid.StringMatching(`[a-z绑<"\\]{1,20}`).AsAny(), rapid.IntRange(0, 1e6).AsAny(), rapid.Bool().AsAny(),
	}
	if deep > 0 {
		values = append(values, object(deep-1).AsAny(), rapid.SliceOfN(object(deep-1), 0, 3).AsAny())
	}
	return rapid.MapOfN(rapid.StringMatching(`[A-Za-z_"]{1,12}`), rapid.OneOf(values...), 1, 8)
}

func TestTheRequestIsShownMasked(t *testing.T) {
	c := customer{Name: "钟欣怡", Document: document{"resident_id", "11010519491231002X"}, Mobile: "+8613692049569", Email: "xy@mail.example"}
	c.Cards = append(c.Cards, struct{ Number, CVV, Expiry string }{Number: "6228480000000006756"})
	request := c.binding("state")
	plain, err1 := json.Marshal(request)
	shown, err2 := json.Marshal(request.masked())
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, secret := range []string{c.Name, c.Document.Number, c.Mobile, "13692049569", c.Email, c.Cards[0].Number} {
		if strings.Contains(string(shown), secret) {
			t.Errorf("%s is shown", secret)
		}
		if !strings.Contains(string(plain), secret) && secret != "13692049569" {
			t.Errorf("%s is not asked for", secret)
		}
	}
}
