package profiles

import (
	"fmt"
	"slices"
	"strings"

	"kaqiao/profiles/bins"
)

// link makes the set: it checks what files say of each other and builds the
// tables. The error is not a fault of the files.
func (l *loader) link(banks entries[Bank], channels entries[Channel], platforms entries[Platform]) (*Set, error) {
	s := &Set{
		banks:     make(map[string]*Bank, len(banks)),
		channels:  make(map[string]*Channel, len(channels)),
		platforms: make(map[string]*Platform, len(platforms)),
	}
	for _, e := range banks {
		s.Banks = append(s.Banks, e.v)
		s.banks[e.f.id] = e.v
	}
	for _, e := range channels {
		s.Channels = append(s.Channels, e.v)
		s.channels[e.f.id] = e.v
	}
	for _, e := range banks {
		s.direct(e.v)
	}
	slices.SortFunc(s.Channels, func(a, b *Channel) int { return strings.Compare(a.ID, b.ID) })
	for _, e := range platforms {
		s.Platforms = append(s.Platforms, e.v)
		s.platforms[e.f.id] = e.v
	}
	l.linkRoutes(banks, channels)
	linkIssuers(banks)
	table, err := linkCards(banks)
	s.BINs = table
	return s, err
}

// direct lists the channel that is written in a bank's file, unless a file of channels/ has its id: linkRoutes tells that.
func (s *Set) direct(b *Bank) {
	for _, route := range b.Routes {
		if route.Direct != nil && s.channels[b.ID] == nil {
			c := (*Channel)(route.Direct)
			s.Channels = append(s.Channels, c)
			s.channels[b.ID] = c
		}
	}
}

// linkRoutes checks that each channel exists, that the bank's number on it has
// the form of its protocol, and that no two banks have one number on it.
func (l *loader) linkRoutes(banks entries[Bank], channels entries[Channel]) {
	type member struct{ channel, number string }
	taken := map[member]string{}
	ids := channels.ids()
	for _, e := range banks {
		var protocols []string
		for i, route := range e.v.Routes {
			p := rootPlace(e.f).key("routes").item(i)
			at, known := slices.BinarySearch(ids, route.Channel)
			var c *Channel
			switch {
			case route.Direct != nil && known:
				p.key("direct").fault("%s has the id %s already: a direct route is a channel of its bank's id", channels[at].f.name, route.Channel)
				continue
			case route.Direct != nil:
				c = (*Channel)(route.Direct)
			case !known:
				p.key("channel").fault("no channel %s%s", quoted(route.Channel), didYouMean(route.Channel, ids))
				continue
			default:
				c = channels[at].v
			}
			protocol, ok := l.protocol(c.Protocol)
			if ok {
				protocols = append(protocols, c.Protocol)
			}
			if ok && !protocol.Member.MatchString(route.Member) {
				p.key("member").fault("want %s, the form of numbers on %s", protocol.MemberForm, route.Channel)
				continue
			}
			if route.Direct != nil {
				continue // nobody else is there
			}
			this := member{route.Channel, route.Member}
			if other, twice := taken[this]; twice {
				p.key("member").fault("bank %s has this number on %s already", other, route.Channel)
				continue
			}
			taken[this] = e.f.id
		}
		if len(protocols) == len(e.v.Routes) { // what is wrong with a route was told
			played(rootPlace(e.f).key("mock").key("faults"), e.v.Mock.Faults, protocols...)
		}
	}
}

// linkIssuers checks that no issuer number belongs to two banks.
func linkIssuers(banks entries[Bank]) {
	taken := map[string]string{}
	for _, e := range banks {
		for i, code := range e.v.IssuerCodes {
			if other, twice := taken[code]; twice && other != e.f.id && code != "" {
				rootPlace(e.f).key("issuer_codes").item(i).fault("bank %s has this number already", other)
				continue
			}
			taken[code] = e.f.id
		}
	}
}

// linkCards lays the banks' own prefixes over the shipped table, whose rows go to the banks that claim their code.
func linkCards(banks entries[Bank]) (*bins.Table, error) {
	shipped, err := bins.Shipped()
	if err != nil {
		return nil, err
	}
	rows := append(ownCards(banks), shipped...)
	claimed := claims(banks, shipped)
	byID := make(map[string]*Bank, len(banks))
	for _, e := range banks {
		byID[e.f.id] = e.v
	}
	for i := len(rows) - len(shipped); i < len(rows); i++ {
		row := &rows[i]
		row.Bank = claimed[row.Table]
		if bank := byID[row.Bank]; bank != nil {
			row.QuickPass = bank.quickPass(row.Prefix, row.Scheme)
		}
	}
	// A profile's row that differs from the shipped one is what profiles are for, and the
	// shipped table's quarrels with itself are settled by its order: conflicts are no news here.
	table, _, err := bins.Build(rows)
	if err != nil {
		return nil, fmt.Errorf("profiles: card table: %w", err)
	}
	return table, nil
}

// claims says which bank has which code of the shipped table.
func claims(banks entries[Bank], shipped []bins.Row) map[string]string {
	known := map[string]bool{}
	for _, row := range shipped {
		known[row.Table] = true
	}
	var codes []string
	for code := range known {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	claimed := map[string]string{}
	for _, e := range banks {
		for i, code := range e.v.TableCodes {
			p := rootPlace(e.f).key("table_codes").item(i)
			switch other, twice := claimed[code]; {
			case !known[code]:
				p.fault("the card table has no bank %s%s", quoted(code), didYouMean(code, codes))
			case twice && other != e.f.id:
				p.fault("bank %s has this code already", other)
			default:
				claimed[code] = e.f.id
			}
		}
	}
	return claimed
}

// ownCards are the rows of the profiles. Two banks can't have the same cards.
func ownCards(banks entries[Bank]) []bins.Row {
	type cards struct {
		prefix string
		length int
	}
	taken := map[cards]string{}
	var rows []bins.Row
	for _, e := range banks {
		for i, b := range e.v.BINs {
			if !validCards(b) {
				continue
			}
			this := cards{b.Prefix, b.Length}
			if other, twice := taken[this]; twice && other != e.f.id {
				rootPlace(e.f).key("bins").item(i).fault("bank %s has these cards already", other)
				continue
			}
			taken[this] = e.f.id
			rows = append(rows, bins.Row{
				Prefix: b.Prefix, Length: uint8(b.Length), //nolint:gosec // 13 to 19
				Bank: e.f.id, Type: b.Type, Scheme: b.Scheme, NoLuhn: b.NoLuhn, Offline: b.NoOnlinePayment, QuickPass: b.QuickPass,
			})
		}
	}
	return rows
}

// validCards is false for a row of which a fault was told.
func validCards(b BIN) bool {
	_, _, err := bins.Build([]bins.Row{{Prefix: b.Prefix, Length: uint8(max(0, min(b.Length, 255)))}}) //nolint:gosec // bounded here
	return err == nil
}
