// Floor is the least that a gateway can cost. For each POST /v1/bindings it
// does what none can leave out, and nothing else:
//
//   - one Echo request with a JSON body, one JSON answer. Echo is here because
//     the gateway's server is Echo: with another one the floor would measure
//     the libraries' difference as well;
//   - the keyed hashes of caller, body and card, and the person under SM4-GCM;
//   - the rows of a binding that is meant, on the disk before a byte leaves;
//   - one EPCC message, enveloped and signed, over one tuned transport;
//   - the answer's signature verified and its envelope opened;
//   - the rows of what became of it, on the disk before the caller hears it.
//
// It checks no field, knows no profile, limits nothing, logs nothing, counts
// nothing and has one error: all goes well or the process ends. Benchmarks
// divide the gateway's cost by its cost. It is not shipped, and it changes
// only when the operations listed here change.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/labstack/echo/v4"

	"kaqiao/profiles"
	"kaqiao/profiles/wire/seal"
)

// floor is what all requests share. Nothing of it changes but the numbers and the rows.
type floor struct {
	hub    string
	client *http.Transport
	rows   *rows

	sign, open *sm2.PrivateKey  // ours
	verify, to *ecdsa.PublicKey // the hub's
	serials    [2]string        // of sign and to
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where callers call")
	keys := flag.String("keys", "", "folder of the channels' keys")
	data := flag.String("data", "", "the journal's file")
	schema := flag.String("schema", "", "the gateway's schema.sql")
	hub := flag.String("hub", "", "where frames are posted")
	flag.Parse()

	f := &floor{hub: *hub}
	f.readKeys(*keys)
	f.rows = openRows(*data, *schema)
	e := echo.New()
	e.GET("/readyz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	e.POST("/v1/bindings", f.apply)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	must(err)
	server := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	go func() { <-ctx.Done(); _ = server.Close() }()
	_ = server.Serve(l)
}

// readKeys takes the gateway's side of the shipped channel nucc.
func (f *floor) readKeys(dir string) {
	set, err := profiles.Shipped(profiles.LoadOptions{})
	must(err)
	channel := set.Channel("nucc")
	ring, err := channel.Ring(seal.Gateway, dir)
	must(err)
	key := func(side seal.Side, use string) seal.Key {
		k, err := ring.Active(side, use, "sm2")
		must(err)
		return k
	}
	own, other := key(seal.Gateway, "sign"), key(seal.Bank, "encrypt")
	f.sign, f.open = own.Private.(*sm2.PrivateKey), key(seal.Gateway, "encrypt").Private.(*sm2.PrivateKey)
	f.to, f.verify = other.Public.(*ecdsa.PublicKey), key(seal.Bank, "sign").Public.(*ecdsa.PublicKey)
	f.serials = [2]string{own.Serial, other.Serial}

	secure, err := channel.ClientTLS(dir)
	must(err)
	f.client = tuned(secure)
}

// tuned keeps its connections: the default transport keeps two.
func tuned(secure *tls.Config) *http.Transport {
	return &http.Transport{
		TLSClientConfig: secure, MaxConnsPerHost: 1024, MaxIdleConnsPerHost: 1024,
		IdleConnTimeout: time.Minute, DisableCompression: true,
	}
}

// must ends the program: a floor has no second way.
func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
