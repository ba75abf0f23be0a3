package profiles_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"kaqiao/profiles"
)

func TestStrictness(t *testing.T) {
	before, _, _ := strings.Cut(string(withTemplates(t)["banks/mybank.yaml"].Data), "  per_second: 500 ")
	line := strings.Count(before, "\n") + 1
	try(t, "banks/mybank.yaml", []broken{
		{"  per_second: 500 ", "  per_secnd: 500 ", `limits: unknown key "per_secnd" (did you mean per_second?); the keys here are per_second, burst, in_flight, queue, wait, reserve`},
		{"tier: city", "tier: city\nPassword: x", `unknown key "Password"; the keys here are id, name`},
		{"tier: city", "tier: city\n1: x", `unknown key "1"`},
		{"tier: city", "tier: city\n? [a]\n: x", "want a plain key"},
		{"  burst: 500 ", "  per_second: 500 ", fmt.Sprintf("limits.per_second: given twice, first in line %d", line)},
		{"per_second: 500 ", `per_second: "500" `, "limits.per_second: want a whole number in plain digits, not a text"},
		{"per_second: 500 ", "per_second: 500.0 ", "limits.per_second: want a whole number in plain digits, not a number"},
		{"per_second: 500 ", "per_second: 0x1f4 ", "limits.per_second: want a whole number in plain digits"},
		{"per_second: 500 ", "per_second: 0500 ", "limits.per_second: want a whole number in plain digits"},
		{"per_second: 500 ", "per_second: 5_00 ", "limits.per_second: want a whole number in plain digits"},
		{"per_second: 500 ", "per_second: 99999999999999999999 ", "limits.per_second: want a whole number in plain digits"},
		{"per_second: 500 ", "per_second: [500] ", "limits.per_second: want a whole number in plain digits, not a list"},
		{"per_second: 500 ", "per_second: ", "limits.per_second: no value: give one, or leave the key out"},
		{"per_second: 500 ", "per_second: !!int 500 ", "limits.per_second: tags are not taken"},
		{"per_second: 500 ", "per_second: &n 500 ", "limits.per_second: anchors and aliases are not taken"},
		{"supported: true ", "supported: yes ", "accounts.password_free.supported: want true or false"},
		{"supported: true ", "supported: True ", "accounts.password_free.supported: want true or false"},
		{"tier: city", "tier: 7", "tier: want a text: put it in quotes"},
		{"tier: city", "tier: {a: b}", "tier: want a text, not keys with values"},
		{"en: Example Bank", "en: 2026-01-01", "name.en: want a text: put it in quotes"},
		{"en: Example Bank", "en: true", "name.en: want a text: put it in quotes"},
		{"ttl: 5m", "ttl: [5m]", "challenge.ttl: want one value, not a list"},
		{"classes: [I, II]", "classes: I", "accounts.classes: want a list, not a text"},
		{"closed: []", "closed: {}", "closed: want a list, not keys with values"},
		{"closed: []", "closed:", "closed: no value"},
		{"{fixed: 100ms}", "100ms", "mock.latency.default: want keys with values, not a text"},
		{"{fixed: 100ms}", "{fixd: 100ms, fixed: 1s}", `mock.latency.default: unknown key "fixd" (did you mean fixed?)`},
	})
}

// An alias is refused where it stands, and so is its anchor: nothing is expanded.
func TestAliases(t *testing.T) {
	m := withTemplates(t)
	text := string(m["banks/mybank.yaml"].Data)
	text = strings.Replace(text, "per_second: 500 ", "per_second: &n 500 ", 1)
	text = strings.Replace(text, "burst: 500 ", "burst: *n ", 1)
	m["banks/mybank.yaml"].Data = []byte(text)
	list := faultsOf(t, m)
	if len(list) != 2 || list[0].Line+1 != list[1].Line {
		t.Errorf("%v", list)
	}
	for _, fault := range list {
		if !strings.Contains(fault.Message, "anchors and aliases are not taken") {
			t.Errorf("%v", fault)
		}
	}
}

// What no rule of a struct can see: the file as a whole.
func TestFiles(t *testing.T) {
	bank := string(withTemplates(t)["banks/mybank.yaml"].Data)
	for _, tt := range []struct {
		name, file, text, want string
		more                   int // faults that follow from it
	}{
		{"empty", "banks/mybank.yaml", "", "banks/mybank.yaml: the file is empty", 0},
		{"comments only", "banks/mybank.yaml", "# nothing\n", "banks/mybank.yaml: the file is empty", 0},
		{"no mapping", "banks/mybank.yaml", "- a\n", "banks/mybank.yaml:1:1: want keys with values, not a list", 0},
		{"a scalar", "banks/mybank.yaml", "a", "banks/mybank.yaml:1:1: want keys with values, not a text", 0},
		{"not YAML", "banks/mybank.yaml", "id: mybank\nname: {zh: [\n", "banks/mybank.yaml:2:1: not YAML: ", 0},
		{"a tab", "banks/mybank.yaml", "id:\n\tmybank\n", "banks/mybank.yaml:2:1: not YAML: ", 0},
		{"not UTF-8", "banks/mybank.yaml", "id: \xff\xfe\n", "banks/mybank.yaml: not YAML: ", 0},
		{"two documents", "banks/mybank.yaml", bank + "---\nid: second\n", fmt.Sprintf("banks/mybank.yaml:%d:1: a second document: one file is one profile", strings.Count(bank, "\n")+2), 0},
		{"a second document that is not YAML", "banks/mybank.yaml", bank + "---\n{\n", "banks/mybank.yaml:", 0},
		{"too large", "banks/mybank.yaml", bank + strings.Repeat("#", 1<<20), "banks/mybank.yaml: larger than 1,048,576 bytes", 0},
		{"another ending", "banks/another.yml", bank, "banks/another.yml: profiles are named <id>.yaml", 0},
		{"another id", "banks/another.yaml", bank, `banks/another.yaml:20:5: id: "mybank" is not the name of the file: want "another"`, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := withTemplates(t)
			m[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
			list := faultsOf(t, m)
			if len(list) != 1+tt.more || !strings.HasPrefix(list[0].String(), tt.want) {
				t.Errorf("%v, want %s", list, tt.want)
			}
		})
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	m := withTemplates(t)
	for _, name := range []string{"banks/_template.yaml", "banks/.abc.yaml.swp", "banks/README.md", "banks/abc.yaml~", "banks/sub/x.yaml"} {
		m[name] = &fstest.MapFile{Data: []byte("not: [a profile")}
	}
	if _, err := profiles.Load(m, profiles.LoadOptions{}); err != nil {
		t.Error(err)
	}
	m["banks/_other.yaml"] = &fstest.MapFile{Data: []byte("id: _other")}
	if list := faultsOf(t, m); list[0].File != "banks/_other.yaml" {
		t.Errorf("only the template may begin with _: %v", list)
	}
}

func TestEachFolderMustHoldProfiles(t *testing.T) {
	for _, folder := range []string{"banks", "channels", "platforms"} {
		m, empty := fstest.MapFS{}, fstest.MapFS{folder + "/_template.yaml": {}}
		for name, file := range files(t) {
			if !strings.HasPrefix(name, folder+"/") {
				m[name], empty[name] = file, file
			}
		}
		if list := faultsOf(t, m); !hasFault(list, folder+": can't be read: file does not exist") {
			t.Errorf("without %s: %v", folder, list)
		}
		if list := faultsOf(t, empty); !hasFault(list, folder+": no profile here") {
			t.Errorf("%s empty: %v", folder, list)
		}
	}
}

func TestFaultsHaveALimit(t *testing.T) {
	m := withTemplates(t)
	var b strings.Builder
	b.WriteString("id: mybank\n")
	for i := range 10_100 {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	m["banks/mybank.yaml"].Data = []byte(b.String())
	_, err := profiles.Load(m, profiles.LoadOptions{})
	faults, ok := err.(*profiles.Faults) //nolint:errorlint // Load says so
	if !ok || len(faults.List) != 10_000 || faults.More < 100 || !strings.HasSuffix(err.Error(), fmt.Sprintf("and %d more", faults.More)) {
		t.Errorf("%d faults and %d more", len(faults.List), faults.More)
	}
}

func hasFault(list []profiles.ConfigFault, prefix string) bool {
	for _, fault := range list {
		if strings.HasPrefix(fault.String(), prefix) {
			return true
		}
	}
	return false
}

// Whatever is in a file: faults or a set, never a panic, and no set with faults.
func FuzzLoad(f *testing.F) {
	m := withTemplates(f)
	for _, name := range []string{"banks/mybank.yaml", "channels/myhub.yaml", "platforms/mywallet.yaml"} {
		f.Add(string(m[name].Data))
	}
	f.Add("id: &a [*a]")
	f.Add("? {a: b}\n: c")
	f.Add("---\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"banks/fuzz.yaml", "channels/fuzz.yaml", "platforms/fuzz.yaml"} {
			m[name] = &fstest.MapFile{Data: []byte(text)}
		}
		set, err := profiles.Load(m, profiles.LoadOptions{})
		if (set == nil) == (err == nil) {
			t.Errorf("set %v, error %v", set != nil, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "profiles: ") {
			t.Errorf("not a list of faults: %v", err)
		}
	})
}
