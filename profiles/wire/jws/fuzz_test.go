package jws_test

import (
	"bytes"
	"testing"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
	"kaqiao/profiles/wire/wiretest"
)

// FuzzDecode takes bytes as they come, and then under a good signature, so
// that the search reaches behind it. Whatever is taken must be writable again
// and come back the same, and a second look at what is read may differ in
// nothing. Signatures hold chance, so coverage varies by itself: search with
// -fuzzminimizetime 10x.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Frame.Method, g.Frame.Path, g.Frame.Status, g.Frame.Header("x-idempotency-key"), g.Frame.Body)
	}
	f.Add("GET", "mandate-consents/1", 0, "", []byte(nil))
	f.Add("POST", "token", 0, "", []byte("grant_type=client_credentials&client_id=a"))
	f.Add("", "", 200, "", []byte(`{"access_token":"a","token_type":"Bearer","expires_in":60,"more":{"a":[1]}}`))
	f.Add("", "", 401, "", []byte(`{"error":"invalid_client"}`))
	sides := map[seal.Side]*jws.Codec{seal.Gateway: codec(f, seal.Gateway, jws.Options{}), seal.Bank: codec(f, seal.Bank, jws.Options{})}
	f.Fuzz(func(t *testing.T, method, path string, status int, key string, body []byte) {
		for side, receiver := range sides {
			frame := wire.Frame{Method: method, Path: path, Status: status, Body: body, Headers: []wire.Header{
				{Name: "x-fapi-interaction-id", Value: testUUID}, {Name: "x-idempotency-key", Value: key}, {Name: "retry-after", Value: ""},
			}}
			forged := forge{t, otherOf(side), false}
			signed := with(frame, "x-jws-signature", forged.sign(forged.encode(forged.header()), string(body)))
			for _, f := range []wire.Frame{frame, signed} {
				before := bytes.Clone(body)
				m, err := receiver.Decode(f)
				if !bytes.Equal(before, f.Body) {
					t.Fatal("the frame was changed")
				}
				if err == nil {
					again(t, sides[otherOf(side)], receiver, m)
				}
			}
		}
	})
}

func again(t *testing.T, sender, receiver *jws.Codec, m wire.Message) {
	t.Helper()
	frame, err := sender.Encode(m)
	if err != nil {
		t.Fatalf("what was taken can't be written: %v", err)
	}
	back, err := receiver.Decode(frame)
	if err != nil {
		t.Fatalf("what was written can't be read: %v", err)
	}
	want, got := wiretest.Values(m), wiretest.Values(back)
	for path, value := range want {
		if got[path] != value {
			t.Fatalf("%s: %q, then %q", path, value, got[path])
		}
	}
}
