package load

import (
	"slices"

	"kaqiao/profiles"
)

// Planned is a failure that a binding is made to run into, and what the caller must be told of it.
type Planned struct {
	Kind string // names it, unlike any other
	// Want is the last that the caller must be told.
	Want Failure
	// First may be told before that, any number of times. Empty: nothing may.
	First string
	// Doubt: the step of Want must be answered with 202, and the truth found out later.
	Doubt bool
	// End is how the binding must end: EndFailed, or EndActive where only the answer was lost.
	End string
	// Fault is what the farm plays at the step of Want, at a bank set aside for it. Empty: none.
	Fault string

	from  origin
	spoil spoil
	// code changes the one-time code at each confirm.
	wrongCode bool
}

// origin is where the customers of a kind of failure come from.
type origin struct {
	kind    string // of customer; empty: as the mix says
	refused bool   // only those whose card can't pay online
	// The customer is a new one, like another but for a card in this state. Empty: nobody new.
	newState string
}

// The categories of failures that can be planned.
const (
	Information = "information"
	BankTrouble = "bank"
	Terminal    = "terminal"
	Account     = "account"
)

// CodeProcessing stands where the caller was told that the outcome is being
// found out, and no bad news came after it.
const CodeProcessing = "processing"

// Document is the mix of failures that the product's document describes (M21).
func Document() []Weighted {
	return []Weighted{{Information, 42}, {BankTrouble, 35}, {Terminal, 23}}
}

// Catalogue lists the failures that can be planned for wallets that demand this of phones.
func Catalogue(need profiles.Terminal) []Planned {
	return slices.Concat(information(), bankTrouble(), terminal(need), account())
}

func refusedAt(step Step, kind, category, code string) Planned {
	return Planned{Kind: kind, Want: Failure{step, category, code}, End: EndFailed}
}

func information() []Planned {
	list := []Planned{}
	add := func(kind, code string, from origin, s spoil) {
		p := refusedAt(Apply, kind, Information, code)
		p.from, p.spoil = from, s
		list = append(list, p)
	}
	anybody, credit := origin{}, origin{kind: "credit"}
	add("wrong_name", "name_mismatch", anybody, person(strangersName))
	add("name_in_other_script", "name_mismatch", anybody, person(otherScript))
	add("malformed_name", "name_format", anybody, person(misspeltName))
	add("wrong_document", "document_mismatch", anybody, person(strangersDocument))
	add("other_document", "document_mismatch", anybody, person(otherDocument))
	add("wrong_mobile", "mobile_mismatch", anybody, person(strangersMobile))
	add("misread_number", "card_invalid", anybody, person(misreadNumber))
	add("wrong_cvv", "cvv_mismatch", credit, person(wrongCVV))
	add("wrong_expiry", "cvv_mismatch", credit, person(wrongExpiry))
	add("expired_card", "card_expired", credit, person(pastExpiry))
	for _, kind := range []string{"wrong_code", "locked_code"} {
		p := refusedAt(Confirm, kind, Information, "code_wrong")
		p.wrongCode = true
		if kind == "locked_code" {
			p.Want.Code, p.First = "code_locked", "code_wrong"
		}
		list = append(list, p)
	}
	return list
}

// bankTrouble is in the order in which banks are set aside, where there are few.
// What a bank has not done ends in bank_timeout once that is known for sure;
// what it has done goes on as if its answer had come.
func bankTrouble() []Planned {
	doubt := func(step Step, kind, fault, end string) Planned {
		p := Planned{Kind: kind, Want: Failure{step, BankTrouble, CodeProcessing}, Doubt: true, End: end, Fault: fault}
		if end == EndFailed {
			p.Want.Code = "bank_timeout"
		}
		return p
	}
	busy := refusedAt(Apply, "busy", BankTrouble, "bank_busy")
	busy.Fault = "busy"
	return []Planned{
		busy,
		doubt(Apply, "silent_before", "no_reply_before_commit", EndFailed),
		doubt(Confirm, "silent_after", "no_reply_after_commit", EndActive),
		doubt(Apply, "garbage", "garbage", EndActive),
		doubt(Apply, "cut_before", "reset_before_commit", EndFailed),
		doubt(Confirm, "cut_after", "reset_after_commit", EndActive),
		refusedAt(Approval, Denied, BankTrouble, "bank_refused"), // by the people at a healthy bank
	}
}

func terminal(need profiles.Terminal) []Planned {
	list := []Planned{}
	add := func(kind, code string, change func(p *Phone) (known bool)) {
		of := today()
		if change(&of) {
			p := refusedAt(Apply, kind, Terminal, code)
			p.spoil = phone(of)
			list = append(list, p)
		}
	}
	old := func(os, least string) func(p *Phone) bool {
		return func(p *Phone) bool { p.OS, p.Version = os, before(least); return p.Version != "" }
	}
	add("old_android", "os_too_old", old("android", need.Android))
	add("old_ios", "os_too_old", old("ios", need.IOS))
	add("old_wallet", "client_too_old", func(p *Phone) bool { p.ClientVersion = before(need.Client); return p.ClientVersion != "" })
	add("pure_mode", "restricted_mode", func(p *Phone) bool { p.OS, p.Version, p.Restricted = "harmony", "4.0", true; return true })
	return list
}

func account() []Planned {
	list := []Planned{}
	add := func(kind, code string, from origin) {
		p := refusedAt(Apply, kind, Account, code)
		p.from = from
		list = append(list, p)
	}
	add("class_iii", "class_restricted", origin{kind: "class_iii"})
	add("virtual", "virtual_card_no_permission", origin{kind: "virtual", refused: true})
	add("not_opened", "online_payment_not_opened", origin{kind: "debit", newState: "open"})
	add("frozen", "account_frozen", origin{kind: "debit", newState: "frozen"})
	add("closed", "account_closed", origin{kind: "debit", newState: "closed"})
	add("lost", "card_lost", origin{kind: "debit", newState: "lost"})
	return list
}
