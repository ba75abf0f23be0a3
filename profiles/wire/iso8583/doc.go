// Package iso8583 is the grammar of ISO 8583 as China UnionPay's interchange
// (CUPS) and the fronts of many city banks speak it: four ASCII digits of
// length, a header of 46 bytes, the message type, a bitmap of 16 bytes, fields
// in ASCII with Chinese text in GBK, and a message authentication code in field
// 128. The dialect of POS terminals shares the field machinery (Dialect, POS).
//
// No official specification is public. Header, field formats, the identity
// block of field 61, the way in which field 128 is made and the key reset are
// found in other code bases; what is inferred or remembered is an option with
// that default.
//
// The messages of mandates are in none of the sources, so what follows is this
// product's declared dialect, and every constant of it an option:
//
//   - All of it is 0100 and 0110; field 3 tells what is wanted: verify identity
//     890000 (found), set up and send a code 891000, sign with the code 892000,
//     cancel 893000 (assigned).
//   - Field 61 says who the holder is, in all but a cancel (found for 890000).
//     Field 60.11 carries the class of the account in answers (found).
//   - Field 48 is a row of usage blocks. ON (order number, 40) ties a signing to
//     the number of its set-up, and PZ is the mandate (both found). VC carries
//     the one-time code, WA the wallet's account, AG the agreement's number
//     (assigned), each with three digits of length before its value, as field
//     63 has it (found there). The answer to a signing carries AG; a cancel
//     names the agreement by AG.
//   - Our number is 20 digits: the second in Beijing and six digits of trace
//     number. Fields 7 and 11 are its last sixteen (Number, Stamp).
//   - A reversal 0420 names its original in field 90; it is repeated as 0421
//     until its 0430 comes.
//   - Network management is 0820 and 0830: sign-on, sign-off and echo by field
//     70, without a seal unless option network_mac says otherwise. A key reset
//     (101) carries the new MAC key under the member master key, in field 96
//     where it has 8 bytes (found) and in field 48 as NK and hexadecimal where it
//     has 16 (usage found, form assigned), and is sealed under the new key (found).
//     The gateway asks for one with an 0800 of code 101 without a key, sealed like
//     any other; the answer 0810 carries the key. A bank may also send 0820 of
//     code 101 with a key by itself; its 0830 carries none.
//   - A message that a receiver bounces for its header comes back as it was,
//     under a header with a reject code: it has not been executed (inferred).
package iso8583
