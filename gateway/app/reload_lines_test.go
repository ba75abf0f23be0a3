package app

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

// Long lines are signed on to with new keys before they take the place of the
// old ones; where that fails, the old ones stay.
func TestReloadOfLines(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := config(t)
	mac := filepath.Join(c.Keys, "mac.key")
	key := func(text string) {
		t.Helper()
		if err := os.WriteFile(mac, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key("0123456789ABCDEF")
	files := fstest.MapFS{"channels/nucc.yaml": {Data: []byte(channel)}, "channels/longlines.yaml": {Data: []byte(`
id: longlines
name: {zh: 长线, en: Long lines}
protocol: iso8583
endpoint: {url: "tcp://` + listener.Addr().String() + `", lines: 1}
options: {hub: "00010000"}
keys: [{serial: "1", owner: both, use: mac, algorithm: des, secret: "file:mac.key"}]
`)}}
	for _, name := range []string{"banks/abc.yaml", "platforms/wechat.yaml"} {
		raw, err := fs.ReadFile(profiles.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: raw}
	}
	if c.Set, err = profiles.Load(files, profiles.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	channel := c.Set.Channel("longlines")
	codec := func() *iso8583.Codec {
		t.Helper()
		ring, err := channel.Ring(seal.Bank, c.Keys)
		if err != nil {
			t.Fatal(err)
		}
		codec, err := iso8583.New(iso8583.Options{Hub: "00010000"}, ring)
		if err != nil {
			t.Fatal(err)
		}
		return codec
	}
	var knows atomic.Pointer[iso8583.Codec] // what the bank knows; nil: it takes no line
	knows.Store(codec())
	var bank sync.WaitGroup
	bank.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			bank.Go(func() { signOn(conn, knows.Load()) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); bank.Wait() })

	log := &told{want: "a line is ready", came: make(chan struct{})}
	c.Log = slog.New(slog.NewTextHandler(log, nil))
	a, _ := start(t, c)
	<-log.came

	first := a.ways.of("longlines")
	key("FEDCBA9876543210")
	knows.Store(nil)
	wait, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := a.Reload(wait); err == nil || !strings.Contains(err.Error(), "longlines: no line came up with the new keys") {
		t.Errorf("got %v", err)
	}
	if w := a.ways.of("longlines"); w != first || w.link.(liner).Ready() != 1 {
		t.Error("the old line did not stay")
	}
	knows.Store(codec())
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := a.ways.of("longlines"); w == first || w.link.(liner).Ready() != 1 {
		t.Error("the new line is not in its place")
	}
}

// signOn answers sign-ons on one line until it is closed.
func signOn(conn net.Conn, codec *iso8583.Codec) {
	defer func() { _ = conn.Close() }()
	framer, b := iso8583.NewFramer(0), make([]byte, 4096)
	for codec != nil {
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		framer.Feed(b[:n])
		body, ok, err := framer.Next()
		if err != nil || !ok {
			continue
		}
		m, err := codec.Decode(wire.Frame{Body: body})
		on, is := m.(*iso8583.Network)
		if err != nil || !is {
			return
		}
		f, err := codec.Encode(&iso8583.NetworkAnswer{
			Header: iso8583.Header{Destination: on.Header.Source, Source: on.Header.Destination}, Trace: on.Trace, Code: on.Code, ResponseCode: "00",
		})
		if err != nil {
			return
		}
		out, _ := iso8583.AppendFrame(nil, f.Body)
		_, _ = conn.Write(out)
	}
}
