package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// witness holds every answer of a gateway against gateway/openapi.yaml, in
// whatever test it is given: status, media type, headers, each value, and no field that the contract does not know.
type witness struct {
	t        testing.TB
	url      string
	contract *openapi3.T
	next     http.RoundTripper
}

func newWitness(t testing.TB, url string, next http.RoundTripper) *witness {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromFile(filepath.Join("..", "..", "gateway", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return &witness{t: t, url: url, contract: contract, next: next}
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.next.RoundTrip(r)
	if err != nil || !strings.HasPrefix(r.URL.String(), w.url+"/v1/") {
		return res, err
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil {
		return res, nil //nolint:nilerr // what the caller reads ends as early, and it minds
	}
	for _, wrong := range w.differ(r, res, text) {
		w.t.Errorf("%s %s answers %d: %s", r.Method, r.URL.Path, res.StatusCode, wrong)
	}
	return res, nil
}

func (w *witness) differ(r *http.Request, res *http.Response, text []byte) (wrong []string) {
	schema, err := w.schema(r, res)
	if err != nil {
		return []string{err.Error()}
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return []string{err.Error()}
	}
	if err := schema.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		wrong = append(wrong, err.Error())
	}
	wrong = append(wrong, unknown(schema, value, "")...)
	if res.Header.Get("X-Request-Id") == "" || res.Header.Get("Cache-Control") != "no-store" {
		wrong = append(wrong, fmt.Sprintf("headers %v", res.Header))
	}
	document, _ := value.(map[string]any)
	if retry, ok := document["retry"].(map[string]any); ok {
		after, _ := retry["after_s"].(float64)
		if want := strconv.Itoa(int(after)); (after > 0) != (res.Header.Get("Retry-After") != "") || (after > 0 && res.Header.Get("Retry-After") != want) {
			wrong = append(wrong, fmt.Sprintf("Retry-After %q with after_s %v", res.Header.Get("Retry-After"), after))
		}
	}
	if want := fmt.Sprintf("/v1/bindings/%v", document["id"]); res.StatusCode == http.StatusCreated && res.Header.Get("Location") != want {
		wrong = append(wrong, fmt.Sprintf("Location %q, want %q", res.Header.Get("Location"), want))
	}
	return wrong
}

// schema is what the contract says of such an answer.
func (w *witness) schema(r *http.Request, res *http.Response) (*openapi3.Schema, error) {
	for path, item := range w.contract.Paths.Map() {
		operation := item.GetOperation(r.Method)
		if operation == nil || !fits(path, r.URL.Path) {
			continue
		}
		response := operation.Responses.Status(res.StatusCode)
		if response == nil {
			response = operation.Responses.Default()
		}
		media := response.Value.Content.Get(res.Header.Get("Content-Type"))
		if media == nil || (res.StatusCode >= http.StatusBadRequest) != (res.Header.Get("Content-Type") == "application/problem+json") {
			return nil, fmt.Errorf("the contract has no %d of %s", res.StatusCode, res.Header.Get("Content-Type"))
		}
		return media.Schema.Value, nil
	}
	return nil, fmt.Errorf("the contract has no such route")
}

func fits(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

// property is what a schema, or one that it is made of, says of a field.
func property(s *openapi3.Schema, key string) *openapi3.SchemaRef {
	if p := s.Properties[key]; p != nil {
		return p
	}
	for _, part := range s.AllOf {
		if p := property(part.Value, key); p != nil {
			return p
		}
	}
	return nil
}

// unknown are the fields that no schema describes.
func unknown(s *openapi3.Schema, value any, at string) (found []string) {
	switch v := value.(type) {
	case map[string]any:
		for key, e := range v {
			p := property(s, key)
			if p == nil {
				found = append(found, at+"/"+key+" is not in the contract")
				continue
			}
			found = append(found, unknown(p.Value, e, at+"/"+key)...)
		}
	case []any:
		for i, e := range v {
			found = append(found, unknown(s.Items.Value, e, fmt.Sprintf("%s/%d", at, i))...)
		}
	}
	return found
}

// The witness itself on trial.
func TestWitnessSeesWhatIsNotInTheContract(t *testing.T) {
	w := newWitness(t, "", nil)
	const good = `{"id":"bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX","state":"awaiting_code","user_id":"u","platform":"wechat","bank":{"id":"abc","tier":"state"},
		"channel":"nucc","card":{"last4":"0018","type":"debit","scheme":"unionpay"},"next":{"action":"confirm"},"created_at":"2026-11-23T10:00:00+08:00","updated_at":"2026-11-23T10:00:00+08:00"}`
	for text, n := range map[string]int{
		good: 0,
		strings.Replace(good, `"awaiting_code"`, `"waiting"`, 1):    1,
		strings.Replace(good, `"user_id":"u",`, ``, 1):              1,
		strings.Replace(good, `"tier":"state"`, `"rank":1`, 1):      2,
		strings.Replace(good, `"action"`, `"before":1,"action"`, 1): 1,
		`[]`: 2, `{`: 1,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/bindings", nil)
		if err != nil {
			t.Fatal(err)
		}
		res := &http.Response{StatusCode: http.StatusCreated, Header: http.Header{
			"Content-Type": {"application/json"}, "X-Request-Id": {"1"}, "Cache-Control": {"no-store"}, "Location": {"/v1/bindings/bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX"},
		}}
		if wrong := w.differ(r, res, []byte(text)); len(wrong) != n {
			t.Errorf("%s: %d differences, want %d: %q", text, len(wrong), n, wrong)
		}
		res.Header.Set("Content-Type", "text/plain")
		if wrong := w.differ(r, res, []byte(text)); len(wrong) != 1 {
			t.Errorf("as plain text: %q", wrong)
		}
	}
}
