package people

// What the tests hold to other people's numbers.
func CheckDigit(body string) byte   { return checkDigit(body) }
func LicenceDigit(body string) byte { return licenceDigit(body) }
