package flow

import (
	"strconv"
	"strings"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// checkTerminal compares a phone with what the wallet demands of it (M03).
func checkTerminal(t Terminal, need profiles.Terminal) faults {
	var found faults
	oldest, known := map[string]string{"android": need.Android, "ios": need.IOS, "harmony": need.Harmony}[t.OS]
	system, systemOK := parseVersion(t.OSVersion)
	client, clientOK := parseVersion(t.ClientVersion)
	if t.RestrictedMode {
		found.add(op.RestrictedMode, "the phone's restricted mode hinders the wallet", "/terminal/restricted_mode", "must be false")
	}
	if least, ok := parseVersion(oldest); ok && systemOK && older(system, least) {
		found.tooOld(op.OSTooOld, "the phone's system is too old", "/terminal/os_version", oldest)
	}
	if least, ok := parseVersion(need.Client); ok && (clientOK || t.ClientVersion == "") && older(client, least) {
		found.tooOld(op.ClientTooOld, "the wallet's version is too old", "/terminal/client_version", need.Client)
	}
	if !known {
		found.misfit(op.Field{Pointer: "/terminal/os", Message: "must be android, ios or harmony"})
	}
	if !systemOK {
		found.misfit(op.Field{Pointer: "/terminal/os_version", Message: "must be numbers with points between, such as 14 or 10.3.1"})
	}
	if !clientOK && t.ClientVersion != "" {
		found.misfit(op.Field{Pointer: "/terminal/client_version", Message: "must be numbers with points between, such as 8.0.50"})
	}
	if _, ok := parseVersion(t.ProtocolVersion); !ok && t.ProtocolVersion != "" {
		found.misfit(op.Field{Pointer: "/terminal/protocol_version", Message: "must be numbers with points between, such as 2.1"})
	}
	return found
}

// checkClient compares a client with what the bank demands of it (M14). A
// client that names no version is too old; of the bank's own protocol it need not speak.
func checkClient(found *faults, t Terminal, need profiles.Client) {
	const detail = "the bank serves newer clients only"
	client, ok := parseVersion(t.ClientVersion)
	if least, wanted := parseVersion(need.Least); wanted && (ok || t.ClientVersion == "") && older(client, least) {
		found.tooOld(op.ProtocolVersionUnsupported, detail, "/terminal/client_version", need.Least)
	}
	protocol, named := parseVersion(t.ProtocolVersion)
	if least, wanted := parseVersion(need.Protocol); wanted && named && older(protocol, least) {
		found.tooOld(op.ProtocolVersionUnsupported, detail, "/terminal/protocol_version", need.Protocol)
	}
}

// maxVersionParts bounds what is taken for a version.
const maxVersionParts = 8

func parseVersion(s string) ([]int, bool) {
	parts := strings.Split(s, ".")
	if s == "" || len(parts) > maxVersionParts {
		return nil, false
	}
	version := make([]int, len(parts))
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || !isDigits(p) || len(p) > 9 {
			return nil, false
		}
		version[i] = n
	}
	return version, true
}

// older compares number by number; what is missing counts as 0.
func older(v, than []int) bool {
	for i := range max(len(v), len(than)) {
		var a, b int
		if i < len(v) {
			a = v[i]
		}
		if i < len(than) {
			b = than[i]
		}
		if a != b {
			return a < b
		}
	}
	return false
}
