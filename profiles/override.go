package profiles

import (
	"reflect"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// override lays the environment's values over the trees, before these are
// decoded: an override is checked by the same rules as a file. viper keeps the
// layer, in an instance of its own; the trees keep lines and strictness.
func (l *loader) override(env []string, banks, channels, platforms []*file) {
	layer := viper.NewWithOptions(viper.KeyDelimiter("/"))
	leaves := map[string]leaf{}
	for _, kind := range []struct {
		prefix string
		t      reflect.Type
		files  []*file
	}{
		{"KAQIAO_BANKS_", reflect.TypeFor[Bank](), banks},
		{"KAQIAO_CHANNELS_", reflect.TypeFor[Channel](), channels},
		{"KAQIAO_PLATFORMS_", reflect.TypeFor[Platform](), platforms},
	} {
		for _, assignment := range env {
			name, value, _ := strings.Cut(assignment, "=")
			rest, ours := strings.CutPrefix(name, kind.prefix)
			if !ours || value == "" {
				continue
			}
			found, hint := l.resolveName(rest, kind.t, kind.files)
			if len(found) != 1 {
				l.fault("environment "+name, hint)
				continue
			}
			key := found[0].f.name + "/" + strings.Join(found[0].path, "/")
			found[0].name = name
			leaves[key] = found[0]
			layer.Set(key, value)
		}
	}
	for key, leaf := range leaves {
		leaf.set(layer.GetString(key))
	}
}

// leaf is one single value of one file.
type leaf struct {
	f    *file
	path []string
	t    reflect.Type
	name string // of the variable
}

// resolveName finds the leaf that a variable names. An id and its keys both
// have _ in them, so all readings are tried; where there is not exactly one,
// the message says why.
func (l *loader) resolveName(rest string, t reflect.Type, files []*file) ([]leaf, string) {
	var found []leaf
	var ids []string
	var near string
	for _, f := range files {
		id := strings.ToUpper(strings.ReplaceAll(f.id, "-", "_"))
		ids = append(ids, strings.ToLower(id))
		key, ok := strings.CutPrefix(rest, id+"_")
		if !ok || f.root == nil {
			continue
		}
		all := l.leavesOf(f, t, nil)
		var names []string
		for _, leaf := range all {
			name := strings.ToUpper(strings.Join(leaf.path, "_"))
			if name == key {
				found = append(found, leaf)
			}
			names = append(names, strings.ToLower(name))
		}
		near = f.name + " has no single value of this name" + didYouMean(key, names) + "; lists can't be overridden"
	}
	switch {
	case len(found) > 1:
		return found, "this may be " + found[0].f.name + " or " + found[1].f.name
	case near != "":
		return found, near
	}
	first, _, _ := strings.Cut(rest, "_")
	return found, "no profile has this id" + didYouMean(first, ids)
}

// leavesOf lists the single values that a file of this type may hold.
func (l *loader) leavesOf(f *file, t reflect.Type, path []string) []leaf {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case isText(t):
		return []leaf{{f: f, path: path, t: t}}
	case t.Kind() == reflect.Slice:
		return nil
	case t.Kind() == reflect.Interface:
		if t = l.optionsOf(f); t == nil {
			return nil
		}
	case t.Kind() != reflect.Struct:
		return []leaf{{f: f, path: path, t: t}}
	}
	var list []leaf
	known := l.decoder.structs[t]
	for _, name := range known.names {
		below := append(path[:len(path):len(path)], name)
		list = append(list, l.leavesOf(f, t.Field(known.index[name]).Type, below)...)
	}
	return list
}

// optionsOf is the type of a channel's options, as the protocol in its tree says.
func (l *loader) optionsOf(f *file) reflect.Type {
	if node := rootPlace(f).key("protocol").node; node != nil {
		if protocol, ok := l.protocol(node.Value); ok {
			return reflect.TypeOf(protocol.NewOptions()).Elem()
		}
	}
	return nil
}

// set puts a value into the tree, with the mappings that lead to it.
func (l leaf) set(value string) {
	at := l.f.root
	for i, name := range l.path {
		if at.Kind != yaml.MappingNode {
			return // the file's own fault, told when it is decoded
		}
		next := rootPlace(&file{root: at}).key(name).node
		last := i == len(l.path)-1
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: at.Line, Column: at.Column}
			at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Line: at.Line, Column: at.Column}, next)
		}
		if last {
			*next = yaml.Node{Kind: yaml.ScalarNode, Value: value}
			if l.t.Kind() == reflect.String && !isText(l.t) {
				next.Tag = "!!str"
			}
			l.f.overrides[next] = l.name
		}
		at = next
	}
}
