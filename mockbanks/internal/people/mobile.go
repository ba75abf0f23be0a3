package people

import (
	"encoding/binary"
	"fmt"
)

// starts are the first three digits of mobile numbers in use; machines' and satellite ranges are left out.
var starts = [...]int{
	130, 131, 132, 133, 134, 135, 136, 137, 138, 139,
	150, 151, 152, 153, 155, 156, 157, 158, 159, 166,
	173, 175, 176, 177, 178, 180, 181, 182, 183, 184,
	185, 186, 187, 188, 189, 191, 195, 196, 198, 199,
}

// The numbers are cut into shares of a million, one for a bank, by its id. Two
// banks have the same share by bad luck only, one pair in 4,000.
const (
	numbers = uint64(len(starts)) * 100_000_000
	share   = 1_000_000
)

// mobile is the number of customer i, 0 to 999,999, whose own it is within the bank.
func mobile(bank string, seed uint64, i int) string {
	const step = 2_654_435_769 // odd, no multiple of 5: it shares no divisor with numbers
	slot := keyed("mobile share", 0, bank, 0)
	turn := keyed("mobile turn", seed, "", 0)
	at := binary.BigEndian.Uint64(slot[:])%(numbers/share)*share + uint64(i)%share //nolint:gosec // i is not negative
	n := (at*step + binary.BigEndian.Uint64(turn[:])%numbers) % numbers
	return fmt.Sprintf("+86%d%08d", starts[n/100_000_000], n%100_000_000)
}
