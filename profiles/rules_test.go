package profiles_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"kaqiao/profiles"
)

// broken is a template with one passage changed, and the one fault that must be told of it.
type broken struct{ old, new, want string }

// withTemplates is the shipped set with the templates beside it.
func withTemplates(t testing.TB) fstest.MapFS {
	t.Helper()
	m := files(t)
	for id, folder := range map[string]string{"mybank": "banks", "myhub": "channels", "mywallet": "platforms"} {
		text, err := os.ReadFile(folder + "/_template.yaml")
		must(t, err)
		m[folder+"/"+id+".yaml"] = &fstest.MapFile{Data: text}
	}
	return m
}

// faultsOf loads a set that must be refused.
func faultsOf(t testing.TB, m fstest.MapFS, env ...string) []profiles.ConfigFault {
	t.Helper()
	set, err := profiles.Load(m, profiles.LoadOptions{Env: env})
	faults := new(profiles.Faults)
	if !errors.As(err, &faults) || set != nil {
		t.Fatalf("taken, or refused otherwise: %v", err)
	}
	return faults.List
}

// try demands exactly one fault, in the line of the change, that begins as wanted.
func try(t *testing.T, file string, cases []broken) {
	t.Helper()
	good := string(withTemplates(t)[file].Data)
	for _, tt := range cases {
		t.Run(tt.want, func(t *testing.T) {
			at := strings.Index(good, tt.old)
			if at < 0 || tt.old == "" {
				t.Fatalf("%q is not in the template", tt.old)
			}
			m := withTemplates(t)
			m[file].Data = []byte(good[:at] + tt.new + good[at+len(tt.old):])
			list := faultsOf(t, m)
			if len(list) != 1 {
				t.Fatalf("%d faults, want one: %v", len(list), list)
			}
			first := strings.Count(good[:at], "\n") + 1
			last := first + strings.Count(tt.new, "\n")
			// What is missing is told at what holds it, and a pair that contradicts itself at one of the two.
			if strings.Contains(tt.want, "required") || strings.Contains(tt.want, "never reached") {
				first, last = first-5, last+1
				if tt.want == "journey: required" {
					first = 1 // the file itself
				}
			}
			if got := list[0]; got.File != file || got.Line < first || got.Line > last || got.Column < 1 {
				t.Errorf("told at %s:%d:%d, want %s, line %d to %d", got.File, got.Line, got.Column, file, first, last)
			}
			if got := list[0].Message; !strings.HasPrefix(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBankRules(t *testing.T) {
	const route = `  - channel: nucc            # the id of a file in channels/
    member: C1999999999999   # NetsUnion: C and 13 digits. This one is invented.`
	try(t, "banks/mybank.yaml", []broken{
		{"id: mybank", "id: MyBank", "id: want a to z, 0 to 9 and - between them, at most 32"},
		{"id: mybank", "id: -bank", "id: want a to z"},
		{"quickpass: always", "quickpass: yes", `bins[0].quickpass: "yes" is not one of`},
		{"old_cards_quickpass: never", "old_cards_quickpass: always", `old_cards_quickpass: "always" is not one of`},
		{`least: "8.0.0"`, `least: 8.0`, "client.least: want a text: put it in quotes"},
		{`protocol: "2.1"`, `protocol: "two"`, "client.protocol: want a version in quotes"},
		{"id: mybank", "id: otherbank", `id: "otherbank" is not the name of the file: want "mybank"`},
		{"zh: 示例银行", `zh: " "`, "name.zh: required: a text"},
		{"en: Example Bank", "en: " + strings.Repeat("e", 121), "name.en: longer than 120 bytes"},
		{"tier: city", "tier: ciyt", `tier: "ciyt" is not one of state, city, foreign (did you mean city?)`},
		{`["09990000"]`, `["0999000"]`, "issuer_codes[0]: want 8 digits in quotes"},
		{`["09990000"]`, `["09990000", "09990000"]`, "issuer_codes[1]: the same as entry 1"},
		{`["09990000"]`, `["01030000"]`, "issuer_codes[0]: bank abc has this number already"},
		{`["09990000"]`, "[" + strings.Repeat(`"09990000",`, 65) + "]", "issuer_codes: 65 entries, more than 64"},
		{"table_codes: []", "table_codes: [CBZANK]", `table_codes[0]: the card table has no bank "CBZANK" (did you mean `},
		{"table_codes: []", "table_codes: [ABC]", "table_codes[0]: bank abc has this code already"},
		{"table_codes: []", "table_codes: [czbank]", "table_codes[0]: want a bank's code"},
		{"table_codes: []", "table_codes: [CZBANK, CZBANK]", "table_codes[1]: the same as entry 1"},
		{"table_codes: []", "table_codes: [" + strings.Repeat("CZBANK,", 17) + "]", "table_codes: 17 entries, more than 16"},
		{"bins:\n", "bins:\n" + strings.Repeat("  - {prefix: \"629\", length: 16}\n", 4095), "bins: 4,097 entries, more than 4,096"},
		{`prefix: "62999901" `, `prefix: "62" `, "bins[0].prefix: want 3 to 10 digits"},
		{`prefix: "62999901" `, `prefix: "62999902901" `, "bins[0].prefix: want 3 to 10 digits"},
		{"length: 19 ", "length: 12 ", "bins[0].length: 12 is not within 13 to 19"},
		{"length: 19 ", "length: 20 ", "bins[0].length: 20 is not within 13 to 19"},
		{", length: 16", "", "bins[1].length: required"},
		{"type: debit ", "type: debet ", `bins[0].type: "debet" is not one of debit, credit, semi_credit, prepaid, virtual (did you mean debit?)`},
		{"scheme: unionpay ", "scheme: maestro ", `bins[0].scheme: "maestro" is not one of`},
		{`  - {prefix: "62999902", length: 16`, `  - {prefix: "62999901", length: 19`, "bins[1]: the same as entry 1"},
		{`{prefix: "62999902", length: 16`, `{prefix: "622848", length: 19`, "bins[1]: bank abc has these cards already"},
		{route, route + "\n  - {channel: nucc, member: C1999999999998}", "routes[1]: the same as entry 1"},
		{"- channel: nucc ", "- ", "routes[0].channel: required: the id of a channel"},
		{"channel: nucc ", "channel: Nucc ", "routes[0].channel: want the id of a channel"},
		{"channel: nucc ", "channel: nuc ", `routes[0].channel: no channel "nuc" (did you mean nucc?)`},
		{"C1999999999999", "C1010311000014", "routes[0].member: bank abc has this number on nucc already"},
		{"C1999999999999", "Z1999999999999", "routes[0].member: want C and 13 digits, the form of numbers on nucc"},
		{"    member: C1999999999999", "", "routes[0].member: required"},
		{"kinds: [sms, app_push]", "kinds: []", "challenge.kinds: required: at least one"},
		{"kinds: [sms, app_push]", "kinds: [smss]", `challenge.kinds[0]: "smss" is not one of sms, app_push, email, phone (did you mean sms?)`},
		{"kinds: [sms, app_push]", "kinds: [sms, sms]", "challenge.kinds[1]: the same as entry 1"},
		{"code_digits: 6", "code_digits: 0", "challenge.code_digits: 0 is not within 4 to 8"},
		{"code_digits: 6", "code_digits: 9", "challenge.code_digits: 9 is not within 4 to 8"},
		{"ttl: 5m", "ttl: 29s", "challenge.ttl: 29s is not within 30s to 30m0s"},
		{"ttl: 5m", "ttl: 31m", "challenge.ttl: 31m0s is not within"},
		{"ttl: 5m", "ttl: 300", `challenge.ttl: "300" is not a duration: write a number with its unit`},
		{"resend_after: 60s", "resend_after: 11m", "challenge.resend_after: 11m0s is not within 0s to 10m0s"},
		{"resend_after: 60s", "resend_after: -1s", `challenge.resend_after: "-1s" is not a duration`},
		{"approve_within: 15m", "approve_within: 59s", "challenge.approve_within: 59s is not within 1m0s to 168h0m0s"},
		{"approve_within: 15m", "approve_within: 169h", "challenge.approve_within: 169h0m0s is not within"},
		{"attempts: 3", "attempts: 0", "challenge.attempts: 0 is not within 1 to 10"},
		{"signs_per_day: 20", "signs_per_day: 1001", "challenge.signs_per_day: 1,001 is not within 1 to 1,000"},
		{"classes: [I, II]", "classes: [IV]", `accounts.classes[0]: "IV" is not one of I, II, III`},
		{"classes: [I, II]", "classes: []", "accounts.classes: required: at least one"},
		{"max_fen: 50000 ", "max_fen: 0 ", "accounts.password_free.max_fen: required where password_free is supported"},
		{"    max_fen: 50000 ", "# ", "accounts.password_free.max_fen: required where password_free is supported"},
		{"max_fen: 50000 ", "max_fen: 10000001 ", "accounts.password_free.max_fen: 10,000,001 is not within 0 to 10,000,000"},
		{"max_fen: 50000 ", "max_fen: 1000001 ", "accounts.password_free.max_fen: 1,000,001 is more than money.single_fen, 1,000,000: never reached"},
		{"supported: true ", "supported: false ", "accounts.password_free.max_fen: never reached"},
		{"  single_fen: 1000000 ", "# ", "money.single_fen: required"},
		{"single_fen: 1000000 ", "single_fen: 0 ", "money.single_fen: 0 is not within 1 to 1,000,000,000,000"},
		{"daily_fen: 2000000 ", "daily_fen: 999999 ", "money.daily_fen: 999,999 is less than single_fen, 1,000,000"},
		{"per_second: 500 ", "per_second: 0 ", "limits.per_second: 0 is not within 1 to 1,000,000"},
		{"burst: 500 ", "burst: 1000001 ", "limits.burst: 1,000,001 is not within 1 to 1,000,000"},
		{"in_flight: 512 ", "in_flight: 100001 ", "limits.in_flight: 100,001 is not within 1 to 100,000"},
		{"queue: 256 ", "queue: 10001 ", "limits.queue: 10,001 is not within 0 to 10,000"},
		{"wait: 500ms ", "wait: 11s ", "limits.wait: 11s is not within 0s to 10s"},
		{"    query: 5% ", "    query: 44% ", "limits.reserve: more than 50%"},
		{"    query: 5% ", "    query: 5 ", `limits.reserve.query: "5" is not a share`},
		{"    query: 5% ", "    verify: 5% ", `limits.reserve: unknown key "verify"; the keys here are query, confirm, unsign`},
		{"window: 10s ", "window: 999ms ", "breaker.window: 999ms is not within 1s to 10m0s"},
		{"min_calls: 20 ", "min_calls: 0 ", "breaker.min_calls: 0 is not within 1 to 10,000"},
		{"failure_rate: 50% ", "failure_rate: 0% ", "breaker.failure_rate: less than 1%"},
		{"slow_rate: 80% ", "slow_rate: 0.9% ", "breaker.slow_rate: less than 1%"},
		{"slow_after: 5s ", "slow_after: 0s ", "breaker.slow_after: 0s is not within 1ms to 10m0s"},
		{"consecutive: 20 ", "consecutive: 0 ", "breaker.consecutive: 0 is not within 1 to 10,000"},
		{"open_for: 5s..60s ", "open_for: 60s..5s ", `breaker.open_for: "60s..5s" is not a range`},
		{"open_for: 5s..60s ", "open_for: 5 ", `breaker.open_for: "5" is not a range`},
		{"open_for: 5s..60s ", "open_for: 5s..61m ", "breaker.open_for: not within 10ms to 1h0m0s"},
		{"open_for: 5s..60s ", "open_for: 1ms..1m ", "breaker.open_for: not within 10ms to 1h0m0s"},
		{"probes: 3 ", "probes: 101 ", "breaker.probes: 101 is not within 1 to 100"},
		{"apply: 10s ", "connect: 2s ", "timeouts: unknown key \"connect\"; the keys here are apply, confirm, query"},
		{"apply: 10s ", "apply: 11m ", "timeouts.apply: 11m0s is not within"},
		{"from: 3s ", "from: 6s ", "answers.from: 6s is more than to, 5s"},
		{"to: 5s ", "to: 25h ", "answers.to: 25h0m0s is not within 1ms to 24h0m0s"},
		{"  to: 5s ", "# ", "answers.to: required"},
		{`"00:00-08:00"`, `"0-8"`, `quiet_hours: "0-8" is not a daily window: write HH:MM-HH:MM`},
		{"closed: []", `closed: ["00:00-12:00", "12:00-24:00"]`, "closed: the bank would never be open"},
		{"closed: []", `closed: ["02:00-02:00"]`, `closed[0]: "02:00-02:00" is not a daily window`},
		{"closed: []", `closed: [` + strings.Repeat(`"01:00-02:00",`, 9) + "]", "closed: 9 entries, more than 8"},
		{"codes:\n", "codes:\n" + strings.Repeat("  - {code: A, reason: b}\n", 512), "codes: 513 entries, more than 512"},
		{"code: PB519999 ", "code: PB 5 ", "codes[0].code: want the bank's raw code"},
		{"operation: confirm ", "operation: confrm ", `codes[0].operation: "confrm" is not one of`},
		{"reason: account_frozen", "reason: AccountFrozen", "codes[0].reason: want a code of the problem table"},
		{"reason: account_frozen", "reason: a\n  - {code: PB519999, operation: confirm, reason: b}", "codes[1]: the same as entry 1"},
	})
}

func TestMockRules(t *testing.T) {
	try(t, "banks/mybank.yaml", []broken{
		{"kinds: [sms, app_push]", "kinds: [sms]", "challenge.kinds: sms asks nobody to approve: mock.review is never reached"},
		{"after: {lognormal: {p50: 20s, p99: 5m}}", "after: {fixed: 25h}", "mock.review.after.fixed: 25h0m0s is not within"},
		{"    after: {lognormal: {p50: 20s, p99: 5m}}", "    # after", "mock.review.after: required"},
		{"approve: 90%", "approve: 96%", "mock.review.approve: approve and the shares of reject are more than 100% together"},
		{"reason: declined,", "reason: tired,", `mock.review.reject[0].reason: "tired" is not one of declined`},
		{"{reason: declined, share: 5%}", "{reason: declined}", "mock.review.reject[0].share: required"},
		{"{reason: declined, share: 5%}", "{reason: declined, share: 1%}\n      - {reason: declined, share: 2%}", "mock.review.reject[1]: the same as"},
		{"people: 10000", "people: 1000001", "mock.people: 1,000,001 is not within 0 to 1,000,000"},
		{"silent_for: 7s", "silent_for: 11m", "mock.silent_for: 11m0s is not within 10ms to 10m0s"},
		{"{fixed: 100ms}", "{fixed: 25h}", "mock.latency.default.fixed: 25h0m0s is not within 0s to 24h0m0s"},
		{"{fixed: 100ms}", "{}", "mock.latency.default: 0 distributions given: want exactly one of fixed, uniform, lognormal, mixture"},
		{"{fixed: 100ms}", "{fixed: 1s, uniform: {min: 1s, max: 2s}}", "mock.latency.default: 2 distributions given"},
		{"{min: 200ms, max: 800ms}", "{min: 900ms, max: 800ms}", "mock.latency.verify.uniform.min: 900ms is more than max, 800ms"},
		{"{min: 200ms, max: 800ms}", "{max: 800ms}", "mock.latency.verify.uniform.min: required"},
		{"{min: 200ms, max: 800ms}", "{min: 1s}", "mock.latency.verify.uniform.max: required"},
		{"{min: 200ms, max: 800ms}", "{min: 1s, max: 25h}", "mock.latency.verify.uniform.max: 25h0m0s is not within"},
		{"{p50: 3.873s, p99: 4.9s, cap: 4.95s}", "{p50: 4.9s, p99: 4.9s}", "mock.latency.apply.lognormal.p50: 4.9s is not less than p99, 4.9s"},
		{"{p50: 3.873s, p99: 4.9s, cap: 4.95s}", "{p50: 3.873s, p99: 4.9s, cap: 4.8s}", "mock.latency.apply.lognormal.cap: 4.8s is less than p99, 4.9s"},
		{"{p50: 3.873s, p99: 4.9s, cap: 4.95s}", "{p50: 3.873s, p99: 4.9s, cap: 25h}", "mock.latency.apply.lognormal.cap: 25h0m0s is not within"},
		{"{p50: 3.873s, p99: 4.9s, cap: 4.95s}", "{p99: 4.9s}", "mock.latency.apply.lognormal.p50: required"},
		{"{p50: 3.873s, p99: 4.9s, cap: 4.95s}", "{p50: 4.9s}", "mock.latency.apply.lognormal.p99: required"},
		{"{p50: 3.873s, p99: 4.9s, cap: 4.95s}", "{p50: 0s, p99: 4.9s}", "mock.latency.apply.lognormal.p50: 0s is not within"},
		{"{p50: 3.873s, p99: 4.9s, cap: 4.95s}", "{p50: 1s, p99: 25h}", "mock.latency.apply.lognormal.p99: 25h0m0s is not within"},
		{"shift: 180ms", "shift: 61s", "mock.latency.challenge.shift: 1m1s is not within 0s to 1m0s"},
		{"weight: 80%", "weight: 70%", "mock.latency.challenge.mixture: the weights make 90%, not 100%"},
		{"weight: 80%", "weight: 0%", "mock.latency.challenge.mixture[0].weight: required: a part above 0%"},
		{"{weight: 80%, lognormal: {p50: 1.2s, p99: 3.5s}}", "{weight: 80%, lognormal: {p50: 3.5s, p99: 3.5s}}", "mock.latency.challenge.mixture[0].lognormal.p50: 3.5s is not less than p99"},
		{"{weight: 80%, lognormal: {p50: 1.2s, p99: 3.5s}}", "{weight: 80%}", "mock.latency.challenge.mixture[0].lognormal: required"},
		{"    - kind: busy ", strings.Repeat("    - {kind: garbage}\n", 61) + "    - kind: busy ", "mock.faults: 65 entries, more than 64"},
		{"kind: busy ", "kind: bussy ", `mock.faults[0].kind: "bussy" is not one of no_reply_before_commit`},
		{"operation: challenge", "operation: chalenge", `mock.faults[0].operation: "chalenge" is not one of`},
		{"share: 0.01%", "share: 101%", `mock.faults[0].share: "101%" is not a share`},
		{"count: 0 ", "count: -1 ", "mock.faults[0].count: -1 is not within 0 to 1,000,000,000"},
		{"delay: 15s ", "delay: 11m ", "mock.faults[1].delay: 11m0s is not within 1ms to 10m0s"},
		{"for_s: 0 ", "for_s: 0\n      delay: 1s #", "mock.faults[0].delay: only late_reply and slow_drip have a delay"},
		{"for_s: 0 ", "for_s: 0\n      for: 3s #", "mock.faults[0].for: only not_found_for_a_while has it"},
		{"for: 3s ", "for: 25h ", "mock.faults[3].for: 25h0m0s is not within 1ms to 24h0m0s"},
		{"for_s: 0 ", "for_s: 0\n      after_commit: true #", "mock.faults[0].after_commit: only http_5xx has it"},
		{"for_s: 0 ", "for_s: -1 ", "mock.faults[0].for_s: -1 is not within"},
		{"for_s: 0 ", "for_s: 604801 ", "mock.faults[0].for_s: 604,801 is not within 0 to 604,800"}, // the farm takes no longer one
	})
	try(t, "channels/myhub.yaml", []broken{
		{"max_request_bytes: 65536", "max_request_bytes: 1023", "mock.max_request_bytes: 1,023 is not within 1,024 to 16,777,216"},
		{"max_conns: 4096           # connections taken", "max_conns: 0 #", "mock.max_conns: 0 is not within 1 to 100,000"},
		{"{kind: busy, operation", "{kind: late, operation", `mock.faults[0].kind: "late" is not one of`},
		{"default: {fixed: 2ms}", "default: {fixed: 25h}", "mock.latency.default.fixed: 25h0m0s is not within"},
		{"default: {fixed: 2ms}", "default: {fixed: 2}", `mock.latency.default.fixed: "2" is not a duration`},
	})
}

func TestChannelRules(t *testing.T) {
	const url = "url: https://127.0.0.1:9199/preSvr"
	try(t, "channels/myhub.yaml", []broken{
		{"id: myhub", "id: yourhub", `id: "yourhub" is not the name of the file: want "myhub"`},
		{"protocol: epcc", "protocol: epc", `protocol: "epc" is not one of epcc`},
		{url, "url: 127.0.0.1:9199", "endpoint.url: want scheme, host, port and path"},
		{url, "url: ftp://127.0.0.1:9199", "endpoint.url: the scheme must be https, http or tcp"},
		{url, "url: https://me:pw@127.0.0.1:9199/preSvr", "endpoint.url: a URL with a user or password is not taken"},
		{url, "url: https://127.0.0.1:9199/preSvr?key=1", "endpoint.url: a URL with ? or # is not taken"},
		{url, "url: https://127.0.0.1:0/preSvr", "endpoint.url: the port must be within 1 to 65,535"},
		{url, "url: https://127.0.0.1:/preSvr", "endpoint.url: the port must be within 1 to 65,535"},
		{url + "\n  max_conns: 4096", "url: tcp://127.0.0.1:9199/a\n  lines: 2", "endpoint.url: want tcp, host and port, without a path"},
		{"max_conns: 4096", "lines: 2\n  max_conns: 4096", "endpoint.lines: never used: the url is not tcp"},
		{"max_conns: 4096", "max_conns: 10001", "endpoint.max_conns: 10,001 is not within 1 to 10,000"},
		{"max_conns: 4096", "max_conns: 4095", "endpoint.max_conns: 4,095 is less than limits.in_flight, 4,096: a connection carries one request at a time"},
		{"max_answer_bytes: 65536", "max_answer_bytes: 16777217", "endpoint.max_answer_bytes: 16,777,217 is not within"},
		{"ca: file:myhub/tls/ca.crt", "ca: myhub/tls/ca.crt", "endpoint.tls.ca: want a reference, file:PATH or env:NAME, never the secret itself"},
		{"ca: file:myhub/tls/ca.crt", "ca: file:../ca.crt", "endpoint.tls.ca: want a plain path below the key folder"},
		{"ca: file:myhub/tls/ca.crt", "ca: env:a b", "endpoint.tls.ca: want a reference"},
		{"client_cert: file:myhub/tls/client.crt ", "", "endpoint.tls.client_cert: required"},
		{"server_name: 127.0.0.1", `server_name: ""`, "endpoint.tls.server_name: required: a text"},
		{"server_name: 127.0.0.1", "server_name: " + strings.Repeat("a", 254), "endpoint.tls.server_name: longer than 253 bytes"},
		{"ca: file:myhub/notices/ca.crt", "", "notices.tls.ca: required"},
		{"name: notices.myhub.example", `name: ""`, "notices.tls.name: required: a text"},
		{"client_cert: file:myhub/notices/client.crt", "", "notices.tls.client_cert: required"},
		{"gateway_ca: file:gateway/callbacks-ca.crt", "gateway_ca: gateway/callbacks-ca.crt", "notices.tls.gateway_ca: want a reference"},
		{"\nkeys:\n", "\nkeys:\n" + strings.Repeat("  - {serial: \"1\"}\n", 251), "keys: 257 entries, more than 256"},
		{"client_key: file:myhub/tls/client.key ", "", "endpoint.tls.client_key: required"},
		{"client_key: file:myhub/tls/client.key ", "client_key: MIGHAgEAMBMGByqGSM49 ", "endpoint.tls.client_key: want a reference"},
		{"server_key: file:myhub/tls/server.key ", "", "endpoint.tls.server_key: required"},
		{"server_cert: file:myhub/tls/server.crt ", "", "endpoint.tls.server_cert: required"},
		{`serial: "4990000001"`, `serial: "49-1"`, "keys[0].serial: want letters and digits in quotes"},
		{`serial: "4990000001"`, `serial: 4990000001`, "keys[0].serial: want a text: put it in quotes"},
		{`serial: "4990000002"`, `serial: "4990000001"`, "keys[1].serial: the same serial as entry 1"},
		{"owner: gateway ", "owner: gate ", `keys[0].owner: "gate" is not one of gateway, bank`},
		{"owner: both, use: mac, algorithm: sm4", "owner: both, use: sign, algorithm: sm4", `keys[4].use: "sign" is not one of mac, master`},
		{"owner: both, use: mac, algorithm: sm4", "owner: both, use: mac, algorithm: sm2", `keys[4].algorithm: "sm2" is not one of des, des3, sm4`},
		{"use: master, algorithm: sm4", "use: master, algorithm: des", `keys[5].algorithm: "des" is not one of des3, sm4`},
		{`secret: "file:myhub/mac-sm4.key"`, `secret: "0123456789abcdef"`, "keys[4].secret: want a reference, file:PATH or env:NAME, never the secret itself"},
		{`, secret: "file:myhub/mac-sm4.key"`, "", "keys[4].secret: required"},
		{`secret: "file:myhub/mac-sm4.key"`, `secret: "file:a.key", public: "file:b.pub"`, "keys[4].public: never used"},
		{`private: "file:myhub/gateway-encrypt-sm2.key"`, `secret: "file:a.key"`, "keys[1].secret: never used"},
		{"use: master, algorithm: sm4", "use: mac, algorithm: sm4", "keys[5]: a second active sm4 mac key of both beside entry 5"},
		{"use: sign ", "use: signing ", `keys[0].use: "signing" is not one of sign, encrypt`},
		{"algorithm: sm2 ", "algorithm: sm3 ", `keys[0].algorithm: "sm3" is not one of sm2, rsa`},
		{"state: active ", "state: old ", `keys[0].state: "old" is not one of active, retiring, revoked`},
		{"owner: gateway, use: encrypt", "owner: gateway, use: sign", "keys[1]: a second active sm2 sign key of the gateway beside entry 1"},
		{`private: "file:myhub/gateway-encrypt-sm2.key"`, `private: "secret"`, "keys[1].private: want a reference"},
		{`, public: "file:myhub/gateway-encrypt-sm2.pub"`, "", "keys[1].public: required"},
		{"per_second: 4000", "per_second: 0", "limits.per_second: 0 is not within"},
		{"min_calls: 20", "slow_after: 2s", "breaker: unknown key \"slow_after\"; the keys here are window, min_calls, failure_rate, consecutive, open_for, probes"},
		{"open_for: 5s..60s", "open_for: 5s..61m", "breaker.open_for: not within 10ms to 1h0m0s"},
		{"connect: 2s", "connect: 0s", "timeouts.connect: 0s is not within 10ms to 10m0s"},
		{"[2s, 5s, 15s, 1m, 5m, 30m, 2h, 12h, 24h]", "[]", "resolve.after: required: at least one"},
		{"[2s, 5s, 15s, 1m, 5m, 30m, 2h, 12h, 24h]", "[0s]", "resolve.after[0]: 0s is not within 10ms to 24h0m0s"},
		{"visible_after: 5s", "visible_after: 61m", "resolve.visible_after: 1h1m0s is not within 0s to 1h0m0s"},
		{"human_after: 24h", "human_after: 9m", "resolve.human_after: 9m0s is not within 10m0s to 720h0m0s"},
		{"not_found_times: 2", "not_found_times: 0", "resolve.not_found_times: 0 is not within 1 to 10"},
		{"cipher_mode: ecb", "cipher_mode: gcm", "options.cipher_mode: must be ecb or cbc"},
		{"cipher_mode: ecb", "cipher_mod: ecb", `options: unknown key "cipher_mod" (did you mean cipher_mode?)`},
		{"stale_after: 10m", "stale_after: 10", "options.stale_after: want a text: put it in quotes"},
		{`idtp: "01"`, `idtp: "1"`, "options.document_types: document_types[0].idtp: must be 2 digits"},
	})
}

func TestPlainHTTPNeedsNoTLS(t *testing.T) {
	m := withTemplates(t)
	text := string(m["channels/myhub.yaml"].Data)
	from, to := strings.Index(text, "  tls:\n"), strings.Index(text, "# The protocol's own options")
	for _, tt := range []struct{ scheme, tls, want string }{
		{"https", "", "endpoint.tls: required where the url is https"},
		{"http", text[from:to], "endpoint.tls: never used: the url is http"},
	} {
		m["channels/myhub.yaml"].Data = []byte(strings.Replace(text[:from], "url: https", "url: "+tt.scheme, 1) + tt.tls + text[to:])
		if list := faultsOf(t, m); len(list) != 1 || !strings.HasPrefix(list[0].Message, tt.want) {
			t.Errorf("%s: %v", tt.scheme, list)
		}
	}
	m["channels/myhub.yaml"].Data = []byte(strings.Replace(text[:from], "url: https", "url: http", 1) + text[to:])
	if _, err := profiles.Load(m, profiles.LoadOptions{}); err != nil {
		t.Errorf("http without tls: %v", err)
	}
}

func TestPlatformRules(t *testing.T) {
	try(t, "platforms/mywallet.yaml", []broken{
		{"id: mywallet", "id: wallet", `id: "wallet" is not the name of the file: want "mywallet"`},
		{"schemes: [unionpay]", "schemes: [unionpy]", `schemes[0]: "unionpy" is not one of`},
		{"schemes: [unionpay]", "schemes: []", "schemes: required: at least one"},
		{"[resident_id, passport]", "[resident_id, pasport]", `documents[1]: "pasport" is not one of`},
		{"[resident_id, passport]", "[resident_id, resident_id]", "documents[1]: the same as entry 1"},
		{"real_name: none", "real_name: class_iv", `real_name: "class_iv" is not one of`},
		{"journey: 90s", "journey: 61m", "journey: 1h1m0s is not within 1s to 1h0m0s"},
		{"journey: 90s", "", "journey: required"},
		{`android: "5.0"`, `android: 5.0`, "terminal.android: want a text: put it in quotes"},
		{`client: "8.0.0"`, `client: "8.x"`, "terminal.client: want a version in quotes"},
	})
}

// What no protocol of a bank or a hub can play is told at the fault.
func TestAFaultThatNoProtocolPlays(t *testing.T) {
	m := withTemplates(t)
	bob := m["banks/bob.yaml"]
	bob.Data = []byte(strings.Replace(string(bob.Data), "\nmock:\n", "\nmock:\n  faults: [{kind: http_5xx}]\n", 1))
	if list := faultsOf(t, m); len(list) != 1 || list[0].Message != "mock.faults[0].kind: http_5xx can't be played over iso8583, only over epcc and jws" {
		t.Errorf("%v", list)
	}
}

func TestBankNeedsCards(t *testing.T) {
	m := withTemplates(t)
	text := string(m["banks/mybank.yaml"].Data)
	from, to := strings.Index(text, "bins:\n"), strings.Index(text, "# Required: the channels to the bank")
	m["banks/mybank.yaml"].Data = []byte(text[:from] + text[to:])
	if list := faultsOf(t, m); len(list) != 1 || !strings.HasPrefix(list[0].Message, "bins: the bank has no cards") {
		t.Errorf("%v", list)
	}
}
