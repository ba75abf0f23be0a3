package epcc

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"kaqiao/profiles/wire"
)

// Limits of a message's shape, far above what any message needs.
const (
	maxElements = 256 // elements, known and unknown
	maxDepth    = 16  // levels of unknown elements
)

// scanner reads the small part of XML that these messages use: elements and
// text. Attributes stand in the root only; comments, CDATA, processing
// instructions and document types are refused, so that the bytes which the
// seal covers can be read in one way only.
type scanner struct {
	text     []byte
	at       int
	elements int
}

func (s *scanner) fail(what string) error {
	return fmt.Errorf("byte %d of the signed text: %s: %w", s.at, what, wire.ErrMalformed)
}

// root reads the root's start tag, which may have one attribute, the namespace.
func (s *scanner) root() error {
	end := bytes.IndexByte(s.text, '>')
	if end < 0 || !bytes.HasPrefix(s.text, []byte("<root")) {
		return s.fail("no start of the root")
	}
	attr := bytes.TrimSpace(s.text[len("<root"):end])
	if len(attr) > 0 {
		value, ok := bytes.CutPrefix(attr, []byte("xmlns="))
		if !ok || !isQuoted(value) || s.text[len("<root")] > ' ' || bytes.ContainsAny(value, "<&") {
			return s.fail("the root has more than its namespace")
		}
	}
	s.at = end + 1
	return nil
}

// isQuoted reports whether a text stands in quotes of either kind, with none of its kind inside.
func isQuoted(text []byte) bool {
	return len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && bytes.IndexByte(text[1:], text[0]) == len(text)-2
}

// child passes over white space and reads the next start tag, unless the
// parent ends here: then it reads the parent's end tag and returns no name.
func (s *scanner) child(parent []byte) (name []byte, empty bool, err error) {
	s.space()
	if bytes.HasPrefix(s.text[s.at:], []byte("</")) {
		return nil, false, s.end(parent)
	}
	if s.at >= len(s.text) || s.text[s.at] != '<' {
		return nil, false, s.fail("text between elements")
	}
	if s.elements++; s.elements > maxElements {
		return nil, false, s.fail("more than " + strconv.Itoa(maxElements) + " elements")
	}
	return s.start()
}

// start reads a start tag without attributes, or an empty-element tag.
func (s *scanner) start() (name []byte, empty bool, err error) {
	from := s.at + 1
	to := from
	for to < len(s.text) && isNameByte(s.text[to]) {
		to++
	}
	if to == from || to-from > 64 {
		return nil, false, s.fail("not the name of an element")
	}
	s.at = to
	s.space()
	switch {
	case bytes.HasPrefix(s.text[s.at:], []byte(">")):
		s.at++
		return s.text[from:to], false, nil
	case bytes.HasPrefix(s.text[s.at:], []byte("/>")):
		s.at += 2
		return s.text[from:to], true, nil
	}
	return nil, false, s.fail("a start tag with more than its name")
}

// end reads an end tag.
func (s *scanner) end(name []byte) error {
	rest, ok := bytes.CutPrefix(s.text[s.at:], []byte("</"))
	if ok {
		rest, ok = bytes.CutPrefix(rest, name)
	}
	if !ok {
		return s.fail("not the end tag that belongs here")
	}
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != '>' {
		return s.fail("an end tag with more than its name")
	}
	s.at = len(s.text) - len(rest) + 1
	return nil
}

// value reads an element's text and its end tag.
func (s *scanner) value(name []byte) ([]byte, error) {
	length := bytes.IndexByte(s.text[s.at:], '<')
	if length < 0 {
		return nil, s.fail("text without end")
	}
	raw := s.text[s.at : s.at+length]
	s.at += length
	if err := s.end(name); err != nil {
		return nil, err
	}
	if bytes.IndexByte(raw, '&') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw, nil
	}
	text, ok := unescape(raw)
	if !ok {
		return nil, s.fail("a reference that is none")
	}
	return text, nil
}

// skip passes over an unknown element whose start tag has been read.
func (s *scanner) skip(name []byte, depth int) error {
	if depth > maxDepth {
		return s.fail("deeper than " + strconv.Itoa(maxDepth) + " levels")
	}
	for {
		if next := bytes.IndexByte(s.text[s.at:], '<'); next >= 0 {
			s.at += next
		}
		child, empty, err := s.child(name)
		if err != nil || child == nil {
			return err
		}
		if !empty {
			if err := s.skip(child, depth+1); err != nil {
				return err
			}
		}
	}
}

func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// unescape resolves the five named references and those of numbers, and ends lines as XML says.
func unescape(raw []byte) ([]byte, bool) {
	raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	out := make([]byte, 0, len(raw))
	for {
		before, after, found := bytes.Cut(raw, []byte("&"))
		out = append(out, before...)
		if !found {
			return out, true
		}
		name, rest, ok := bytes.Cut(after, []byte(";"))
		r := reference(name)
		if !ok || r == 0 {
			return nil, false
		}
		out = utf8.AppendRune(out, r)
		raw = rest
	}
}

// reference returns the character that a reference names, or 0.
func reference(name []byte) rune {
	switch string(name) {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "amp":
		return '&'
	case "quot":
		return '"'
	case "apos":
		return '\''
	}
	digits, ok := bytes.CutPrefix(name, []byte("#"))
	digits, hex := bytes.CutPrefix(digits, []byte("x"))
	if !ok || len(digits) > 8 {
		return 0
	}
	base := 10
	if hex {
		base = 16
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return 0
	}
	return rune(n)
}
