package epcc

import (
	"fmt"
	"strconv"
	"time"
)

// maxSerial is the largest serial of a TrxId: sixteen digits.
const maxSerial = 9_999_999_999_999_999

// beijing is the zone of dates and times in messages. No summer time since 1991.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// TrxID writes the 31 digits that name a transaction: the day in Beijing, 16
// digits of a serial that the caller never uses twice in a day, the reserved
// digit and the six control digits of completed options (form found).
func TrxID(at time.Time, serial uint64, opts Options) (string, error) {
	day := at.In(beijing)
	if year := day.Year(); year < 1000 || year > 9999 {
		return "", fmt.Errorf("TrxId: the year %d has not four digits", year)
	}
	if serial > maxSerial {
		return "", fmt.Errorf("TrxId: the serial %d has more than 16 digits", serial)
	}
	id := day.Format("20060102") + pad16(serial) + opts.ReservedDigit + opts.ControlDigits
	if reason := kindTrxID.check(id); reason != "" {
		return "", fmt.Errorf("TrxId: reserved_digit and control_digits must have 1 and 6 digits: %s", reason)
	}
	return id, nil
}

func pad16(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	return "0000000000000000"[len(digits):] + digits
}
