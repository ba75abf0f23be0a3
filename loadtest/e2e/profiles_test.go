package e2e

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"kaqiao/profiles"
)

// quickAnswer is how long a bank takes in most tests.
const quickAnswer = "2ms"

// quick are differences from the shipped profiles that let tests end soon. Each
// pattern must be found in each file of its folder that unless is not found in.
var quick = map[string][]struct{ pattern, with, unless string }{
	"banks": {
		{`people: 10000`, `people: 400`, ``},
		{`silent_for: \w+`, `silent_for: 150ms`, `direct:`},
		{`resend_after: \w+`, `resend_after: 1ms`, ``},
		{`(apply|confirm|query): \{(fixed|lognormal|shift): .*\}`, `$1: {fixed: ` + quickAnswer + `}`, ``},
		{`timeouts: \{.*\}`, `timeouts: {apply: 1s, confirm: 1s, query: 1s}`, ``},
		{`after: \[.*\]`, `after: [50ms, 100ms, 200ms]`, `channel: nucc`},
		{`visible_after: \w+`, `visible_after: 100ms`, `channel: nucc`},
	},
	"channels": {
		{`after: \[.*\]`, `after: [50ms, 100ms, 200ms]`, ``},
		{`visible_after: \w+`, `visible_after: 100ms`, ``},
	},
}

// quickProfiles are the shipped profiles with these differences. Banks take so
// long for an answer; it must be well below silent_for.
func quickProfiles(t testing.TB, answer string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(profiles.Embedded(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(profiles.Embedded(), name)
		if err != nil {
			return err
		}
		out[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(changed(t, name, string(text)), quickAnswer, answer)), Mode: 0o600}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func changed(t testing.TB, name, text string) string {
	t.Helper()
	folder, file := path.Split(name)
	if strings.HasPrefix(file, "_") {
		return text
	}
	for _, q := range quick[strings.TrimSuffix(folder, "/")] {
		re := regexp.MustCompile(q.pattern)
		if !re.MatchString(text) && (q.unless == "" || !strings.Contains(text, q.unless)) {
			t.Fatalf("%s has no %s", name, q.pattern)
		}
		text = re.ReplaceAllString(text, q.with)
	}
	return text
}
