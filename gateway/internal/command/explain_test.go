package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// storyOf writes a binding that was killed in the middle of its confirm, and found out.
func storyOf(t *testing.T, folder string) *journal.SQLite {
	t.Helper()
	s, err := journal.Open(journal.Config{Path: filepath.Join(folder, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	at := func(ms int) time.Time {
		return time.Date(2026, 3, 2, 10, 0, 0, 0, profiles.Beijing).Add(time.Duration(ms) * time.Millisecond)
	}
	const id, number = "bnd_01KJP4C580Q56AMAT5P0G1D8EX", "2026030200000000000000000010001"
	b := journal.Binding{
		ID: id, Version: 1, Caller: "wallet", UserID: "u_1001", Platform: "wechat", Bank: "abc", Tier: "state", Channel: "nucc", Member: "C1010311000014",
		State: "active", Live: true, CardLast4: "0018", CardType: "debit", CardScheme: "unionpay", Agreement: "SGN0001", Class: "I",
		Challenge: journal.Challenge{Kind: "sms", To: "138****8000", ExpiresAt: at(300_000)}, Number: number,
		CreatedAt: at(0), UpdatedAt: at(25_000), ExpiresAt: at(900_000),
	}
	attempt := func(id string, kind op.Kind, from, to int, outcome op.Outcome) journal.Attempt {
		return journal.Attempt{
			ID: id, Binding: b.ID, Kind: kind, Channel: "nucc", Bank: "abc", Settled: true, Outcome: outcome,
			IntendedAt: at(from), SettledAt: at(to), Exchange: time.Duration(to-from) * time.Millisecond,
		}
	}
	apply, confirm, query := attempt("att_1", op.Apply, 0, 340, op.Accepted), attempt("att_2", op.Confirm, 9_000, 22_000, op.Accepted), attempt("att_3", op.Query, 24_000, 24_050, op.Accepted)
	apply.Number, confirm.Number, confirm.Borrowed, query.Of, confirm.Exchange = number, number, true, confirm.ID, 0
	confirm.Deadline = confirm.SettledAt // which is how it is known that its process died
	apply.Said = "epcc.101.001.01  SndDt=2026-03-02T10:00:00  IssrId=G4001011000016  SgnInf.SgnAcctIssrId=C1010311000014  SgnInf.SgnAcctId=****0018  SgnInf.SgnAcctNm=•••  TrxInf.TrxCtgy=0201"
	apply.Heard, query.Heard = "epcc.102.001.01  SysRtnInf.SysRtnCd=00000000", "epcc.302.001.01  BizInf.BizStsCd=00000000"
	confirm.Said = "epcc.101.001.01  TrxInf.TrxCtgy=0202  TrxInf.AuthMsg=•••"
	open := attempt("att_4", op.Unsign, 60_000, 65_000, op.Unknown)
	open.Reason, open.AskAt, open.Asked, open.Number = op.BankTimeout, at(67_000), 1, number[:30]+"2"
	err = s.Apply(t.Context(), journal.Change{
		Binding: &b, Attempts: []journal.Attempt{apply, confirm, query, open}, Sealed: &journal.Sealed{Binding: id, Data: []byte("opaque")},
		Notices: []journal.Notice{{Channel: "nucc", ID: "20260302000000000000000000900001", At: at(66_000), Member: b.Member, Agreement: b.Agreement, Heard: "epcc.104.001.01  SgnInf.SgnNo=SGN0001"}},
		Events:  []journal.Event{{ID: "evt_1", Caller: "wallet", Subject: id, Seq: 3, Type: "binding.active", At: at(24_050), Body: []byte("{}"), State: journal.EventDelivered, Tries: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExplain(t *testing.T) {
	folder := t.TempDir()
	s := storyOf(t, folder)
	defer func() { _ = s.Close() }() // it goes on beside a gateway that runs
	for _, lang := range []string{"en", "zh"} {
		var out, errs bytes.Buffer
		if code := Run(t.Context(), []string{"explain", "--data", folder, "--lang", lang, "bnd_01KJP4C580Q56AMAT5P0G1D8EX"}, nil, os.Stdin, &out, &errs); code != exitOK {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		golden := filepath.Join("testdata", "explain."+lang+".txt")
		want, err := os.ReadFile(golden)
		if err != nil || out.String() != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", golden, out.String(), want)
		}
	}
}

func TestExplainBriefly(t *testing.T) {
	folder := t.TempDir()
	if err := storyOf(t, folder).Close(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := Run(t.Context(), []string{"explain", "--brief", "--data", folder, "bnd_01KJP4C580Q56AMAT5P0G1D8EX"}, nil, os.Stdin, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if got := out.String(); strings.ContainsAny(got, "→←") && strings.Contains(got, "epcc.") || !strings.Contains(got, "heard unasked") {
		t.Errorf("briefly:\n%s", got)
	}
}

func TestExplainWhatIsNotThere(t *testing.T) {
	folder := t.TempDir()
	if err := storyOf(t, folder).Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no binding named": {[]string{"explain", "--data", folder}, exitUsage, "say which binding"},
		"no id of ours":    {[]string{"explain", "--data", folder, "abc"}, exitUsage, "say which binding"},
		"no such binding":  {[]string{"explain", "--data", folder, "bnd_none"}, exitFailed, "there is no binding bnd_none"},
		"no journal":       {[]string{"explain", "--data", filepath.Join(folder, "none"), "bnd_none"}, exitUsage, "--data"},
		"no such language": {[]string{"explain", "--data", folder, "--lang", "fr", "bnd_none"}, exitUsage, "en or zh"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := Run(t.Context(), c.args, nil, os.Stdin, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.says) {
				t.Errorf("exit code %d: %s", code, errs.String())
			}
		})
	}
	if _, err := os.Stat(filepath.Join(folder, "none")); err == nil {
		t.Error("looking for a journal has made a folder")
	}
}
