package epcc

// header is MsgHeader as it stands on the wire: what the message's sender says and what the codec adds.
type header struct {
	Header
	MsgTp, NcrptnSN, DgtlEnvlp string
}

var (
	kindType     = kind{15, 15, isGraphic, "a message type"}
	kindEnvelope = kind{1, 1024, isBase64, "base64"}
)

// fields lists the header in its order (found).
func (h *header) fields() []field {
	return []field{
		plain("MsgHeader", "SndDt", &kindTime, mandatory, &h.SndDt),
		plain("MsgHeader", "MsgTp", &kindType, mandatory, &h.MsgTp),
		plain("MsgHeader", "IssrId", &kindInstitution, mandatory, &h.IssrId),
		plain("MsgHeader", "Drctn", &kindTwoDigits, mandatory, &h.Drctn),
		plain("MsgHeader", "SignSN", &kindSerial, mandatory, &h.SignSN),
		plain("MsgHeader", "NcrptnSN", &kindSerial, optional, &h.NcrptnSN),
		plain("MsgHeader", "DgtlEnvlp", &kindEnvelope, optional, &h.DgtlEnvlp),
	}
}

// isBase64 lets the decoder judge the details; lines may be wrapped.
func isBase64(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isAlphanumeric(s[i:i+1]) && c != '+' && c != '/' && c != '=' && !isSpace(c) {
			return false
		}
	}
	return true
}
