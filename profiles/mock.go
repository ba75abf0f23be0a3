package profiles

// BankMock is how the farm plays a bank.
type BankMock struct {
	// People is the number of invented customers, 0 to 1,000,000. Default 10,000.
	People *int `yaml:"people"`
	// Latency is how long the bank thinks, by operation.
	Latency Latency `yaml:"latency"`
	// Faults are what goes wrong on its own account. At most 64.
	Faults []Fault `yaml:"faults"`
	// SilentFor is how long a hub waits for this bank before it answers in its place, 10ms to 10m. Default 3s.
	SilentFor Duration `yaml:"silent_for"`
	// Review is how the bank's people, or its customer in the bank's own app, decide about bindings by themselves.
	// Left out: nobody does, and a person plays them through the control port. Only where challenge.kinds has more than sms.
	Review *Review `yaml:"review"`
}

// Review is how people decide. What approve and reject leave of the whole is
// never decided: such a case expires.
type Review struct {
	// After is how long they take, at most 24h. Required. Beyond challenge.approve_within the case expires first.
	After *Dist `yaml:"after"`
	// Approve is the part that is approved. Default: what reject leaves.
	Approve *Share `yaml:"approve"`
	// Reject are the parts that are not, by reason. At most 4.
	Reject []Rejection `yaml:"reject"`
}

// Rejection is a part of cases that is rejected for one reason.
type Rejection struct {
	// Reason is declined, callback_failed, unreachable or information_needed. Required, each once.
	Reason string `yaml:"reason"`
	// Share is the part. Required.
	Share *Share `yaml:"share"`
}

// RejectReasons are why people reject a binding.
func RejectReasons() []string {
	return []string{"declined", "callback_failed", "unreachable", "information_needed"}
}

// ChannelMock is how the farm plays a hub itself.
type ChannelMock struct {
	// Latency is added to that of the bank behind the hub. Default none.
	Latency Latency `yaml:"latency"`
	// Faults are the hub's own. At most 64.
	Faults []Fault `yaml:"faults"`
	// PlainHTTP lets the port take HTTP without TLS as well, for people with curl. Default false.
	PlainHTTP bool `yaml:"plain_http"`
	// MaxRequestBytes is the longest request taken, 1,024 to 16,777,216. Default 65,536.
	MaxRequestBytes int `yaml:"max_request_bytes"`
	// MaxConns is the number of connections taken at once, 1 to 100,000. Default 4,096.
	MaxConns int `yaml:"max_conns"`
}

// Latency is a distribution for each operation. Default serves the operations that have none.
type Latency struct {
	Default   *Dist `yaml:"default,omitempty" json:"default,omitempty"`
	Verify    *Dist `yaml:"verify,omitempty" json:"verify,omitempty"`
	Apply     *Dist `yaml:"apply,omitempty" json:"apply,omitempty"`
	Challenge *Dist `yaml:"challenge,omitempty" json:"challenge,omitempty"`
	Confirm   *Dist `yaml:"confirm,omitempty" json:"confirm,omitempty"`
	Query     *Dist `yaml:"query,omitempty" json:"query,omitempty"`
	Cancel    *Dist `yaml:"cancel,omitempty" json:"cancel,omitempty"`
	Unsign    *Dist `yaml:"unsign,omitempty" json:"unsign,omitempty"`
}

// Of returns the distribution for an operation by its name, or nil where there is no delay.
func (l *Latency) Of(operation string) *Dist {
	var d *Dist
	switch operation {
	case "verify":
		d = l.Verify
	case "apply":
		d = l.Apply
	case "challenge":
		d = l.Challenge
	case "confirm":
		d = l.Confirm
	case "query":
		d = l.Query
	case "cancel":
		d = l.Cancel
	case "unsign":
		d = l.Unsign
	}
	if d == nil {
		return l.Default
	}
	return d
}

// Dist is one distribution: exactly one of fixed, uniform, lognormal and mixture.
type Dist struct {
	// Fixed is the same for each call, 0s to 24h.
	Fixed *Duration `yaml:"fixed,omitempty" json:"fixed,omitempty"`
	// Uniform is even between two bounds.
	Uniform *Uniform `yaml:"uniform,omitempty" json:"uniform,omitempty"`
	// Lognormal is given by the two percentiles that people read off a monitor.
	Lognormal *Lognormal `yaml:"lognormal,omitempty" json:"lognormal,omitempty"`
	// Mixture is one of several lognormals, for a bank that looks longer at some requests: 2 to 8 parts.
	Mixture []Part `yaml:"mixture,omitempty" json:"mixture,omitempty"`
	// Shift is added to each draw: the way to a bank abroad and back. 0s to 1m, default 0s.
	Shift Duration `yaml:"shift,omitempty" json:"shift,omitempty"`
}

// Part is one part of a mixture.
type Part struct {
	// Weight is the part of all draws, above 0. Those of a mixture make 100% together. Required.
	Weight Share `yaml:"weight" json:"weight"`
	// Lognormal as in Dist. Required.
	Lognormal Lognormal `yaml:"lognormal" json:"lognormal"`
}

// Uniform is even from Min to Max, 0s to 24h each.
type Uniform struct {
	Min Duration `yaml:"min" json:"min"`
	Max Duration `yaml:"max" json:"max"`
}

// Lognormal has its median at P50 and 99 in 100 draws below P99: 1µs to 24h each, P50 < P99.
type Lognormal struct {
	P50 Duration `yaml:"p50" json:"p50"`
	P99 Duration `yaml:"p99" json:"p99"`
	// Cap is never exceeded: draws come from the distribution truncated there, without a heap at the cap. Default: none.
	Cap Duration `yaml:"cap,omitempty" json:"cap,omitempty"`
}

// Operations are the names under which latencies, faults and code rules speak of operations.
func Operations() []string {
	return []string{"verify", "apply", "challenge", "confirm", "query", "cancel", "unsign"}
}
