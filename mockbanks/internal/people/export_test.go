package people

// What the tests hold to other people's numbers.
func LuhnDigit(digits string) byte  { return luhnDigit([]byte(digits)) }
func CheckDigit(body string) byte   { return checkDigit(body) }
func LicenceDigit(body string) byte { return licenceDigit(body) }
