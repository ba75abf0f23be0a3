package link

// RenewAfter is how long after it was asked for a token of this life is renewed.
var RenewAfter = renewAfter
