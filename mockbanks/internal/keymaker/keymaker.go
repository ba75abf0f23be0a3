// Package keymaker makes the keys that both sides of every channel need on a
// machine of developers or testers: key pairs for seals and envelopes, and for
// TLS an authority with a client's and a server's certificate. Keys are made
// fresh on each machine and stand in no repository. A real deployment gets its
// keys from elsewhere.
package keymaker

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire/seal"
)

// Options are how Make works. The zero value keeps what is there.
type Options struct {
	// Force makes every key again; files that exist are replaced.
	Force bool
	// Now is when certificates begin to be valid. Required.
	Now func() time.Time
	// Wrote, where set, is told the path of each file as it is written.
	Wrote func(path string)
}

// Make makes the keys of all channels of the set under dir, where the
// profiles' file: references point. What exists stays as it is, so that Make
// may be repeated and goes on where it was interrupted; one process at a time.
// References that Make cannot serve are all reported at once, before anything
// is written.
func Make(dir string, set *profiles.Set, opts Options) error {
	if opts.Now == nil {
		return errors.New("keymaker: no clock was given")
	}
	plan, err := planOf(set)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the key folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the key folder: %w", err)
	}
	defer func() { _ = root.Close() }()

	s := &store{root: root, dir: dir, opts: opts, fresh: map[string]bool{}}
	for _, p := range plan.pairs {
		if err := s.makePair(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	for _, k := range plan.secrets {
		if err := s.makeSecret(k); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	for _, c := range plan.chains {
		if err := s.makeChain(c); err != nil {
			return fmt.Errorf("channel %s: %w", c.channel, err)
		}
	}
	for _, l := range plan.notices {
		if err := s.makeSigned(l); err != nil {
			return fmt.Errorf("channel %s: notices: %w", l.channel, err)
		}
	}
	return nil
}

// pair is one key pair for seals or envelopes.
type pair struct {
	name            string // channel and serial, for errors
	algorithm       string
	private, public string
}

// shared is one secret that both sides hold.
type shared struct {
	name            string // channel and serial, for errors
	algorithm, file string
}

// chain is one channel's TLS.
type chain struct {
	channel        string
	ca, caKey      string
	client, server leaf
}

// leaf is one certificate with its key.
type leaf struct {
	cert, key string
	hosts     []string // empty for a client
}

// signed is one certificate of an authority: a bank's for its notices, or the gateway's for taking them.
type signed struct {
	channel   string
	ca, caKey string
	leaf
	name string
	use  x509.ExtKeyUsage
}

type plan struct {
	pairs   []pair
	secrets []shared
	chains  []chain
	notices []signed
}

// planOf resolves every reference, and collects all faults.
func planOf(set *profiles.Set) (plan, error) {
	var p plan
	paths := &paths{roles: map[string]string{}}
	for _, ch := range set.Channels {
		for _, k := range ch.Keys {
			if k.Owner == "both" {
				p.secrets = append(p.secrets, paths.sharedOf(ch, k))
				continue
			}
			p.pairs = append(p.pairs, paths.pairOf(ch, k))
		}
		if ch.Endpoint.TLS != nil {
			p.chains = append(p.chains, paths.chainOf(ch))
		}
		if t := ch.Notices.TLS; t != nil {
			p.notices = append(p.notices, paths.noticesOf(ch.ID, t)...)
		}
	}
	// Channels may share a server's certificate: it must name the hosts of all of them.
	hosts := map[string][]string{}
	for _, c := range p.chains {
		hosts[c.server.cert] = append(hosts[c.server.cert], c.server.hosts...)
	}
	for i, c := range p.chains {
		p.chains[i].server.hosts = slices.Compact(slices.Sorted(slices.Values(hosts[c.server.cert])))
	}
	return p, errors.Join(paths.faults...)
}

// paths turns references into paths and sees that no file has two roles.
type paths struct {
	roles  map[string]string
	faults []error
}

func (p *paths) pairOf(ch *profiles.Channel, k profiles.Key) pair {
	name := fmt.Sprintf("channel %s: key %s", ch.ID, k.Serial)
	if k.Algorithm != "sm2" && k.Algorithm != "rsa" {
		p.fault(name, "algorithm must be sm2 or rsa")
	}
	return pair{
		name: name, algorithm: k.Algorithm,
		private: p.path(name+": private", k.Private, k.Algorithm+" private key beside "+string(k.Public)),
		public:  p.path(name+": public", k.Public, k.Algorithm+" public key beside "+string(k.Private)),
	}
}

func (p *paths) sharedOf(ch *profiles.Channel, k profiles.Key) shared {
	name := fmt.Sprintf("channel %s: key %s", ch.ID, k.Serial)
	if seal.SecretSizes(k.Algorithm) == nil {
		p.fault(name, "algorithm must be des, des3 or sm4")
	}
	return shared{
		name: name, algorithm: k.Algorithm,
		file: p.path(name+": secret", k.Secret, k.Algorithm+" "+k.Use+" key of channel "+ch.ID),
	}
}

func (p *paths) chainOf(ch *profiles.Channel) chain {
	name, tls := "channel "+ch.ID+": tls: ", ch.Endpoint.TLS
	c := chain{channel: ch.ID, ca: p.path(name+"ca", tls.CA, "authority")}
	c.caKey = authorityKey(c.ca)
	if c.ca != "" {
		p.path(name+"ca", profiles.Ref("file:"+c.caKey), "authority's key")
	}
	c.client = leaf{
		cert: p.path(name+"client_cert", tls.ClientCert, "client certificate of "+string(tls.CA)),
		key:  p.path(name+"client_key", tls.ClientKey, "client key of "+string(tls.ClientCert)),
	}
	c.server = leaf{
		cert:  p.path(name+"server_cert", tls.ServerCert, "server certificate of "+string(tls.CA)),
		key:   p.path(name+"server_key", tls.ServerKey, "server key of "+string(tls.ServerCert)),
		hosts: hostsOf(ch.Endpoint),
	}
	return c
}

// noticesOf are the bank's certificate for its notices, and the gateway's for taking them: that one
// lies beside its authority, as callbacks.crt and callbacks.key, because no profile names it.
func (p *paths) noticesOf(channel string, t *profiles.NoticesTLS) []signed {
	name := "channel " + channel + ": notices.tls: "
	authority := func(what string, ref profiles.Ref) (cert, key string) {
		if cert = p.path(name+what, ref, "authority"); cert != "" {
			key = authorityKey(cert)
			p.path(name+what, profiles.Ref("file:"+key), "authority's key")
		}
		return cert, key
	}
	bank := signed{channel: channel, name: "Kaqiao mock bank's notices", use: x509.ExtKeyUsageClientAuth, leaf: leaf{
		cert:  p.path(name+"client_cert", t.ClientCert, "client certificate of "+string(t.CA)+" for notices"),
		key:   p.path(name+"client_key", t.ClientKey, "client key of "+string(t.ClientCert)),
		hosts: []string{t.Name},
	}}
	bank.ca, bank.caKey = authority("ca", t.CA)
	gateway := signed{channel: channel, name: "Kaqiao gateway's callbacks", use: x509.ExtKeyUsageServerAuth}
	gateway.ca, gateway.caKey = authority("gateway_ca", t.GatewayCA)
	folder := filepath.Dir(gateway.ca)
	gateway.leaf = leaf{
		cert:  p.path(name+"gateway_ca", profiles.Ref("file:"+filepath.Join(folder, "callbacks.crt")), "gateway's certificate for callbacks"),
		key:   p.path(name+"gateway_ca", profiles.Ref("file:"+filepath.Join(folder, "callbacks.key")), "gateway's key for callbacks"),
		hosts: []string{"localhost", "127.0.0.1", "::1"},
	}
	return []signed{bank, gateway}
}

// path returns where a reference points, relative to the key folder.
func (p *paths) path(name string, ref profiles.Ref, role string) string {
	file, ok := strings.CutPrefix(string(ref), "file:")
	switch {
	case ref == "":
		p.fault(name, "no reference: write file:<path in the key folder>")
		return ""
	case !ok:
		p.fault(name, "only file: references can be made")
		return ""
	case !filepath.IsLocal(file):
		p.fault(name, "the path must lie inside the key folder")
		return ""
	}
	file = filepath.Clean(file)
	if other, taken := p.roles[file]; taken && other != role {
		p.fault(name, "the file is already the "+other)
	}
	p.roles[file] = role
	return file
}

func (p *paths) fault(name, reason string) {
	p.faults = append(p.faults, fmt.Errorf("%s: %s", name, reason))
}

// authorityKey is where an authority's key lies: no profile names it, because
// neither side needs it, but later certificates must come from the same authority.
func authorityKey(ca string) string {
	return strings.TrimSuffix(ca, filepath.Ext(ca)) + ".key"
}
