package bins

// Luhn reports whether the digits of number end in their Luhn digit (ISO/IEC
// 7812-1 annex B). Anything but 2 to 32 digits does not.
func Luhn(number string) bool {
	if len(number) < 2 || len(number) > 32 {
		return false
	}
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i]) - '0'
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// LuhnDigit returns the digit that makes body followed by it pass Luhn. Body is digits only.
func LuhnDigit(body string) byte {
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}
