package profiles

import (
	"io/fs"
	"path"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"kaqiao/profiles/wire/all"
)

// template is the manual of its folder. It is no profile of the set.
const template = "_template.yaml"

// maxFiles is how many profiles one folder of a set may hold.
const maxFiles = 20_000

// LoadOptions is what a set is loaded with, beside its files.
type LoadOptions struct {
	// Env are overrides, in the form of os.Environ: KAQIAO_BANKS_<ID>_<KEY>=value, and the same for
	// CHANNELS and PLATFORMS, with _ between keys and for -. Any single value may be overridden, not
	// lists. Other variables are passed over; one of these that names nothing is a fault. Empty values
	// count as unset. The values of a direct route are those of a channel of its bank's id.
	Env []string
	// Reasons are the codes of the gateway's problem table, which a bank's codes may map to. Without
	// them, as in the farm, only the form of a reason is checked.
	Reasons []string
}

// Load reads banks/*.yaml, channels/*.yaml and platforms/*.yaml, lays the
// overrides over them, fills in the defaults, checks every rule and links what
// they say of each other. The error is a *Faults with all faults of all files.
// Files named _template.yaml are left out.
func Load(fsys fs.FS, opts LoadOptions) (*Set, error) {
	l := &loader{fsys: fsys, rules: newRules(opts.Reasons), protocols: all.Protocols()}
	types := []reflect.Type{reflect.TypeFor[Bank](), reflect.TypeFor[Channel](), reflect.TypeFor[Platform]()}
	for _, p := range l.protocols {
		l.names = append(l.names, p.Name)
		types = append(types, reflect.TypeOf(p.NewOptions()).Elem())
	}
	l.decoder = newDecoder(types...)

	banks := list[Bank](l, "banks")
	channels := list[Channel](l, "channels")
	platforms := list[Platform](l, "platforms")
	l.override(opts.Env, banks.files(), channels.files(), platforms.files())

	banks.read(l, func(p place, b *Bank) {
		l.rules.bank(p, b)
		l.direct(p.key("routes"), b)
	})
	channels.read(l, func(p place, c *Channel) {
		l.rules.channel(p, c, l.names)
		l.speaks(p, c)
	})
	platforms.read(l, func(p place, w *Platform) { l.rules.platform(p, w) })

	set, err := l.link(banks, channels, platforms)
	if err != nil {
		return nil, err
	}
	for _, f := range slices.Concat(banks.files(), channels.files(), platforms.files()) {
		l.faults = append(l.faults, f.faults...)
	}
	if err := newFaults(l.faults); err != nil {
		return nil, err
	}
	return set, nil
}

// loader is one run of Load.
type loader struct {
	fsys      fs.FS
	rules     *rules
	decoder   *decoder
	protocols []all.Protocol
	names     []string // of the protocols
	faults    []ConfigFault
}

func (l *loader) fault(file, message string) {
	l.faults = append(l.faults, ConfigFault{File: file, Message: message})
}

// entry is one profile while it is loaded.
type entry[T any] struct {
	f *file
	v *T
}

type entries[T any] []entry[T]

// list reads and parses the files of a folder, ordered by id.
func list[T any](l *loader, folder string) entries[T] {
	found, err := fs.ReadDir(l.fsys, folder)
	if err != nil {
		l.fault(folder, reason(err).Error())
		return nil
	}
	var names []string
	for _, e := range found {
		switch name := e.Name(); {
		case e.IsDir() || name == template || strings.HasPrefix(name, "."):
		case strings.HasSuffix(name, ".yaml"):
			names = append(names, path.Join(folder, name))
		case strings.EqualFold(path.Ext(name), ".yml"), strings.EqualFold(path.Ext(name), ".yaml"):
			l.fault(path.Join(folder, name), "profiles are named <id>.yaml")
		}
	}
	switch {
	case len(names) == 0:
		l.fault(folder, "no profile here: want at least one <id>.yaml")
	case len(names) > maxFiles:
		l.fault(folder, commas(int64(len(names)))+" profiles, more than "+commas(maxFiles))
		return nil
	}
	files := make(entries[T], len(names))
	parallel(len(names), func(i int) { files[i] = entry[T]{f: readFile(l.fsys, names[i]), v: new(T)} })
	slices.SortFunc(files, func(a, b entry[T]) int { return strings.Compare(a.f.id, b.f.id) })
	return files
}

// read decodes and checks the parsed files.
func (es entries[T]) read(l *loader, check func(place, *T)) {
	parallel(len(es), func(i int) {
		e := es[i]
		if e.f.root == nil {
			return
		}
		l.decoder.decode(e.f, e.f.root, reflect.ValueOf(e.v).Elem(), "")
		if p := rootPlace(e.f); !p.bad {
			check(p, e.v)
		}
	})
}

func (es entries[T]) files() []*file {
	files := make([]*file, len(es))
	for i, e := range es {
		files[i] = e.f
	}
	return files
}

// ids are the names of the files, whether or not they could be read.
func (es entries[T]) ids() []string {
	ids := make([]string, len(es))
	for i, e := range es {
		ids[i] = e.f.id
	}
	return ids
}

// parallel calls do for 0 to n-1, on as many goroutines as there are processors.
func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

// direct checks the channels that are written in their bank's file. They have its id and name.
func (l *loader) direct(p place, b *Bank) {
	for i, route := range b.Routes {
		if route.Direct == nil {
			continue
		}
		c := (*Channel)(route.Direct)
		c.ID, c.Name = b.ID, b.Name
		q := p.item(i).key("direct")
		l.rules.way(q, c, l.names)
		l.speaks(q, c)
	}
}

// speaks checks what the channel's protocol has a say in: the transport and the options.
func (l *loader) speaks(p place, c *Channel) {
	protocol, ok := l.protocol(c.Protocol)
	if !ok {
		return
	}
	if url := p.key("endpoint").key("url"); !url.absent() && c.Endpoint.TCP() != protocol.TCP {
		url.fault("%s speaks over %s", protocol.Name, map[bool]string{true: "long TCP connections: tcp://host:port", false: "HTTP: https://host:port/path"}[protocol.TCP])
	}
	l.options(p, c, protocol)
}

// options decodes a channel's options into those of its protocol and has them checked.
func (l *loader) options(p place, c *Channel, protocol all.Protocol) {
	c.Options = protocol.NewOptions()
	q := p.key("options")
	if !q.absent() && !q.bad {
		l.decoder.decode(p.f, q.node, reflect.ValueOf(c.Options).Elem(), q.path)
	}
	for _, err := range each(protocol.Check(c.Options)) {
		key, message, _ := strings.Cut(err.Error(), ": ")
		name, _, _ := strings.Cut(key, "[")
		if name == key {
			p.key("options").key(key).fault("%s", message)
		} else {
			p.key("options").key(name).fault("%s: %s", key, message)
		}
	}
}

// protocol is the protocol of this name.
func (l *loader) protocol(name string) (all.Protocol, bool) {
	i := slices.Index(l.names, name)
	if i < 0 {
		return all.Protocol{}, false
	}
	return l.protocols[i], true
}

// each takes apart what errors.Join has put together.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
