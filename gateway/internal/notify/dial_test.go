package notify

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestWhatMayBeDialled(t *testing.T) {
	private := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		at                 string
		plain, listed, dev error
	}{
		{"1.1.1.1:443", nil, nil, nil},
		{"1.1.1.1:8443", nil, nil, nil},
		{"1.1.1.1:80", errPort, errPort, nil},
		{"1.1.1.1:22", errPort, errPort, nil},
		{"[2606:4700::1]:443", nil, nil, nil},
		{"10.1.2.3:443", errAddress, nil, nil},
		{"10.1.2.3:9000", errAddress, nil, nil},
		{"10.2.2.3:443", errAddress, errAddress, nil},
		{"[::ffff:10.2.2.3]:443", errAddress, errAddress, nil},
		{"[::ffff:127.0.0.1]:443", errAddress, errAddress, nil},
		{"[64:ff9b::a00:1]:443", errAddress, errAddress, nil},
		{"[2002:a00:1::]:443", errAddress, errAddress, nil},
		{"127.0.0.1:443", errAddress, errAddress, nil},
		{"127.1.2.3:443", errAddress, errAddress, nil},
		{"[::1]:443", errAddress, nil, nil},
		{"172.16.0.1:443", errAddress, errAddress, nil},
		{"192.168.1.1:443", errAddress, errAddress, nil},
		{"100.64.0.1:443", errAddress, errAddress, nil},
		{"[fc00::1]:443", errAddress, errAddress, nil},
		{"0.0.0.0:443", errAddress, errAddress, errAddress},
		{"[::]:443", errAddress, errAddress, errAddress},
		{"169.254.169.254:443", errAddress, errAddress, errAddress},
		{"[::ffff:169.254.169.254]:443", errAddress, errAddress, errAddress},
		{"100.100.100.200:443", errAddress, errAddress, errAddress},
		{"[fd00:ec2::254]:443", errAddress, errAddress, errAddress},
		{"[fe80::1%eth0]:443", errAddress, errAddress, errAddress},
		{"224.0.0.1:443", errAddress, errAddress, errAddress},
		{"[ff02::1]:443", errAddress, errAddress, errAddress},
		{"255.255.255.255:443", errAddress, errAddress, errAddress},
	} {
		for name, g := range map[string]struct {
			guard
			want error
		}{"plain": {guard{}, c.plain}, "listed": {guard{allow: private}, c.listed}, "dev": {guard{dev: true}, c.dev}} {
			if err := g.control("tcp", c.at, nil); !errors.Is(err, g.want) {
				t.Errorf("%s, %s: %v, want %v", c.at, name, err, g.want)
			}
		}
	}
	if (&guard{}).control("tcp", "nonsense", nil) == nil {
		t.Error("what is no address is dialled")
	}
}

func TestWhatMayBeNamed(t *testing.T) {
	for url, want := range map[string][2]bool{ // outside development, within
		"https://wallet.example/events":                 {true, true},
		"https://wallet.example:8443/e?t=1":             {true, true},
		"https://wallet.example:9000/":                  {false, true},
		"https://wallet.example:0/":                     {false, false},
		"https://wallet.example:70000/":                 {false, false},
		"http://wallet.example/":                        {false, false},
		"http://127.0.0.1:9000/":                        {false, true},
		"http://localhost:9000/":                        {false, true},
		"http://10.0.0.1/":                              {false, false},
		"https://10.0.0.1/":                             {false, true},
		"https://[::1]/":                                {false, true},
		"https://169.254.169.254/latest":                {false, false},
		"https://me:secret@wallet.example/":             {false, false},
		"https://wallet.example/#x":                     {false, false},
		"ftp://wallet.example/":                         {false, false},
		"https:///":                                     {false, false},
		"wallet.example":                                {false, false},
		"https://w.example/" + strings.Repeat("x", 600): {false, false},
	} {
		for i, dev := range []bool{false, true} {
			if err := (&guard{dev: dev}).checkURL(url); (err == nil) != want[i] {
				t.Errorf("%s, dev %v: %v", url, dev, err)
			}
		}
	}
}

// names is a resolver whose answers change.
type names struct{ answers chan netip.Addr }

func (n names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{<-n.answers}, nil
}

// A name that was public when it was added, and leads home when it is dialled, is not posted to.
func TestRebinding(t *testing.T) {
	answers := make(chan netip.Addr, 10)
	h := newHouse(t, func(c *Config) { c.Resolver = names{answers} })
	if _, err := Add(h.file, Endpoint{Caller: "wallet", URL: "https://wallet.example/events"}, false, monday); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "::ffff:192.168.0.1"} {
		answers <- netip.MustParseAddr(a)
		h.happen("wallet", a, 1)
	}
	h.run()
	for _, e := range h.marks(5) {
		if e.Note != "the endpoint's address is not allowed" || e.Tries != 1 {
			t.Errorf("%+v", e)
		}
	}
}

// A redirect is an answer like any other that is not 2xx.
func TestRedirectsAreNotFollowed(t *testing.T) {
	h := newHouse(t)
	inner, _, url := h.receiver("another", nil)
	_, _, _ = h.receiver("wallet", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, url, http.StatusTemporaryRedirect)
	})
	h.happen("wallet", "a", 1)
	h.run()
	if e := h.marks(1)[0]; e.Note != "answered 307" || e.State != "waiting" || len(inner) != 0 {
		t.Errorf("%+v", e)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	h := newHouse(t)
	got, _, _ := h.receiver("wallet", nil)
	h.cfg.TLS = nil // the system's certificates alone
	h.happen("wallet", "a", 1)
	h.run()
	if e := h.marks(1)[0]; e.Note != "the endpoint's certificate is not trusted" || len(got) != 0 {
		t.Errorf("%+v", e)
	}
}

func TestPauses(t *testing.T) {
	var sum time.Duration
	for n := 1; n < maxTries; n++ {
		d := pause("evt_1", n)
		sum += d
		if d < 4*time.Second || d > longest+longest/jitterParts {
			t.Errorf("pause %d is %v", n, d)
		}
	}
	if sum < 60*time.Hour || sum > 90*time.Hour {
		t.Errorf("all pauses are %v", sum)
	}
	if pause("evt_1", 3) == pause("evt_2", 3) {
		t.Error("two events come back together")
	}
}
