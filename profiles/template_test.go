package profiles_test

import (
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"kaqiao/profiles"
	"kaqiao/profiles/wire/epcc"
)

// The templates are the manual: each loads beside the shipped set as soon as
// its copy has the name of its id, and each shows every key there is.
func TestTemplates(t *testing.T) {
	m := files(t)
	shown, keys := map[string]bool{}, map[string]string{}
	for _, tt := range []struct {
		folder string
		types  []reflect.Type
	}{
		// A direct route has the keys of a channel: the two templates show them together.
		{"banks", []reflect.Type{reflect.TypeFor[profiles.Bank]()}},
		{"channels", []reflect.Type{reflect.TypeFor[profiles.Channel](), reflect.TypeFor[epcc.Options]()}},
		{"platforms", []reflect.Type{reflect.TypeFor[profiles.Platform]()}},
	} {
		text, err := os.ReadFile(tt.folder + "/_template.yaml")
		must(t, err)
		var root yaml.Node
		must(t, yaml.Unmarshal(text, &root))
		var head struct {
			ID string `yaml:"id"`
		}
		must(t, root.Decode(&head))
		m[tt.folder+"/"+head.ID+".yaml"] = &fstest.MapFile{Data: text}
		collect(&root, shown)
		for _, key := range keysOf(tt.types...) {
			keys[key] = tt.folder
		}
	}
	for key, folder := range keys {
		if !shown[key] {
			t.Errorf("no template shows the key %s of %s/", key, folder)
		}
	}
	set, err := profiles.Load(m, profiles.LoadOptions{})
	must(t, err)
	if set.Bank("mybank") == nil || set.Channel("myhub") == nil || set.Channel("mybank") == nil || set.Platform("mywallet") == nil {
		t.Error("a template is not in the set")
	}
	if row, ok := set.BINs.Lookup("6299990100000000000"); !ok || row.Bank != "mybank" {
		t.Errorf("the template's own cards: %+v", row)
	}
}

func TestTemplatesNeverShip(t *testing.T) {
	must(t, fs.WalkDir(profiles.Embedded(), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, "_template") {
			t.Errorf("%s is embedded", path)
		}
		return err
	}))
	set, err := profiles.Load(os.DirFS("."), profiles.LoadOptions{})
	must(t, err)
	if set.Bank("mybank") != nil || len(set.Banks) != len(shipped(t).Banks) {
		t.Error("a template was loaded from a folder")
	}
}

// collect gathers all keys of a tree.
func collect(node *yaml.Node, into map[string]bool) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			into[child.Value] = true
		}
		collect(child, into)
	}
}

// keysOf lists the keys of structs and of all that they hold.
func keysOf(types ...reflect.Type) []string {
	var list []string
	for _, t := range types {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			continue
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			if name != "" && !slices.Contains(list, name) {
				list = append(append(list, name), keysOf(t.Field(i).Type)...)
			}
		}
	}
	return list
}
