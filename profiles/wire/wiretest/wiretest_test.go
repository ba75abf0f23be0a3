package wiretest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

type Inner struct{ Name secret.Name }

type sample struct {
	Inner
	Code   secret.Code
	Fen    int64
	Lines  []Inner
	Absent string
}

func (*sample) Type() string { return "sample" }

func TestValuesNameEverything(t *testing.T) {
	m := &sample{Inner: Inner{secret.NewName("a")}, Code: secret.NewCode("b"), Fen: 7, Lines: []Inner{{secret.NewName("c")}, {}}}
	want := map[string]string{"Inner.Name": "a", "Code": "b", "Fen": "7", "Lines[0].Name": "c"}
	if diff := cmp.Diff(want, Values(m)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	delete(want, "Fen")
	if diff := cmp.Diff(want, secrets(m)); diff != "" {
		t.Errorf("secrets, -want +got:\n%s", diff)
	}
}

func TestParseGolden(t *testing.T) {
	g, err := parseGolden("source: a book: page 3\nreceiver: bank\nA.B = c = d\nE = \n\nbytes\n\nmore")
	if err != nil {
		t.Fatal(err)
	}
	if g.Source != "a book: page 3" || g.Notes["receiver"] != "bank" || g.Values["A.B"] != "c = d" || string(g.Frame.Body) != "bytes\n\nmore" {
		t.Errorf("%+v", g)
	}
	for name, text := range map[string]string{
		"no source":   "A = b\n\nbytes",
		"no bytes":    "source: s\n\n",
		"no gap":      "source: s\nbytes",
		"strange":     "source: s\nwhat is this\n\nbytes",
		"named twice": "source: s\nA = b\nA = c\n\nbytes",
	} {
		if _, err := parseGolden(text); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestDifferLooksBothWays(t *testing.T) {
	lines := differ(map[string]string{"a": "1", "b": "2"}, map[string]string{"a": "1", "c": "3"})
	if got := strings.Join(lines, "\n"); got != `b: "", want "2"`+"\n"+`c: "3", want nothing` {
		t.Error(got)
	}
}

// gossip says in a plain field what it hides in another.
type gossip struct {
	Code  secret.Code
	Plain string
}

func (*gossip) Type() string { return "gossip" }

func TestAnOutlineThatShowsASecretIsCaught(t *testing.T) {
	s := Suite{Draw: func(t *rapid.T) wire.Message {
		code := rapid.StringMatching("[0-9]{8}").Draw(t, "code")
		return &gossip{secret.NewCode(code), "the code is " + code}
	}}
	if err := s.outlines(); err == nil || !strings.Contains(err.Error(), "shows Code") {
		t.Errorf("not caught: %v", err)
	}
	s.Draw = func(t *rapid.T) wire.Message {
		return &gossip{secret.NewCode(rapid.StringMatching("[0-9]{8}").Draw(t, "code")), "nothing"}
	}
	if err := s.outlines(); err != nil {
		t.Error(err)
	}
}
