package farm_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"kaqiao/mockbanks/farm"
	"kaqiao/profiles/wire/epcc"
)

// A bank whose book is damaged says that it is busy, and nothing else; the others notice nothing.
func TestBankWithADamagedBook(t *testing.T) {
	dir := t.TempDir()
	w := start(t, func(c *farm.Config) { c.DataDir = dir })
	who, other := w.customers("abc", "debit")[0], w.customers("bob", "debit")[0]
	apply := w.apply(abc, who)
	expectReceipt(t, must[*epcc.SignReceipt](w, apply), "00000000", "00000000", "")
	code := w.code("abc", who.Mobile)
	w.stop()
	books, err := filepath.Glob(filepath.Join(dir, "abc.db"))
	if err != nil || len(books) != 1 {
		t.Fatalf("%d books, %v", len(books), err)
	}
	sound, err := os.ReadFile(books[0])
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(sound)
	copy(damaged[len(damaged)/4:], bytes.Repeat([]byte{0xA5, 0x5A, 3}, len(damaged)/6))
	if err := os.WriteFile(books[0], damaged, 0o600); err != nil {
		t.Fatal(err)
	}

	w = start(t, func(c *farm.Config) { c.DataDir, c.Warm = dir, false })
	for range 2 {
		answer, err := w.ask(w.confirm(apply, code))
		if receipt, _ := answer.(*epcc.SignReceipt); !excused("ES000099")(receipt, err) {
			t.Errorf("the bank says %+v, %v", answer, err)
		}
	}
	expectReceipt(t, must[*epcc.SignReceipt](w, w.apply(bob, other)), "00000000", "00000000", "")
	w.stop()
	if now, err := os.ReadFile(books[0]); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the damaged book was changed: %v", err)
	}

	if err := os.WriteFile(books[0], sound, 0o600); err != nil {
		t.Fatal(err)
	}
	w = start(t, func(c *farm.Config) { c.DataDir = dir })
	if signed := must[*epcc.SignReceipt](w, w.confirm(apply, code)); signed.BizInf.BizStsCd != "00000000" || signed.BizInf.SgnNo == "" {
		t.Errorf("with its book back the bank says %+v", signed.BizInf)
	}
}
