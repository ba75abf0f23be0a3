package profiles

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// place is where a value stands in a file, or where a missing one would stand.
// Rules are checked on the decoded structs; places are only for telling faults
// and for knowing what was left out from what was written as zero.
type place struct {
	f    *file
	node *yaml.Node // nil where the key is absent
	near *yaml.Node // the closest node that exists
	path string
	bad  bool // a fault has been told of it, or of what holds it
}

func rootPlace(f *file) place {
	return place{f: f, node: f.root, near: f.root, bad: f.told[f.root]}
}

// key is the place of a key of the mapping at p.
func (p place) key(name string) place {
	child := place{f: p.f, near: p.near, path: join(p.path, name), bad: p.bad || p.f.told[p.node]}
	if p.node == nil || p.node.Kind != yaml.MappingNode {
		return child
	}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		if p.node.Content[i].Value == name {
			child.node, child.near = p.node.Content[i+1], p.node.Content[i+1]
			child.bad = child.bad || p.f.told[child.node]
			return child
		}
	}
	return child
}

// item is the place of an element of the list at p.
func (p place) item(i int) place {
	child := place{f: p.f, near: p.near, path: p.path + "[" + strconv.Itoa(i) + "]", bad: p.bad || p.f.told[p.node]}
	if p.node != nil && p.node.Kind == yaml.SequenceNode && i < len(p.node.Content) {
		child.node, child.near = p.node.Content[i], p.node.Content[i]
		child.bad = child.bad || p.f.told[child.node]
	}
	return child
}

// absent reports whether nothing stands here.
func (p place) absent() bool { return p.node == nil }

// fault tells what is wrong here, unless a fault was told already.
func (p place) fault(format string, args ...any) {
	message := label(p.path) + fmt.Sprintf(format, args...)
	switch {
	case p.bad:
	case p.node == nil:
		p.f.missing(p.path, p.near, "%s", message)
	default:
		p.f.at(p.node, "%s", message)
	}
}

// unused tells a key that stands here and is never read.
func (p place) unused(message string) {
	if !p.absent() {
		p.fault("%s", message)
	}
}

// whole checks a number and puts in the default where the key is absent.
func whole[N int | int64](p place, v *N, otherwise, least, most N) {
	if p.absent() {
		*v = otherwise
		return
	}
	if *v < least || *v > most {
		p.fault("%s is not within %s to %s", commas(int64(*v)), commas(int64(least)), commas(int64(most)))
	}
}

// span checks a duration and puts in the default where the key is absent.
func span(p place, v *Duration, otherwise, least, most time.Duration) {
	if p.absent() {
		*v = Duration(otherwise)
		return
	}
	if v.Std() < least || v.Std() > most {
		p.fault("%v is not within %v to %v", v.Std(), least, most)
	}
}

// choice checks a word and puts in the default where the key is absent. Without a default the key is required.
func choice(p place, v *string, otherwise string, words ...string) {
	switch {
	case p.absent() && otherwise == "":
		p.fault("required: one of %s", strings.Join(words, ", "))
	case p.absent():
		*v = otherwise
	case !slices.Contains(words, *v):
		p.fault("%s is not one of %s%s", quoted(*v), strings.Join(words, ", "), didYouMean(*v, words))
	}
}

// choices checks a list of different words.
func choices(p place, list []string, words ...string) {
	atLeastOne(p, len(list), len(words))
	for i := range list {
		choice(p.item(i), &list[i], "", words...)
	}
	distinct(p, list, func(s string) string { return s })
}

// words checks a text for people: required, and not endless.
func words(p place, s string, mostBytes int) {
	switch {
	case p.absent() || strings.TrimSpace(s) == "":
		p.fault("required: a text of at most %d bytes", mostBytes)
	case len(s) > mostBytes:
		p.fault("longer than %d bytes", mostBytes)
	}
}

// pattern checks a required text against a pattern. The value is not told, for it may be a secret in the wrong place.
func pattern(p place, s string, want *regexp.Regexp, said string) {
	switch {
	case p.absent():
		p.fault("required: %s", said)
	case !want.MatchString(s):
		p.fault("want %s", said)
	}
}

// atLeastOne checks the length of a list that must not be empty.
func atLeastOne(p place, n, most int) {
	if n == 0 {
		p.fault("required: at least one")
	}
	atMost(p, n, most)
}

// atMost checks the length of a list.
func atMost(p place, n, most int) {
	if n > most {
		p.fault("%s entries, more than %s", commas(int64(n)), commas(int64(most)))
	}
}

// distinct tells elements that stand in a list twice.
func distinct[E any, K comparable](p place, list []E, key func(E) K) {
	seen := make(map[K]int, len(list))
	for i, e := range list {
		if first, twice := seen[key(e)]; twice {
			p.item(i).fault("the same as entry %d", first+1)
			continue
		}
		seen[key(e)] = i
	}
}

// address checks scheme, host, port and path, and returns the URL, or nil. The value is not told: it may hold a password.
func address(p place, s string) *url.URL {
	const form = "scheme, host, port and path, such as https://127.0.0.1:9101/preSvr or tcp://127.0.0.1:9111"
	u, err := url.Parse(s)
	switch {
	case p.absent():
		p.fault("required: " + form)
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		p.fault("want " + form)
	case u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "tcp":
		p.fault("the scheme must be https, http or tcp")
	case u.Scheme == "tcp" && (u.Port() == "" || u.Path != ""):
		p.fault("want tcp, host and port, without a path, such as tcp://127.0.0.1:9111")
	case u.User != nil:
		p.fault("a URL with a user or password is not taken: secrets are file: or env: references")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		p.fault("a URL with ? or # is not taken")
	case badPort(u):
		p.fault("the port must be within 1 to 65,535")
	default:
		return u
	}
	return nil
}

func badPort(u *url.URL) bool {
	if u.Port() == "" {
		return strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err != nil || n < 1 || n > 65535
}

// commas writes 1000000 as 1,000,000.
func commas(n int64) string {
	if n < 0 {
		return "-" + commas(-n)
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
