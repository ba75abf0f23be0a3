package farm

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// params reads a query string: each parameter once, and none unknown.
type params struct {
	values url.Values
	known  []string
	wrong  []string
}

func query(r *http.Request) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.wrong = append(p.wrong, "the query string is malformed")
	}
	return p
}

func (p *params) text(name string) string {
	p.known = append(p.known, name)
	if len(p.values[name]) > 1 {
		p.wrong = append(p.wrong, name+" is given twice")
	}
	return p.values.Get(name)
}

// number reads an integer of low to high; absent means otherwise.
func (p *params) number(name string, low, high, otherwise int) int {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		p.wrong = append(p.wrong, fmt.Sprintf("%s must be %d to %d", name, low, high))
	}
	return n
}

func (p *params) flag(name string) bool {
	switch p.text(name) {
	case "true":
		return true
	case "", "false":
	default:
		p.wrong = append(p.wrong, name+" must be true or false")
	}
	return false
}

// done returns all that was wrong.
func (p *params) done() error {
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			p.wrong = append(p.wrong, fmt.Sprintf("the parameter %.40q is not known", name))
		}
	}
	if p.wrong == nil {
		return nil
	}
	slices.Sort(p.wrong)
	return invalid("%s", strings.Join(p.wrong, "; "))
}
