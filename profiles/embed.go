package profiles

import (
	"embed"
	"io/fs"
)

// Whole folders are named, because then files that begin with _ stay out: the templates never ship.
//
//go:embed banks channels platforms
var embedded embed.FS

// Embedded returns the profiles that ship in the binary, in the form that Load takes.
func Embedded() fs.FS { return embedded }

// Shipped loads the profiles that ship in the binary.
func Shipped(opts LoadOptions) (*Set, error) { return Load(Embedded(), opts) }
