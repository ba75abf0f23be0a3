package secret_test

import (
	"bytes"
	"database/sql/driver"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"kaqiao/profiles/secret"
)

// hidden is the part of every secret here that no mask may show.
const hidden = "HIDDENPART"

// value is what all kinds of secrets have in common.
type value interface {
	Reveal() string
	String() string
}

func kinds() map[string]value {
	const text = "621" + hidden + "0012"
	return map[string]value{
		"card": secret.NewCard(text), "cvv": secret.NewCVV(text), "expiry": secret.NewExpiry(text), "code": secret.NewCode(text),
		"password": secret.NewPassword(text), "document": secret.NewDocument(text), "name": secret.NewName(text),
		"mobile": secret.NewMobile(text), "email": secret.NewEmail(text), "key": secret.NewKey(text),
	}
}

// shapes puts a secret wherever a programmer might.
func shapes(v value) map[string]any {
	type unexported struct {
		plain string
		value value
	}
	pointer := reflect.New(reflect.TypeOf(v))
	pointer.Elem().Set(reflect.ValueOf(v))
	return map[string]any{
		"bare":                 v,
		"pointer":              pointer.Interface(),
		"interface slice":      []any{v, v},
		"map value":            map[string]any{"k": v},
		"map key":              map[any]int{v: 1},
		"pointer to slice":     &[]value{v},
		"exported field":       struct{ Value any }{v},
		"unexported field":     unexported{"x", v},
		"pointer to those":     &unexported{"x", v},
		"nested":               []any{map[string]any{"k": &unexported{"x", v}}},
		"reflect.Value":        reflect.ValueOf(v),
		"unexported reflected": reflect.ValueOf(unexported{"x", v}).Field(1),
		"array":                [2]value{v, v},
	}
}

// typed are shapes that need the type itself, for one kind; all kinds are one generic type.
func typed() map[string]any {
	c := secret.NewCard("621" + hidden + "0012")
	type unexported struct {
		card  secret.Card
		cards []secret.Card
		byKey map[secret.Card]secret.Card
		ptr   *secret.Card
		array [2]secret.Card
		deep  struct{ card secret.Card }
	}
	u := unexported{c, []secret.Card{c}, map[secret.Card]secret.Card{c: c}, &c, [2]secret.Card{c, c}, struct{ card secret.Card }{c}}
	type exported struct {
		Card  secret.Card
		Cards []secret.Card
		ByKey map[secret.Card]secret.Card
		Ptr   *secret.Card
	}
	return map[string]any{
		"unexported": u, "pointer to unexported": &u, "slice of unexported": []unexported{u},
		"exported": exported{c, []secret.Card{c}, map[secret.Card]secret.Card{c: c}, &c},
		"embedded": struct{ secret.Card }{c}, "function": func() secret.Card { return c }, "channel": make(chan secret.Card, 1),
	}
}

func each(t *testing.T, try func(name string, v any) string) {
	t.Helper()
	tried := 0
	look := func(name string, v any) {
		tried++
		if got := try(name, v); strings.Contains(got, hidden) || strings.Contains(got, hex(hidden)) {
			t.Errorf("%s shows the secret: %s", name, got)
		}
	}
	for kind, v := range kinds() {
		for shape, s := range shapes(v) {
			look(kind+" as "+shape, s)
		}
	}
	for shape, s := range typed() {
		look("card as "+shape, s)
	}
	if tried < 100 {
		t.Errorf("only %d shapes were tried", tried)
	}
}

func hex(s string) string { return fmt.Sprintf("%x", s) }

func TestNoVerbPrints(t *testing.T) {
	flags := []string{"", "+", "#", " ", "-30", "030", ".40", "+#"}
	each(t, func(_ string, v any) string {
		var all strings.Builder
		for verb := ' '; verb <= '~'; verb++ {
			for _, flag := range flags {
				fmt.Fprintf(&all, "%"+flag+string(verb)+"\n", v)
			}
		}
		fmt.Fprint(&all, v)
		fmt.Fprintln(&all, v, v)
		return all.String()
	})
}

func TestNoErrorPrints(t *testing.T) {
	each(t, func(_ string, v any) string {
		err := errors.Join(fmt.Errorf("with %v: %w", v, errors.New("x")), fmt.Errorf("%#v", v))
		for _, mistake := range []string{"%w", "%!", "%d %w", "%[3]w"} { // which must not show the secret either
			err = errors.Join(err, fmt.Errorf(mistake, v))
		}
		return err.Error() + fmt.Sprintf("%+v %#v", err, err)
	})
}

func TestNoLogPrints(t *testing.T) {
	each(t, func(_ string, v any) string {
		var out bytes.Buffer
		for _, h := range []slog.Handler{
			slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}), slog.NewJSONHandler(&out, nil),
		} {
			l := slog.New(h)
			l.Info("message", "key", v, slog.Any("any", v), slog.Group("group", "key", v))
			l.With("with", v).WithGroup("g").Error(fmt.Sprint(v), "key", []any{v})
		}
		log.New(&out, "", 0).Printf("%v %+v", v, v)
		return out.String()
	})
}

func TestNoEncodingCarries(t *testing.T) {
	each(t, func(_ string, v any) string {
		var out bytes.Buffer
		for _, marshal := range []func(any) ([]byte, error){
			json.Marshal, func(v any) ([]byte, error) { return json.Marshal(map[string]any{"v": v}) }, xml.Marshal, yaml.Marshal,
		} {
			fmt.Fprintln(&out, outcome(marshal, v))
		}
		fmt.Fprintln(&out, gob.NewEncoder(&out).Encode(v), gob.NewEncoder(&out).Encode(struct {
			Name  string
			Value any
		}{"x", v}))
		return out.String()
	})
}

// outcome returns the text, the error or the library's panic: some have no way
// to write functions, channels or structures without a name.
func outcome(marshal func(any) ([]byte, error), v any) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	out, err := marshal(v)
	return fmt.Sprint(string(out), err)
}

func TestGobRefuses(t *testing.T) {
	var out bytes.Buffer
	c := secret.NewCard("621" + hidden + "0012")
	err := gob.NewEncoder(&out).Encode(struct {
		Name string
		Card secret.Card
	}{"x", c})
	if err == nil {
		t.Error("gob stores a structure with a card: it would come back empty, which nobody would notice")
	}
	if strings.Contains(out.String(), hidden) {
		t.Error("gob carries the card")
	}
}

func TestNoTemplatePrints(t *testing.T) {
	const text = `{{.}} {{printf "%v %s %q %x %d" . . . . .}} {{print .}} {{html .}} {{js .}} {{urlquery .}} {{println .}}`
	plain := template.Must(template.New("").Parse(text))
	page := htmltemplate.Must(htmltemplate.New("").Parse(`<a href="?{{.}}" onclick="x({{.}})">{{.}}</a><script>{{.}}</script>`))
	each(t, func(_ string, v any) string {
		var out bytes.Buffer
		said := outcome(func(v any) ([]byte, error) { return nil, plain.Execute(&out, v) }, v)
		said += outcome(func(v any) ([]byte, error) { return nil, page.Execute(&out, v) }, v)
		return said + out.String()
	})
}

func TestNoPanicPrints(t *testing.T) {
	each(t, func(_ string, v any) (text string) {
		defer func() { text = fmt.Sprint(recover()) }()
		panic(v)
	})
}

// A database gets what is revealed on purpose, and nothing else.
func TestNoDatabaseTakes(t *testing.T) {
	for kind, v := range kinds() {
		if got, err := driver.DefaultParameterConverter.ConvertValue(v); err == nil {
			t.Errorf("%s: a database would store %v", kind, got)
		}
	}
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{secret.NewCard("6217000000000000012").String(), "****0012"},
		{secret.NewCard("62170000012").String(), "****"},
		{secret.NewCVV("123").String(), "***"},
		{secret.NewCode("1").String(), "***"},
		{secret.NewDocument("11010519491231002X").String(), "****2X"},
		{secret.NewDocument("1234567").String(), "****"},
		{secret.NewDocument("南字第12345678号").String(), "****"},
		{secret.NewName("张三").String(), "张**"},
		{secret.NewName("张").String(), "**"},
		{secret.NewName("Ada Lovelace").String(), "A**"},
		{secret.NewMobile("13800138000").String(), "138****8000"},
		{secret.NewMobile("+8613800138000").String(), "138****8000"},
		{secret.NewMobile("1380013800").String(), "****"},
		{secret.NewEmail("zhangsan@mail.example").String(), "z****@mail.example"},
		{secret.NewEmail("张三@mail.example").String(), "张****@mail.example"},
		{secret.NewEmail("z@mail.example").String(), "****@mail.example"},
		{secret.NewEmail("no address").String(), "****"},
		{secret.NewKey("").String(), ""},
		{secret.Card{}.String(), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Whatever stands in it, a card shows at most four characters and a document two.
func TestMasksNeverShowMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		for kind, shown := range map[string]string{
			"card": strings.TrimPrefix(secret.NewCard(text).String(), "****"), "document": strings.TrimPrefix(secret.NewDocument(text).String(), "****"),
		} {
			if limit := map[string]int{"card": 4, "document": 2}[kind]; len(shown) > limit {
				t.Fatalf("%s shows %q", kind, shown)
			}
		}
		if m := secret.NewMobile(text).String(); len(m) > 3+4+4 {
			t.Fatalf("a mobile number shows %q", m)
		}
	})
}

func TestReveal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		card := secret.NewCard(a)
		if card.Reveal() != a || card.IsZero() != (a == "") {
			t.Fatalf("%q comes back as %q, zero %v", a, card.Reveal(), card.IsZero())
		}
		if card.Equal(secret.NewCard(b)) != (a == b) || !card.Equal(secret.NewCard(a)) {
			t.Fatalf("%q and %q: equal %v", a, b, card.Equal(secret.NewCard(b)))
		}
	})
}

func TestRead(t *testing.T) {
	var in struct {
		Card secret.Card `json:"card" yaml:"card"`
		Name secret.Name `json:"name" yaml:"name"`
	}
	if err := json.Unmarshal([]byte(`{"card":"6217","name":null}`), &in); err != nil || in.Card.Reveal() != "6217" || !in.Name.IsZero() {
		t.Errorf("JSON: %v", err)
	}
	if err := yaml.Unmarshal([]byte("card: \"0012\"\nname: 张三\n"), &in); err != nil || in.Card.Reveal() != "0012" || in.Name.Reveal() != "张三" {
		t.Errorf("YAML: %v", err)
	}
	for _, bad := range []string{`{"card":6217` + `000000000000012}`, `{"card":["6217000000000000012"]}`, `{"card":{"6217000000000000012":1}}`, `{"card":true}`} {
		err := json.Unmarshal([]byte(bad), &in)
		if err == nil || strings.Contains(err.Error(), "6217") {
			t.Errorf("%v", err)
		}
	}
}
