package profiles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxFaults is how many faults are told. A set with more of them is mended in turns.
const maxFaults = 10_000

// ConfigFault is one thing that is wrong in one file, and what would be right.
type ConfigFault struct {
	File         string // path within the set, or "environment NAME" for an override
	Line, Column int    // from 1; 0 where the fault belongs to the whole file
	Message      string
}

// String is file:line:column: message, as editors know it.
func (f ConfigFault) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// Faults is all that is wrong in a set, ordered by file, line and column. Load returns it as a pointer.
type Faults struct { //nolint:errname // a list of faults that is told as one error; Error would be a wrong name for one of them
	List []ConfigFault
	More int // how many were left out beyond 10,000
}

// Error lists all faults, one a line.
func (f *Faults) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "profiles: %s", count(len(f.List)+f.More, "fault"))
	for _, fault := range f.List {
		b.WriteByte('\n')
		b.WriteString(fault.String())
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", f.More)
	}
	return b.String()
}

// newFaults sorts, or returns nil where there is nothing.
func newFaults(list []ConfigFault) error {
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b ConfigFault) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	more := max(0, len(list)-maxFaults)
	return &Faults{List: list[:len(list)-more], More: more}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
