package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes is the longest profile taken.
const maxFileBytes = 1 << 20

// file is one profile while it is read: its tree, and what was found wrong in it.
type file struct {
	name      string // banks/abc.yaml
	id        string // abc
	root      *yaml.Node
	faults    []ConfigFault
	told      map[*yaml.Node]bool   // nodes with a fault: no second one is told of them
	missed    map[string]bool       // absent keys with a fault, by path
	overrides map[*yaml.Node]string // leaves that stand in the environment, by the variable's name
}

// readFile reads one document into a tree. What can't be read is a fault and leaves root nil.
func readFile(fsys fs.FS, name string) *file {
	f := &file{
		name: name, id: strings.TrimSuffix(path.Base(name), ".yaml"),
		told: map[*yaml.Node]bool{}, missed: map[string]bool{}, overrides: map[*yaml.Node]string{},
	}
	text, err := readAtMost(fsys, name, maxFileBytes)
	if err != nil {
		f.whole("%v", err)
		return f
	}
	var document, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	switch err := d.Decode(&document); {
	case errors.Is(err, io.EOF):
		f.whole("the file is empty")
		return f
	case err != nil:
		f.syntax(err)
		return f
	}
	switch err := d.Decode(&second); {
	case err == nil:
		f.at(second.Content[0], "a second document: one file is one profile")
	case !errors.Is(err, io.EOF):
		f.syntax(err)
		return f
	}
	f.root = document.Content[0]
	return f
}

func readAtMost(fsys fs.FS, name string, limit int64) ([]byte, error) {
	r, err := fsys.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, reason(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("larger than %s bytes", commas(limit))
	}
	return text, nil
}

// reason drops the path from an error of the file system: the fault names the file already.
func reason(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return fmt.Errorf("can't be read: %w", p.Err)
	}
	return fmt.Errorf("can't be read: %w", err)
}

// syntax tells what the parser says, with its line if it names one.
func (f *file) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	fault := ConfigFault{File: f.name, Message: "not YAML: " + text}
	if m := regexp.MustCompile(`^line (\d+): (.*)`).FindStringSubmatch(text); m != nil {
		fault.Line, _ = strconv.Atoi(m[1])
		fault.Column, fault.Message = 1, "not YAML: "+m[2]
	}
	f.faults = append(f.faults, fault)
}

// whole tells a fault of the file as a whole.
func (f *file) whole(format string, args ...any) {
	f.faults = append(f.faults, ConfigFault{File: f.name, Message: fmt.Sprintf(format, args...)})
}

// at tells a fault of a node, once for each node.
func (f *file) at(node *yaml.Node, format string, args ...any) {
	if f.told[node] {
		return
	}
	f.told[node] = true
	f.tell(node, format, args...)
}

// missing tells a fault of an absent key, once, at what is close to it.
func (f *file) missing(path string, near *yaml.Node, format string, args ...any) {
	if f.missed[path] {
		return
	}
	f.missed[path] = true
	f.tell(near, format, args...)
}

func (f *file) tell(node *yaml.Node, format string, args ...any) {
	fault := ConfigFault{File: f.name, Line: node.Line, Column: node.Column, Message: fmt.Sprintf(format, args...)}
	if name, ok := f.overrides[node]; ok {
		fault.File, fault.Line, fault.Column = "environment "+name, 0, 0
	}
	f.faults = append(f.faults, fault)
}
