// Package scenarios holds ready-made attacks: YAML files whose keys are the
// flags of the attack command.
package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var shipped embed.FS

// maxBytes is the longest scenario taken.
const maxBytes = 64 << 10

// allowed are the flags that a scenario may set: what is asked for, never where it goes.
var allowed = []string{"rate", "for", "stages", "banks", "mix", "seed", "platform", "failures", "failing", "think", "in-flight", "drain", "fail-on-missed"}

// Names lists the scenarios in the program, in one line.
func Names() string {
	files, _ := fs.Glob(shipped, "*.yaml") // the pattern is valid
	for i := range files {
		files[i] = strings.TrimSuffix(files[i], ".yaml")
	}
	return strings.Join(files, ", ")
}

// Apply sets the flags of a scenario that the command line leaves open. The
// scenario is one of Names, or the path of a YAML file.
func Apply(name string, flags *pflag.FlagSet) error {
	text, err := read(name)
	if err != nil {
		return err
	}
	values, err := parse(text)
	if err != nil {
		return fmt.Errorf("scenario %s: %w", name, err)
	}
	// Stages stand instead of rate and for, on the command line as well.
	if flags.Changed("rate") || flags.Changed("for") {
		values = slices.DeleteFunc(values, func(v value) bool { return v.flag == "stages" })
	}
	for _, v := range values {
		if flags.Changed(v.flag) {
			continue
		}
		if err := flags.Set(v.flag, v.text); err != nil {
			return fmt.Errorf("scenario %s: line %d: %s: %w", name, v.line, v.flag, err)
		}
	}
	return nil
}

func read(name string) ([]byte, error) {
	if text, err := shipped.ReadFile(name + ".yaml"); err == nil {
		return text, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("scenario %s is none of %s, and no file", name, Names())
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("scenario %s is longer than %d bytes", name, maxBytes)
	}
	return os.ReadFile(filepath.Clean(name))
}

type value struct {
	flag, text string
	line       int
}

// parse reads a flat map strictly: unknown and repeated keys, lists and maps are refused.
func parse(text []byte) ([]value, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("write one flag a line, such as rate: 50")
	}
	var values []value
	for i := 0; i+1 < len(root.Content[0].Content); i += 2 {
		key, at := root.Content[0].Content[i], root.Content[0].Content[i+1]
		switch {
		case key.Value == "about":
			continue
		case !slices.Contains(allowed, key.Value):
			return nil, fmt.Errorf("line %d: %s is none of about, %s", key.Line, key.Value, strings.Join(allowed, ", "))
		case slices.ContainsFunc(values, func(v value) bool { return v.flag == key.Value }):
			return nil, fmt.Errorf("line %d: %s stands twice", key.Line, key.Value)
		case at.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("line %d: %s must be one value", key.Line, key.Value)
		}
		values = append(values, value{key.Value, at.Value, at.Line})
	}
	return values, nil
}
