package adaptertest

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"kaqiao/profiles"
)

// node is one map of a profile's YAML.
type node = map[string]any

// laneName is the id of a lane's bank and of the channel that leads to it.
func laneName(subject, i int) string { return fmt.Sprintf("lane%d-%02d", subject, i) }

// lanes writes a set of profiles in which each subject's bank stands n times,
// each time with a channel of its own, so that what is done to one is felt by no other.
func lanes(subjects []Subject, n int) (fstest.MapFS, error) {
	out := fstest.MapFS{}
	if err := platforms(out); err != nil {
		return nil, err
	}
	for at, s := range subjects {
		for i := range n {
			if err := lane(out, s, laneName(at, i), at*n+i); err != nil {
				return nil, fmt.Errorf("profile of %s: %w", s.Bank, err)
			}
		}
	}
	if _, err := fs.ReadDir(out, "channels"); err != nil {
		// A set has a folder of channels, and may have no hub that is asked for anything.
		hub, err := read("channels/nucc.yaml")
		if err != nil {
			return nil, err
		}
		return out, write(out, "channels/nucc.yaml", hub)
	}
	return out, nil
}

// platforms are the shipped ones: a set has some.
func platforms(out fstest.MapFS) error {
	files, err := fs.Glob(profiles.Embedded(), "platforms/[a-z]*.yaml")
	for _, name := range files {
		text, err := fs.ReadFile(profiles.Embedded(), name)
		if err != nil {
			return err
		}
		out[name] = &fstest.MapFile{Data: text, Mode: 0o600}
	}
	return err
}

// lane writes one bank, and the hub before it where it has one.
func lane(out fstest.MapFS, s Subject, id string, serial int) error {
	bank, err := read("banks/" + s.Bank + ".yaml")
	if err != nil {
		return err
	}
	bank["id"], bank["issuer_codes"] = id, []string{}
	delete(bank, "table_codes")
	bank["bins"] = []node{{"prefix": fmt.Sprintf("6299%02d", serial), "length": 19, "type": "debit"}}
	bank["timeouts"] = node{"apply": "15s", "confirm": "15s", "query": "15s"}
	if challenge, ok := bank["challenge"].(node); ok {
		challenge["resend_after"] = "1ms"
		challenge["signs_per_day"] = 1000
	}
	bank["mock"] = node{"people": people, "silent_for": silentFor.String()}
	routes, ok := bank["routes"].([]any)
	if !ok || len(routes) == 0 {
		return errors.New("there are no routes")
	}
	route, _ := routes[0].(node)
	bank["routes"] = []node{route}
	if direct, ok := route["direct"].(node); ok {
		quick(direct)
		ownSecrets(direct, id)
		return write(out, path.Join("banks", id+".yaml"), bank)
	}
	hub, err := read(fmt.Sprintf("channels/%v.yaml", route["channel"]))
	if err != nil {
		return err
	}
	hub["id"], route["channel"] = id, id
	quick(hub)
	ownSecrets(hub, id)
	return errors.Join(write(out, path.Join("channels", id+".yaml"), hub), write(out, path.Join("banks", id+".yaml"), bank))
}

// quick is a channel whose gateway asks soon. Where it listens is said when the banks are started.
func quick(channel node) {
	channel["timeouts"] = node{"connect": "5s", "apply": "15s", "confirm": "15s", "query": "15s"}
	channel["resolve"] = node{"after": []string{askAgain.String()}, "visible_after": visibleAfter.String(), "not_found_times": 2}
	channel["mock"] = node{}
}

// ownSecrets gives a channel secrets of its own: no two may share one. Key pairs take long to make, and may be shared.
func ownSecrets(channel node, id string) {
	keys, _ := channel["keys"].([]any)
	for i, k := range keys {
		if key, ok := k.(node); ok && key["secret"] != nil {
			key["secret"] = fmt.Sprintf("file:%s/secret-%d.key", id, i)
		}
	}
}

func read(name string) (node, error) {
	text, err := fs.ReadFile(profiles.Embedded(), name)
	if err != nil {
		return nil, err
	}
	out := node{}
	return out, yaml.Unmarshal(text, &out)
}

func write(out fstest.MapFS, name string, what node) error {
	text, err := yaml.Marshal(what)
	out[name] = &fstest.MapFile{Data: text, Mode: 0o600}
	return err
}
