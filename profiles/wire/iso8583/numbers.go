package iso8583

import (
	"fmt"
	"time"
)

// numberLayout is the front of our number: the second in Beijing.
const numberLayout = "20060102150405"

// nodeSerials is how many serials one node of the gateway has: the digits above them are its own.
const nodeSerials = 100_000_000_000_000

// beijing is the zone of dates and times in messages. No summer time since 1991.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// Number writes our number of a message, 20 digits: the second in Beijing, the
// node (2 digits) and the serial's last four (this product's form). The serial
// is the node (0 to 99) times 10^14 and a running number, of which a node must
// not use more than 10,000 within a second.
func Number(at time.Time, serial uint64) (string, error) {
	day := at.In(beijing)
	if year := day.Year(); year < 1000 || year > 9999 {
		return "", fmt.Errorf("number: the year %d has not four digits", year)
	}
	node := serial / nodeSerials
	if node > 99 {
		return "", fmt.Errorf("number: the node %d has more than two digits", node)
	}
	return fmt.Sprintf("%s%02d%04d", day.Format(numberLayout), node, serial%10_000), nil
}

// TraceOfNumber returns fields 7 and 11 of the message with this number: its last sixteen digits.
func TraceOfNumber(number string) (Trace, error) {
	if _, err := MomentOf(number); err != nil {
		return Trace{}, err
	}
	return Trace{Transmitted: number[4:14], STAN: number[14:]}, nil
}

// MomentOf returns the second that a number names.
func MomentOf(number string) (time.Time, error) {
	if len(number) != 20 || !isDigits(number) {
		return time.Time{}, fmt.Errorf("number: want 20 digits")
	}
	at, err := time.ParseInLocation(numberLayout, number[:14], beijing)
	if err != nil {
		return time.Time{}, fmt.Errorf("number: it does not begin with a moment")
	}
	return at, nil
}
