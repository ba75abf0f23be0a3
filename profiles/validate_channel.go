package profiles

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// defaultPauses are the pauses before each query for an unknown outcome.
func defaultPauses() []Duration {
	var list []Duration
	for _, d := range []time.Duration{
		2 * time.Second, 5 * time.Second, 15 * time.Second,
		time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	} {
		list = append(list, Duration(d))
	}
	return list
}

// channel checks one channel by itself and fills in the defaults.
func (r *rules) channel(p place, c *Channel, protocols []string) {
	r.identity(p, c.ID, c.Name)
	r.way(p, c, protocols)
}

// way checks what a channel's file and a direct route have in common.
func (r *rules) way(p place, c *Channel, protocols []string) {
	choice(p.key("protocol"), &c.Protocol, "", protocols...)
	r.endpoint(p.key("endpoint"), &c.Endpoint)
	r.notices(p.key("notices").key("tls"), c)
	r.keys(p.key("keys"), c.Keys)
	r.limits(p.key("limits"), &c.Limits)
	r.channelBreaker(p.key("breaker"), &c.Breaker)
	connections(p, c)
	r.channelTimeouts(p.key("timeouts"), &c.Timeouts)
	r.resolve(p.key("resolve"), &c.Resolve)
	r.channelMock(p.key("mock"), &c.Mock)
	if slices.Contains(protocols, c.Protocol) {
		played(p.key("mock").key("faults"), c.Mock.Faults, c.Protocol)
	}
}

// connections wants one for each request that the gate lets through: an HTTP
// connection carries one at a time. With fewer, the requests of banks that hang
// would hold them all, and those of every other bank would wait behind the gate
// until their time is over.
func connections(p place, c *Channel) {
	has, lets := c.Endpoint.MaxConns, c.Limits.InFlight
	if !c.Endpoint.TCP() && has >= 1 && has < lets && lets <= 100_000 {
		p.key("endpoint").key("max_conns").fault("%s is less than limits.in_flight, %s: a connection carries one request at a time",
			commas(int64(has)), commas(int64(lets)))
	}
}

func (r *rules) endpoint(p place, e *Endpoint) {
	whole(p.key("max_answer_bytes"), &e.MaxAnswerBytes, 65_536, 1024, 16<<20)
	conns, lines := p.key("max_conns"), p.key("lines")
	if e.TCP() {
		whole(lines, &e.Lines, 2, 1, 64)
		conns.unused("never used: the url is tcp, whose connections are lines")
	} else {
		whole(conns, &e.MaxConns, 256, 1, 10_000)
		lines.unused("never used: the url is not tcp (its connections are max_conns)")
	}
	u := address(p.key("url"), e.URL)
	if u == nil {
		return
	}
	switch {
	case u.Scheme == "https" && e.TLS == nil:
		p.key("tls").fault("required where the url is https")
	case u.Scheme == "http" && e.TLS != nil:
		p.key("tls").fault("never used: the url is http")
	case e.TLS != nil:
		r.tls(p.key("tls"), e.TLS, u.Hostname())
	}
}

func (r *rules) tls(p place, t *TLS, host string) {
	r.ref(p.key("ca"), t.CA, true)
	r.ref(p.key("client_cert"), t.ClientCert, true)
	r.ref(p.key("client_key"), t.ClientKey, true)
	r.ref(p.key("server_cert"), t.ServerCert, t.ServerKey != "")
	r.ref(p.key("server_key"), t.ServerKey, t.ServerCert != "")
	if name := p.key("server_name"); name.absent() {
		t.ServerName = host
	} else {
		words(name, t.ServerName, 253)
	}
}

func (r *rules) notices(p place, c *Channel) {
	t := c.Notices.TLS
	if t == nil {
		return
	}
	if u, err := url.Parse(c.Endpoint.URL); err == nil && u.Scheme == "tcp" && u.Path == "" {
		p.fault("never used: the url is tcp, and notices come over its lines")
	}
	r.ref(p.key("ca"), t.CA, true)
	required(p.key("name"))
	words(p.key("name"), t.Name, 253)
	farm := t.ClientCert != "" || t.ClientKey != "" || t.GatewayCA != ""
	r.ref(p.key("client_cert"), t.ClientCert, farm)
	r.ref(p.key("client_key"), t.ClientKey, farm)
	r.ref(p.key("gateway_ca"), t.GatewayCA, farm)
}

// ref checks a reference to a secret. What stands in its place is never told: it may be the secret.
func (r *rules) ref(p place, ref Ref, needed bool) {
	if p.absent() && !needed {
		return
	}
	pattern(p, string(ref), r.reference, "a reference, file:PATH or env:NAME, never the secret itself")
	name, isFile := strings.CutPrefix(string(ref), "file:")
	if isFile && (name != path.Clean(name) || name == "." || name == ".." || strings.HasPrefix(name, "../")) {
		p.fault("want a plain path below the key folder, or an absolute one, without . and ..")
	}
}

func (r *rules) keys(p place, list []Key) {
	atMost(p, len(list), 256)
	type use struct{ owner, use, algorithm string }
	active := map[use]int{}
	for i := range list {
		q, k := p.item(i), &list[i]
		pattern(q.key("serial"), k.Serial, r.serial, "letters and digits in quotes, at most 64")
		choice(q.key("owner"), &k.Owner, "", "gateway", "bank", "both")
		choice(q.key("state"), &k.State, "active", "active", "retiring", "revoked")
		if k.Owner == "both" {
			r.sharedKey(q, k)
		} else {
			r.keyPair(q, k)
		}
		if k.State != "active" {
			continue
		}
		this := use{k.Owner, k.Use, k.Algorithm}
		if first, twice := active[this]; twice {
			whose := "the " + k.Owner
			if k.Owner == "both" {
				whose = "both"
			}
			q.fault("a second active %s %s key of %s beside entry %d: one must be retiring or revoked", k.Algorithm, k.Use, whose, first+1)
			continue
		}
		active[this] = i
	}
	seen := map[string]int{}
	for i, k := range list {
		if first, twice := seen[k.Serial]; twice && k.Serial != "" {
			p.item(i).key("serial").fault("the same serial as entry %d", first+1)
			continue
		}
		seen[k.Serial] = i
	}
}

// keyPair checks a key whose halves belong to one side and to everybody.
func (r *rules) keyPair(p place, k *Key) {
	choice(p.key("use"), &k.Use, "", "sign", "encrypt")
	choice(p.key("algorithm"), &k.Algorithm, "", "sm2", "rsa")
	r.ref(p.key("private"), k.Private, false)
	r.ref(p.key("public"), k.Public, true)
	if secret := p.key("secret"); !secret.absent() {
		secret.fault("never used: only a key that both own has a secret")
	}
}

// sharedKey checks a secret that both sides hold.
func (r *rules) sharedKey(p place, k *Key) {
	choice(p.key("use"), &k.Use, "", "mac", "master")
	algorithms := []string{"des", "des3", "sm4"}
	if k.Use == "master" {
		algorithms = algorithms[1:] // single DES protects no key
	}
	choice(p.key("algorithm"), &k.Algorithm, "", algorithms...)
	r.ref(p.key("secret"), k.Secret, true)
	for _, half := range []string{"private", "public"} {
		if q := p.key(half); !q.absent() {
			q.fault("never used: a key that both own has only a secret")
		}
	}
}

func (r *rules) resolve(p place, v *Resolve) {
	after := p.key("after")
	if after.absent() {
		v.After = defaultPauses()
	} else {
		atLeastOne(after, len(v.After), 32)
		for i := range v.After {
			span(after.item(i), &v.After[i], 0, 10*time.Millisecond, longest)
		}
	}
	if visible := p.key("visible_after"); visible.absent() {
		d := Duration(5 * time.Second)
		v.VisibleAfter = &d
	} else if v.VisibleAfter != nil {
		span(visible, v.VisibleAfter, 0, 0, time.Hour)
	}
	whole(p.key("not_found_times"), &v.NotFoundTimes, 2, 1, 10)
	span(p.key("human_after"), &v.HumanAfter, 24*time.Hour, 10*time.Minute, 30*24*time.Hour)
}

func (r *rules) channelMock(p place, m *ChannelMock) {
	r.latency(p.key("latency"), m.Latency)
	r.faults(p.key("faults"), m.Faults)
	whole(p.key("max_request_bytes"), &m.MaxRequestBytes, 65_536, 1024, 16<<20)
	whole(p.key("max_conns"), &m.MaxConns, 4096, 1, 100_000)
}

// platform checks one wallet and fills in the defaults.
func (r *rules) platform(p place, w *Platform) {
	r.identity(p, w.ID, w.Name)
	choices(p.key("schemes"), w.Schemes, schemes()...)
	choices(p.key("documents"), w.Documents, Documents()...)
	choice(p.key("real_name"), &w.RealName, "none", IdentityLevels()...)
	required(p.key("journey"))
	span(p.key("journey"), &w.Journey, 0, time.Second, time.Hour)
	for _, version := range []struct {
		key, otherwise string
		v              *string
	}{
		{"android", "5.0", &w.Terminal.Android}, {"ios", "10.0", &w.Terminal.IOS},
		{"harmony", "2.0", &w.Terminal.Harmony}, {"client", "", &w.Terminal.Client},
	} {
		q := p.key("terminal").key(version.key)
		if q.absent() {
			*version.v = version.otherwise
			continue
		}
		pattern(q, *version.v, r.version, `a version in quotes, such as "5.0"`)
	}
}
