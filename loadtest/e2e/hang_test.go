package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// Every bank behind one hub hangs. Who asked is told in time that it is not known,
// no place stays taken, banks on other channels never notice, and when the banks
// are back, cards are bound and what was unknown is found out.
func TestAHubWhoseBanksAllHang(t *testing.T) {
	p := startPair(t)
	victims := []string{"icbc", "abc", "boc", "ccb", "bocom", "psbc"}
	for _, bank := range victims {
		if err := p.control.Behave(t.Context(), bank, map[string]any{"faults": []map[string]any{{"kind": "no_reply_before_commit"}}}); err != nil {
			t.Fatal(err)
		}
	}
	var unknown, refused atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for _, bank := range victims {
		for _, c := range p.customers(t, bank, "debit", 12) {
			all.Go(func() {
				a, err := p.client.Create(t.Context(), request(c), client.NewKey())
				var no *client.Problem
				switch {
				case err == nil && a.State == "processing":
					unknown.Add(1)
				case errors.As(err, &no) && no.Outcome == client.OutcomeNotSent: // a breaker has opened meanwhile
					refused.Add(1)
				default:
					t.Errorf("%s: %s, %v", bank, a.State, err)
				}
			})
		}
	}
	p.bind(t, "bob", p.customers(t, "bob", "debit", 1)[0])
	all.Wait()
	t.Logf("%d unknown, %d not sent, within %v", unknown.Load(), refused.Load(), time.Since(began))
	if unknown.Load() == 0 || time.Since(began) > 15*time.Second { // each waits for 1s at the most, and in a queue
		t.Errorf("%d unknown after %v", unknown.Load(), time.Since(began))
	}
	for _, bank := range victims {
		if err := p.control.Calm(t.Context(), bank); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "no place is taken and every bank is asked again", func(ctx context.Context) bool {
		for _, bank := range victims {
			b, err := p.client.BankByID(ctx, bank)
			if err != nil || b.Health.InFlight != 0 || b.Health.Waiting != 0 || b.Health.State == "unavailable" {
				return false
			}
		}
		return true
	})
	for _, bank := range victims {
		c := p.customers(t, bank, "credit", 1)[0]
		eventually(t, bank+" binds again", func(ctx context.Context) bool { // its breaker may still be trying it
			a, err := p.client.Create(ctx, request(c), client.NewKey())
			return err == nil && a.State == "awaiting_code"
		})
	}
	p.mustAgree(t)
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
