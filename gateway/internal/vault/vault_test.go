package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"kaqiao/gateway/internal/op"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// clock is a time that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, profiles.Beijing)

func keyFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault.key")
	if err := vault.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, c *clock) *vault.Vault {
	t.Helper()
	v, err := vault.Open(vault.Config{KeyFile: path, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func fresh(t testing.TB) *vault.Vault { return open(t, keyFile(t), &clock{noon}) }

var person = op.Person{
	Card: secret.NewCard("6228480402564890018"), CardType: "debit", Name: secret.NewName("欧阳修"),
	DocumentType: "id_card", Document: secret.NewDocument("11010519491231002X"), Mobile: secret.NewMobile("+8613800138000"),
	CVV: secret.NewCVV("987"), Expiry: secret.NewExpiry("2031-07"),
}

const account = "wallet-account-001"

func reveal(p op.Person, account string) []string {
	return []string{p.Card.Reveal(), p.CardType, p.Name.Reveal(), p.DocumentType, p.Document.Reveal(), p.Mobile.Reveal(), account}
}

func TestSealAndOpen(t *testing.T) {
	v := fresh(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 40, 1024)
		in := op.Person{
			Card: secret.NewCard(text.Draw(t, "card")), CardType: text.Draw(t, "type"), Name: secret.NewName(text.Draw(t, "name")),
			DocumentType: text.Draw(t, "document type"), Document: secret.NewDocument(text.Draw(t, "document")),
			Mobile: secret.NewMobile(text.Draw(t, "mobile")), CVV: secret.NewCVV("987"), Expiry: secret.NewExpiry("2031-07"),
		}
		binding, account := text.Draw(t, "binding"), text.Draw(t, "account")
		sealed, err := v.Seal(binding, in, account)
		if err != nil || sealed.Binding != binding {
			t.Fatalf("seal for %q: %q, %v", binding, sealed.Binding, err)
		}
		out, outAccount, err := v.Open(binding, sealed.Data)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprintf("%q", reveal(out, outAccount)), fmt.Sprintf("%q", reveal(in, account)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if !out.CVV.IsZero() || !out.Expiry.IsZero() {
			t.Fatal("CVV or expiry was kept")
		}
	})
}

func TestSealedBytesShowNothing(t *testing.T) {
	path := keyFile(t)
	v := open(t, path, &clock{noon})
	person := person
	person.CVV = secret.NewCVV("98765432109") // longer than any: three digits stand in random bytes by chance
	one, err := v.Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	two, err := v.Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	// Beyond version and epoch, nothing repeats: neither key nor nonce is used again.
	for i := 5; i+8 < len(one.Data); i++ {
		if bytes.Contains(two.Data, one.Data[i:i+8]) {
			t.Fatalf("two seals of one person share bytes at %d", i)
		}
	}
	epochs, err := os.ReadFile(path + ".epochs")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(reveal(person, account), "98765432109", "2031-07", "bnd_1", "622848", "19491231") {
		if bytes.Contains(one.Data[5:], []byte(text)) || bytes.Contains(epochs, []byte(text)) {
			t.Errorf("%q is found in what is kept", text)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	v := fresh(t)
	sealed, err := v.Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, binding string, data []byte) {
		t.Helper()
		p, account, err := v.Open(binding, data)
		if !errors.Is(err, vault.ErrSealed) {
			t.Fatalf("%s: got %v, want %v", what, err, vault.ErrSealed)
		}
		if p != (op.Person{}) || account != "" {
			t.Fatalf("%s: something was opened", what)
		}
		for _, text := range reveal(person, account) {
			if text != "" && strings.Contains(err.Error(), text) {
				t.Fatalf("%s: the error quotes %q", what, text)
			}
		}
	}
	refused("another binding", "bnd_2", sealed.Data)
	for i := range sealed.Data {
		for bit := range 8 {
			tampered := bytes.Clone(sealed.Data)
			tampered[i] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d", bit, i), "bnd_1", tampered)
		}
		refused(fmt.Sprintf("cut to %d bytes", i), "bnd_1", sealed.Data[:i])
	}
	refused("more than was sealed", "bnd_1", append(bytes.Clone(sealed.Data), 0))
	other, err := fresh(t).Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	refused("another vault's", "bnd_1", other.Data)
	// The key of one seal with the person of another.
	again, err := v.Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	const keyEnd = 1 + 4 + 12 + 16 + 16
	refused("mixed", "bnd_1", append(bytes.Clone(sealed.Data[:keyEnd]), again.Data[keyEnd:]...))
}

func TestSealRefusesLongFields(t *testing.T) {
	long := person
	long.Name = secret.NewName(strings.Repeat("n", 1025))
	if _, err := fresh(t).Seal("bnd_1", long, account); err == nil || strings.Contains(err.Error(), "nnn") {
		t.Errorf("got %v", err)
	}
}

// What was sealed yesterday opens after a restart, until the day is destroyed.
func TestEpochs(t *testing.T) {
	path, c := keyFile(t), &clock{noon}
	v := open(t, path, c)
	first, err := v.Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Destroy(c.at); err == nil {
		t.Error("the present day was destroyed")
	}
	c.at = time.Date(2026, 3, 2, 23, 59, 59, 0, profiles.Beijing) // still the same Beijing day
	same, err := v.Seal("bnd_2", person, account)
	if err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(time.Second)
	second, err := v.Seal("bnd_3", person, account)
	if err != nil {
		t.Fatal(err)
	}
	v = open(t, path, c)
	opens := func(binding string, data []byte, want error) {
		t.Helper()
		if _, _, err := v.Open(binding, data); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", binding, err, want)
		}
	}
	opens("bnd_1", first.Data, nil)
	opens("bnd_3", second.Data, nil)
	if err := v.Destroy(noon); err != nil {
		t.Fatal(err)
	}
	for range 2 { // now, and after a restart
		opens("bnd_1", first.Data, vault.ErrDestroyed)
		opens("bnd_2", same.Data, vault.ErrDestroyed)
		opens("bnd_3", second.Data, nil)
		v = open(t, path, c)
	}
	c.at = noon // a clock that goes back brings no destroyed key back
	opens("bnd_1", first.Data, vault.ErrDestroyed)
	fourth, err := v.Seal("bnd_4", person, account) // but new bindings are sealed all the same, under the later day's
	if err != nil {
		t.Fatal(err)
	}
	opens("bnd_4", fourth.Data, nil)
	c.at = c.at.AddDate(0, 0, 1)
	opens("bnd_4", fourth.Data, nil)
	if err := v.Destroy(noon.AddDate(0, 0, 1)); err == nil {
		t.Error("the day under whose key bnd_4 lies was destroyed on that day")
	}
}

// Several vaults with the same files, as of several processes, agree on the keys.
func TestSharedFiles(t *testing.T) {
	path, c := keyFile(t), &clock{noon}
	const many = 8
	var vaults [many]*vault.Vault
	for i := range vaults {
		vaults[i] = open(t, path, c)
	}
	var sealed [many][]byte
	var all sync.WaitGroup
	for i, v := range vaults {
		all.Go(func() {
			s, err := v.Seal("bnd_1", person, account)
			if err != nil {
				t.Error(err)
			}
			sealed[i] = s.Data
		})
	}
	all.Wait()
	for i := range sealed {
		for j, v := range vaults {
			if _, _, err := v.Open("bnd_1", sealed[i]); err != nil {
				t.Errorf("vault %d does not open what vault %d has sealed: %v", j, i, err)
			}
		}
	}
}

func TestHashes(t *testing.T) {
	path := keyFile(t)
	v, again, other := open(t, path, &clock{noon}), open(t, path, &clock{noon.AddDate(1, 0, 0)}), fresh(t)
	text := "6228480402564890018"
	hashes := [][]byte{
		v.CardHash(secret.NewCard(text)), v.Fingerprint([]byte(text)), v.CallerHash(secret.NewKey(text)),
		v.CardHash(secret.NewCard("6228480402564890019")), other.CardHash(secret.NewCard(text)),
	}
	for i, a := range hashes {
		if len(a) != 32 {
			t.Errorf("hash %d has %d bytes, want 32", i, len(a))
		}
		for j, b := range hashes {
			if (i == j) != bytes.Equal(a, b) {
				t.Errorf("hashes %d and %d: equal is %v", i, j, i != j)
			}
		}
	}
	if !bytes.Equal(hashes[0], again.CardHash(secret.NewCard(text))) {
		t.Error("the hash of a card is another one after a restart")
	}
}

func BenchmarkSeal(b *testing.B) {
	v := fresh(b)
	for b.Loop() {
		if _, err := v.Seal("bnd_1", person, account); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	v := fresh(b)
	sealed, err := v.Seal("bnd_1", person, account)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := v.Open("bnd_1", sealed.Data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
