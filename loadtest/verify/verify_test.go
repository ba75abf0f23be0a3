package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

func TestEachRowHasItsClass(t *testing.T) {
	for _, c := range []struct {
		name     string
		bindings []Binding
		books    []control.Agreement
		want     []string
	}{
		{"signed on both sides", []Binding{{"b1", "abc", "active", "A1", "0012"}}, []control.Agreement{{Number: "A1", State: "signed"}}, nil},
		{"ended on both sides", []Binding{{"b1", "abc", "revoked", "A1", "0012"}}, []control.Agreement{{Number: "A1", State: "unsigned"}}, nil},
		{"ended by the bank, noticed", []Binding{{"b1", "abc", "revoked", "A1", "0012"}}, []control.Agreement{{Number: "A1", State: "invalidated"}}, nil},
		{"signed and undone, unheard of", []Binding{{"b1", "abc", "failed", "", "0012"}}, []control.Agreement{{Number: "A1", State: "invalidated", CardLast4: "0012"}}, nil},
		{"no agreement anywhere", []Binding{{"b1", "abc", "failed", "", "0012"}, {"b2", "abc", "awaiting_code", "", "0012"}}, nil, nil},
		{"the bank has none", []Binding{{"b1", "abc", "active", "A1", "0012"}}, nil, []string{GatewayOnly}},
		{"active without a number", []Binding{{"b1", "abc", "active", "", "0012"}}, nil, []string{GatewayOnly}},
		{"the gateway has none", nil, []control.Agreement{{Number: "A1", State: "signed", CardLast4: "0012"}}, []string{FarmOnly}},
		{"the gateway gave up, the bank signed", []Binding{{"b1", "abc", "failed", "", "0012"}}, []control.Agreement{{Number: "A1", State: "signed", CardLast4: "0012"}}, []string{FarmOnly}},
		{"another bank's number", []Binding{{"b1", "icbc", "active", "A1", "0012"}}, []control.Agreement{{Number: "A1", State: "signed"}}, []string{FarmOnly, GatewayOnly}},
		{"the bank ended it", []Binding{{"b1", "abc", "active", "A1", "0012"}}, []control.Agreement{{Number: "A1", State: "unsigned"}}, []string{StateDiffers}},
		{"only the gateway ended it", []Binding{{"b1", "abc", "revoked", "A1", "0012"}}, []control.Agreement{{Number: "A1", State: "signed"}}, []string{StateDiffers}},
		{"ending", []Binding{{"b1", "abc", "revoking", "A1", "0012"}}, []control.Agreement{{Number: "A1", State: "signed"}}, []string{Undecided}},
		{"being found out", []Binding{{"b1", "abc", "processing", "", "0012"}}, nil, []string{Undecided}},
		{"being found out, and signed", []Binding{{"b1", "abc", "processing", "", "0012"}}, []control.Agreement{{Number: "A1", State: "signed", CardLast4: "0012"}}, []string{Undecided}},
		{"being found out, another card signed", []Binding{{"b1", "abc", "processing", "", "0012"}}, []control.Agreement{{Number: "A1", State: "signed", CardLast4: "9999"}}, []string{FarmOnly, Undecided}},
		{"one found out explains one agreement", []Binding{{"b1", "abc", "processing", "", "0012"}},
			[]control.Agreement{{Number: "A1", State: "signed", CardLast4: "0012"}, {Number: "A2", State: "signed", CardLast4: "0012"}}, []string{FarmOnly, Undecided}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Compare(c.bindings, map[string][]control.Agreement{"abc": c.books})
			var classes []string
			breaks := 0
			for _, r := range got.Rows {
				classes = append(classes, r.Class)
				if r.Class != Undecided {
					breaks++
				}
			}
			if !slices.Equal(classes, c.want) || got.Breaks() != breaks || got.Agreements != len(c.books) || got.Bindings != len(c.bindings) {
				t.Errorf("classes %v, want %v; %+v", classes, c.want, got)
			}
			if rows := got.Counts[Matched] + len(got.Rows); len(c.want) == 0 && got.Counts[Matched] != len(c.books) || rows < len(c.want) {
				t.Errorf("counts %v", got.Counts)
			}
		})
	}
}

// pages gives both sides' lists in pages of two.
type pages struct {
	bindings   []client.Binding
	histories  map[string][]client.Attempt
	agreements []control.Agreement
	fail       bool
}

func cut[T any](list []T, cursor string) ([]T, string) {
	from, _ := strconv.Atoi(cursor)
	if to := from + 2; to < len(list) {
		return list[from:to], strconv.Itoa(to)
	}
	return list[from:], ""
}

func (p pages) List(_ context.Context, q client.ListBindingsParams) (client.BindingPage, error) {
	page, next := cut(p.bindings, q.Cursor)
	return client.BindingPage{Bindings: page, NextCursor: next}, nil
}

func (p pages) Get(_ context.Context, id string) (client.Answer, error) {
	if p.fail {
		return client.Answer{}, errors.New("down")
	}
	return client.Answer{Binding: client.Binding{ID: id, History: p.histories[id]}}, nil
}

func (p pages) Banks(context.Context) ([]control.Bank, error) {
	return []control.Bank{{ID: "abc"}}, nil
}

func (p pages) Agreements(_ context.Context, _, cursor string, _ int) ([]control.Agreement, string, error) {
	if p.fail {
		return nil, "", errors.New("down")
	}
	page, next := cut(p.agreements, cursor)
	return page, next, nil
}

func TestEveryPageIsRead(t *testing.T) {
	var p pages
	for i := range 5 {
		b := client.Binding{ID: fmt.Sprint("b", i), State: "active"}
		b.Bank.ID, b.Agreement.Number = "abc", fmt.Sprint("A", i)
		p.bindings = append(p.bindings, b)
		p.agreements = append(p.agreements, control.Agreement{Number: fmt.Sprint("A", i), State: "signed"})
	}
	got, err := Read(t.Context(), p, p)
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Bindings: 5, Agreements: 5, Counts: map[string]int{Matched: 5}, Rows: []Row{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	p.fail = true
	if _, err := Read(t.Context(), p, p); err == nil {
		t.Error("books that cannot be read were taken for empty ones")
	}
}

// What a bank holds of a binding that has ended is no break while the gateway still looks after it.
func TestWhatIsLookedAfterIsNoBreak(t *testing.T) {
	tried := func(kind client.AttemptOperation, outcome client.Outcome) []client.Attempt {
		return []client.Attempt{{Operation: kind, Outcome: outcome}, {Operation: client.AttemptOperationQuery, Outcome: client.OutcomeUnknown}}
	}
	for _, c := range []struct {
		name, state, number string // number: the agreement that the binding names
		history             []client.Attempt
		books               []string // agreements that the bank has for the card, signed
		want                []string
	}{
		{"asked once more about a lost confirm", "failed", "", tried(client.AttemptOperationConfirm, client.OutcomeUnknown), []string{"A1"}, []string{Undecided}},
		{"an unsigning is owed", "cancelled", "A1", tried(client.AttemptOperationUnsign, client.OutcomeUnknown), []string{"A1"}, []string{Undecided}},
		{"nobody looks any more", "failed", "", tried(client.AttemptOperationConfirm, client.OutcomeRefused), []string{"A1"}, []string{FarmOnly}},
		{"the unsigning is done, says the gateway", "expired", "A1", tried(client.AttemptOperationUnsign, client.OutcomeAccepted), []string{"A1"}, []string{StateDiffers}},
		{"a binding that has not failed", "revoked", "A1", tried(client.AttemptOperationUnsign, client.OutcomeUnknown), []string{"A1"}, []string{StateDiffers}},
		{"one binding pardons one agreement", "failed", "", tried(client.AttemptOperationConfirm, client.OutcomeUnknown), []string{"A1", "A2"}, []string{FarmOnly, Undecided}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := client.Binding{ID: "b1", State: client.BindingState(c.state)}
			b.Bank.ID, b.Agreement.Number, b.Card.Last4 = "abc", c.number, "0012"
			p := pages{bindings: []client.Binding{b}, histories: map[string][]client.Attempt{"b1": c.history}}
			for _, number := range c.books {
				p.agreements = append(p.agreements, control.Agreement{Number: number, State: "signed", CardLast4: "0012"})
			}
			got, err := Read(t.Context(), p, p)
			if err != nil {
				t.Fatal(err)
			}
			var classes []string
			counts := map[string]int{}
			for _, r := range got.Rows {
				classes = append(classes, r.Class)
				counts[r.Class]++
				if r.Class == Undecided && (r.Binding != "b1" || r.GatewayState != c.state) {
					t.Errorf("the row does not say which binding: %+v", r)
				}
			}
			if !slices.Equal(classes, c.want) {
				t.Errorf("classes %v, want %v", classes, c.want)
			}
			for _, class := range Classes() {
				if got.Counts[class] != counts[class] {
					t.Errorf("counts %v, rows %v", got.Counts, classes)
				}
			}
		})
	}
}
