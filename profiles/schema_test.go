package profiles_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"kaqiao/profiles"
)

// The templates show every key, so a schema that fits them fits the structs;
// and a slip in them must not fit.
func TestSchema(t *testing.T) {
	for _, folder := range []string{"banks", "channels", "platforms"} {
		text, err := profiles.Schema(folder)
		must(t, err)
		var schema map[string]any
		must(t, json.Unmarshal(text, &schema))
		template, err := os.ReadFile(folder + "/_template.yaml")
		must(t, err)
		var value any
		must(t, yaml.Unmarshal(template, &value))
		if err := fits(schema, value, folder); err != nil {
			t.Error(err)
		}
		value.(map[string]any)["naem"] = 1
		if fits(schema, value, folder) == nil {
			t.Errorf("%s: an unknown key fits", folder)
		}
	}
	if _, err := profiles.Schema("bank"); err == nil {
		t.Error("a schema of no folder")
	}
}

func TestSchemaRefusesWrongForms(t *testing.T) {
	text, err := profiles.Schema("banks")
	must(t, err)
	var schema map[string]any
	must(t, json.Unmarshal(text, &schema))
	for _, bad := range []string{
		"id: 7", "limits: {per_second: many}", "limits: {reserve: 10}", "limits: {reserve: {verify: 10%}}", "breaker: {open_for: 5s...6s}", "challenge: {ttl: 300}", "challenge: {ttl: fast}",
		`quiet_hours: "0-8"`, "accounts: {password_free: {supported: 1}}", "closed: {}", "routes: [{chanel: nucc}]",
	} {
		var value any
		must(t, yaml.Unmarshal([]byte(bad), &value))
		if fits(schema, value, "") == nil {
			t.Errorf("%s fits", bad)
		}
	}
	per := schema["properties"].(map[string]any)["limits"].(map[string]any)["properties"].(map[string]any)["per_second"].(map[string]any)
	if d := per["description"]; d != "PerSecond is requests a second, 1 to 1,000,000. Default 200." {
		t.Errorf("description %q", d)
	}
}

// fits is as much of JSON Schema as Schema writes.
func fits(schema map[string]any, value any, path string) error {
	if each, ok := schema["anyOf"].([]any); ok {
		var err error
		for _, one := range each {
			if err = fits(one.(map[string]any), value, path); err == nil {
				return nil
			}
		}
		return err
	}
	wrong := fmt.Errorf("%s: %T does not fit %v", path, value, schema["type"])
	switch schema["type"] {
	case "object":
		m, ok := value.(map[string]any)
		if !ok {
			return wrong
		}
		for key, v := range m {
			below, ok := schema["properties"].(map[string]any)[key].(map[string]any)
			if !ok {
				return fmt.Errorf("%s: no key %s", path, key)
			}
			if err := fits(below, v, path+"."+key); err != nil {
				return err
			}
		}
	case "array":
		list, ok := value.([]any)
		if !ok {
			return wrong
		}
		for _, v := range list {
			if err := fits(schema["items"].(map[string]any), v, path+"[]"); err != nil {
				return err
			}
		}
	case "string":
		s, ok := value.(string)
		pattern, _ := schema["pattern"].(string)
		if !ok || !regexp.MustCompile(pattern).MatchString(s) {
			return wrong
		}
	case "integer":
		if _, ok := value.(int); !ok {
			return wrong
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			return wrong
		}
	case "number":
		n, err := json.Number(strings.TrimSpace(fmt.Sprint(value))).Float64()
		if err != nil || n < schema["minimum"].(float64) || n > schema["maximum"].(float64) {
			return wrong
		}
	default:
		return fmt.Errorf("%s: a schema of type %v", path, schema["type"])
	}
	return nil
}
