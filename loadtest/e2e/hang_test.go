package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"kaqiao/gateway/client"
)

// A bank of each protocol hangs. What can't be asked is not asked any more, GET
// /v1/banks says why, and its neighbour on the same protocol never notices.
func TestABankThatHangsIsLeftAloneAndSaysWhy(t *testing.T) {
	p := startPair(t)
	for _, pair := range []struct{ victim, neighbour string }{{"icbc", "ccb"}, {"bob", "bosc"}, {"hsbc", "bea"}} {
		fault := map[string]any{"faults": []map[string]any{{"kind": "no_reply_before_commit"}}}
		if err := p.control.Behave(t.Context(), pair.victim, fault); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for _, c := range p.customers(t, pair.victim, "debit", 25) {
			all.Go(func() {
				// It is unknown, or refused when the breaker has opened: which of them is not this test's question.
				_, _ = p.client.Create(t.Context(), request(c), client.NewKey())
			})
		}
		p.bind(t, pair.neighbour, p.customers(t, pair.neighbour, "debit", 1)[0])
		all.Wait()
		eventually(t, pair.victim+" says why it is left alone", func(ctx context.Context) bool {
			b, err := p.client.BankByID(ctx, pair.victim)
			return err == nil && b.Health.State != "healthy" && slices.ContainsFunc(reasons(b), func(why string) bool { return strings.Contains(why, " new open") })
		})
		if b, err := p.client.BankByID(t.Context(), pair.neighbour); err != nil || b.Health.State != "healthy" {
			t.Errorf("%s is %s, %v", pair.neighbour, b.Health.State, err)
		}
		if err := p.control.Calm(t.Context(), pair.victim); err != nil {
			t.Fatal(err)
		}
	}
}

// reasons says which breakers of a bank and its channels are not closed, and why.
func reasons(b client.Bank) (list []string) {
	add := func(of string, h client.BankHealth) {
		for _, o := range h.Operations {
			if o.State == "closed" {
				continue
			}
			why := fmt.Sprintf("%s: %s %s", of, o.Operation, o.State)
			if by := o.OpenedBy; by != nil {
				why += fmt.Sprintf(" (%s, %d in a row; %+v)", by.Rule, by.InARow, by.Counts)
			}
			list = append(list, why)
		}
	}
	add("bank", b.Health)
	for _, c := range b.ChannelHealth {
		add("channel "+c.ID, c.Health)
	}
	return list
}
