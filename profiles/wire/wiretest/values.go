package wiretest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"kaqiao/profiles/wire"
)

// Values lists everything that stands in a message, by path: Header.SndDt,
// SgnInf.SgnAcctId. Secrets are revealed: a message that is tested holds
// invented ones. What is empty is left out.
func Values(m wire.Message) map[string]string {
	values := map[string]string{}
	collect("", reflect.ValueOf(m).Elem(), func(path, text string, _ bool) { put(values, path, text) })
	return values
}

// secrets are those of them that must not be shown.
func secrets(m wire.Message) map[string]string {
	hidden := map[string]string{}
	collect("", reflect.ValueOf(m).Elem(), func(path, text string, secret bool) {
		if secret {
			put(hidden, path, text)
		}
	})
	return hidden
}

type revealer interface{ Reveal() string }

// collect calls found with everything that stands in a value, and whether it is a secret.
func collect(path string, v reflect.Value, found func(path, text string, secret bool)) {
	if r, ok := v.Interface().(revealer); ok {
		found(path, r.Reveal(), true)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if path != "" {
				name = path + "." + name
			}
			collect(name, v.Field(i), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(path+"["+strconv.Itoa(i)+"]", v.Index(i), found)
		}
	case reflect.String:
		found(path, v.String(), false)
	default:
		if !v.IsZero() {
			found(path, fmt.Sprint(v.Interface()), false)
		}
	}
}

func put(values map[string]string, path, text string) {
	if text != "" {
		values[path] = text
	}
}

// differ returns where two sets of values differ, one line each, or nothing.
func differ(want, got map[string]string) []string {
	var lines []string
	for path, text := range want {
		if got[path] != text {
			lines = append(lines, fmt.Sprintf("%s: %q, want %q", path, got[path], text))
		}
	}
	for path, text := range got {
		if _, named := want[path]; !named {
			lines = append(lines, fmt.Sprintf("%s: %q, want nothing", path, text))
		}
	}
	slices.Sort(lines)
	return lines
}

// quoted returns the path of a value that stands in a text, or "". Short
// values are passed over, because they stand in many texts by chance.
func quoted(values map[string]string, text string) string {
	for path, value := range values {
		if len(value) >= 6 && strings.Contains(text, value) {
			return path
		}
	}
	return ""
}
