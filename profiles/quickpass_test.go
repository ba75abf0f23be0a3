package profiles_test

import (
	"strings"
	"testing"

	"kaqiao/profiles"
	"kaqiao/profiles/bins"
)

// What is known of the QuickPass mark: the profile's row first, then the network, then the age of the prefix.
func TestQuickPassOfCards(t *testing.T) {
	m := withTemplates(t)
	text := strings.Replace(string(m["banks/mybank.yaml"].Data), "bins:\n", `bins:
  - {prefix: "62999903", length: 16, quickpass: never}
  - {prefix: "45999903", length: 16, scheme: visa}
  - {prefix: "95999903", length: 19}
  - {prefix: "95999904", length: 19, quickpass: unknown}
`, 1)
	for option, old := range map[string]string{"never": bins.Never, "unknown": bins.Unknown} {
		m["banks/mybank.yaml"].Data = []byte(strings.Replace(text, "old_cards_quickpass: never", "old_cards_quickpass: "+option, 1))
		set, err := profiles.Load(m, profiles.LoadOptions{})
		must(t, err)
		for number, want := range map[string]string{
			"6299990100000000000": bins.Always, "6299990200000000": bins.Unknown, "6299990300000000": bins.Never,
			"4599990300000000": bins.Never, "9599990300000000000": old, "9599990400000000000": bins.Unknown,
		} {
			if row, ok := set.BINs.Lookup(number); !ok || row.QuickPass != want {
				t.Errorf("%s with old cards %s: %q, want %q", number, option, row.QuickPass, want)
			}
		}
	}
	// The shipped table's rows go by their bank's word.
	set := shipped(t)
	for number, want := range map[string]string{"9558800000000000000": bins.Never, "6228480000000000018": bins.Unknown} {
		if row, ok := set.BINs.Lookup(number); !ok || row.QuickPass != want {
			t.Errorf("%s: %+v, want %q", number, row, want)
		}
	}
}
