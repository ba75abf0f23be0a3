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
		trees  []tree
	}{
		{"KAQIAO_BANKS_", trees(reflect.TypeFor[Bank](), banks)},
		{"KAQIAO_CHANNELS_", append(trees(reflect.TypeFor[Channel](), channels), directTrees(banks)...)},
		{"KAQIAO_PLATFORMS_", trees(reflect.TypeFor[Platform](), platforms)},
	} {
		for _, assignment := range env {
			name, value, _ := strings.Cut(assignment, "=")
			rest, ours := strings.CutPrefix(name, kind.prefix)
			if !ours || value == "" {
				continue
			}
			found, hint := l.resolveName(rest, kind.trees)
			if len(found) != 1 {
				l.fault("environment "+name, hint)
				continue
			}
			key := kind.prefix + "/" + found[0].f.name + "/" + strings.Join(found[0].path, "/")
			found[0].name = name
			leaves[key] = found[0]
			layer.Set(key, value)
		}
	}
	for key, leaf := range leaves {
		leaf.set(layer.GetString(key))
	}
}

// tree is what holds the values of one profile: a file, or a direct route in a bank's file.
type tree struct {
	f    *file
	root *yaml.Node
	of   reflect.Type // what stands at the root
}

func trees(t reflect.Type, files []*file) []tree {
	list := make([]tree, len(files))
	for i, f := range files {
		list[i] = tree{f, f.root, t}
	}
	return list
}

// directTrees are the channels that stand in their bank's file.
func directTrees(banks []*file) []tree {
	var list []tree
	for _, f := range banks {
		routes := rootPlace(f).key("routes")
		if routes.node == nil || routes.node.Kind != yaml.SequenceNode {
			continue
		}
		for i := range routes.node.Content {
			if node := routes.item(i).key("direct").node; node != nil {
				list = append(list, tree{f, node, reflect.TypeFor[Direct]()})
			}
		}
	}
	return list
}

// leaf is one single value of one tree.
type leaf struct {
	tree
	path []string
	t    reflect.Type
	name string // of the variable
}

// resolveName finds the leaf that a variable names. An id and its keys both
// have _ in them, so all readings are tried; where there is not exactly one,
// the message says why.
func (l *loader) resolveName(rest string, trees []tree) ([]leaf, string) {
	var found []leaf
	var ids []string
	var near string
	for _, in := range trees {
		id := strings.ToUpper(strings.ReplaceAll(in.f.id, "-", "_"))
		ids = append(ids, strings.ToLower(id))
		key, ok := strings.CutPrefix(rest, id+"_")
		if !ok || in.root == nil {
			continue
		}
		all := l.leavesOf(in, in.of, nil)
		var names []string
		for _, leaf := range all {
			name := strings.ToUpper(strings.Join(leaf.path, "_"))
			if name == key {
				found = append(found, leaf)
			}
			names = append(names, strings.ToLower(name))
		}
		near = in.f.name + " has no single value of this name" + didYouMean(key, names) + "; lists can't be overridden"
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

// leavesOf lists the single values that a tree may hold below a path, where a value of this type stands.
func (l *loader) leavesOf(in tree, t reflect.Type, path []string) []leaf {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case isText(t):
		return []leaf{{tree: in, path: path, t: t}}
	case t.Kind() == reflect.Slice:
		return nil
	case t.Kind() == reflect.Interface:
		if t = l.optionsOf(in); t == nil {
			return nil
		}
	case t.Kind() != reflect.Struct:
		return []leaf{{tree: in, path: path, t: t}}
	}
	var list []leaf
	known := l.decoder.structs[t]
	for _, name := range known.names {
		below := append(path[:len(path):len(path)], name)
		list = append(list, l.leavesOf(in, t.Field(known.index[name]).Type, below)...)
	}
	return list
}

// optionsOf is the type of a channel's options, as the protocol in its tree says.
func (l *loader) optionsOf(in tree) reflect.Type {
	if node := (place{f: in.f, node: in.root}).key("protocol").node; node != nil {
		if protocol, ok := l.protocol(node.Value); ok {
			return reflect.TypeOf(protocol.NewOptions()).Elem()
		}
	}
	return nil
}

// set puts a value into the tree, with the mappings that lead to it.
func (l leaf) set(value string) {
	at := l.root
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
