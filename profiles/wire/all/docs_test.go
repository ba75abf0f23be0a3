package all_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"kaqiao/profiles/wire/all"
	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/jws"
)

// What is configuration is in docs/protocols.md: each option of each protocol, with its default and its mark.
func TestEveryOptionIsInTheManual(t *testing.T) {
	text, err := os.ReadFile("../../../docs/protocols.md")
	if err != nil {
		t.Fatal(err)
	}
	completed := map[string]any{}
	for name, complete := range map[string]func() (any, error){
		"epcc":    func() (any, error) { return epcc.Options{}.Complete() },
		"iso8583": func() (any, error) { return iso8583.Options{}.Complete() },
		"jws":     func() (any, error) { return jws.Options{}.Complete() },
	} {
		if completed[name], err = complete(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range all.Protocols() {
		_, section, found := strings.Cut(string(text), "\n## "+p.Name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		options := reflect.ValueOf(completed[p.Name])
		if !found || !options.IsValid() {
			t.Errorf("%s has no section, or this test does not know it", p.Name)
			continue
		}
		for i := range options.NumField() {
			key := options.Type().Field(i).Tag.Get("yaml")
			row := "| `" + key + "` | "
			// Lists are described, and so is what the side that reads it completes.
			if value := reflect.Indirect(options.Field(i)); value.IsValid() && value.Kind() != reflect.Slice {
				if text := strings.ReplaceAll(fmt.Sprint(value), "|", `\|`); text != "" {
					row += "`" + text + "` | "
				}
			}
			if !strings.Contains(section, row) {
				t.Errorf("%s: no row that begins with %q", p.Name, row)
			}
		}
	}
}
