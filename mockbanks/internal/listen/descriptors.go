package listen

import (
	"errors"
	"syscall"
)

// tooMany reports whether the system had no descriptor or memory left for a connection, which passes.
func tooMany(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
