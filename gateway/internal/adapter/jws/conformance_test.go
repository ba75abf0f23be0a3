package jws_test

import (
	"testing"

	"kaqiao/gateway/internal/adapter/adaptertest"
)

func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Subject{Bank: "hsbc", Gaps: []adaptertest.Gap{
		{Row: adaptertest.Apply, Why: "people at the bank approve: no code is sent"},
		{Row: adaptertest.Challenge, Why: "who has not been called yet can't be called twice"},
		{Row: adaptertest.Confirm, Why: "there is no code to bring"},
		{Row: adaptertest.Cancel, Why: "no message takes a request back: it expires"},
		{Row: adaptertest.Reverse, Why: "the bank can be asked by our number, so nothing is undone"},
	}})
}
