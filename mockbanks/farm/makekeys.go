package farm

import (
	"time"

	"kaqiao/mockbanks/internal/keymaker"
	"kaqiao/profiles"
)

// MakeKeys makes the keys that both sides of every channel of the set need,
// fresh, under dir. Keys that exist are kept. It is for machines of developers
// and testers; mockbanks keys is the same for a shell.
func MakeKeys(dir string, set *profiles.Set, now func() time.Time) error {
	return keymaker.Make(dir, set, keymaker.Options{Now: now})
}
