package iso8583

// usageNewKey is the block of field 48 that carries a new key (found).
const usageNewKey = "NK"

// maskBits reads a verification mask of 16 digits; 0 where it is none.
func maskBits(s string) uint16 {
	if len(s) != 16 {
		return 0
	}
	var bits uint16
	for i := range len(s) {
		if s[i] != '0' && s[i] != '1' {
			return 0
		}
		bits = bits<<1 | uint16(s[i]-'0')
	}
	return bits
}
