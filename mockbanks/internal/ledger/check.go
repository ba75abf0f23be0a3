package ledger

import (
	"slices"
	"time"

	"kaqiao/profiles"
)

// holding is a card with its account and holder, as the bank knows them.
type holding struct {
	customer Customer
	card     Card
	account  string    // the account's state
	codes    uint64    // codes made for the card so far
	signs    int       // codes made for it today
	latest   time.Time // when this institution had a code sent to this mobile last; zero: never
}

// examine goes through what the bank knows in the order in which an issuer
// does, and returns the first objection.
func (h holding) examine(given Identity, terms Terms, now time.Time) Refusal {
	return first(given, terms, now, h.identify, h.permission, h.pace)
}

// identify is the part that asks only whether the card is good and whose it is.
func (h holding) identify(given Identity, terms Terms, now time.Time) Refusal {
	return first(given, terms, now, h.kind, h.state, h.person, h.secrets)
}

func first(given Identity, terms Terms, now time.Time, checks ...func(Identity, Terms, time.Time) Refusal) Refusal {
	for _, check := range checks {
		if r := check(given, terms, now); r != "" {
			return r
		}
	}
	return ""
}

// kind: a card that is another than it is taken for is none that the bank knows.
func (h holding) kind(given Identity, _ Terms, _ time.Time) Refusal {
	if given.CardType != "" && (given.CardType == "credit") != (h.card.Type == "credit") {
		return NoSuchCard
	}
	return ""
}

func (h holding) state(_ Identity, _ Terms, now time.Time) Refusal {
	switch {
	case h.account == "closed":
		return CardClosed
	case h.card.State == "lost":
		return CardLost
	case h.card.State == "locked":
		return CardLocked
	case h.account == "frozen":
		return CardFrozen
	case expired(h.card.Expiry, now):
		return CardExpired
	}
	return ""
}

// person compares what every signing must say of the holder: a part that was not given does not match.
func (h holding) person(given Identity, _ Terms, _ time.Time) Refusal {
	switch {
	case !sameName(h.customer.Name, given.Name.Reveal()):
		return NameMismatch
	case h.customer.Document.Type != given.DocumentType && !slices.Contains(given.OtherTypes, h.customer.Document.Type):
		return DocumentTypeMismatch
	case !sameDocument(h.customer.Document.Number, given.Document.Reveal()):
		return DocumentMismatch
	case h.customer.Mobile == "":
		return NoMobile
	case h.customer.Mobile != given.Mobile.Reveal():
		return MobileMismatch
	}
	return ""
}

// secrets compares CVV and expiry. A credit card demands both where they can be said; with another card they count where they were given.
func (h holding) secrets(given Identity, _ Terms, _ time.Time) Refusal {
	credit := h.card.Type == "credit" && !given.FourElements
	switch {
	case (credit || !given.CVV.IsZero()) && h.card.CVV != given.CVV.Reveal():
		return CVVMismatch
	case (credit || !given.Expiry.IsZero()) && h.card.Expiry != given.Expiry.Reveal():
		return ExpiryMismatch
	}
	return ""
}

// permission is what the account and the card may do. Credit cards have no class.
func (h holding) permission(_ Identity, terms Terms, _ time.Time) Refusal {
	switch {
	case h.card.Class != "" && !slices.Contains(terms.Classes, h.card.Class):
		return ClassRestricted
	case h.card.OnlinePayment:
		return ""
	case h.card.Type == "virtual":
		return TradingNotPermitted
	}
	return OnlineNotOpened
}

func (h holding) pace(_ Identity, terms Terms, now time.Time) Refusal {
	switch {
	case h.signs >= terms.SignsPerDay:
		return SignsExceeded
	case now.Before(h.latest.Add(terms.ResendAfter)):
		return TooSoon
	}
	return ""
}

// expired reports whether the month YYYY-MM is over in Beijing. A card without a month does not expire.
func expired(month string, now time.Time) bool {
	return month != "" && now.In(profiles.Beijing).Format("2006-01") > month
}

// bankDay is the day of the bank's counters.
func bankDay(now time.Time) string { return now.In(profiles.Beijing).Format("20060102") }
