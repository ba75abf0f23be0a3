package load

import (
	"strconv"
	"strings"
)

// Phone is what a wallet says of the telephone it runs on. The zero value is one that every platform takes.
type Phone struct {
	OS            string // android, ios or harmony
	Version       string
	ClientVersion string
	Restricted    bool // pure mode or its like
}

// today is a phone that every platform takes.
func today() Phone { return Phone{OS: "android", Version: "14", ClientVersion: "8.0.50"} }

// before is a version that is older than the given one. Empty: none is.
func before(version string) string {
	parts := strings.Split(version, ".")
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil {
			return ""
		}
		if n > 0 {
			return strings.Join(append(parts[:i:i], strconv.Itoa(n-1), "9"), ".")
		}
	}
	return ""
}
