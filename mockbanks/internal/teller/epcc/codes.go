package epcc

import "kaqiao/mockbanks/internal/ledger"

// Codes of the system layer. Where a meaning stands in a source it is marked
// found; the others are this product's own assignments within the known form
// (XYnnnnnn: X whose side, Y system or business).
const (
	success      = "00000000" // found
	malformed    = "PS500001" // format fault (found as a range 1 to 4): not the grammar, or too large
	fieldFault   = "PS500002" // format fault: a field missing, unknown, twice or too long, or a wrong header
	badEnvelope  = "PS500003" // format fault: the digital envelope, whom it is for, or a field under it
	stale        = "PS500004" // format fault: SndDt is too far from the hub's clock
	badValue     = "PB030X01" // format fault (found): a value that no transaction can have
	sealMissing  = "PS500022" // found as a system code ending 022
	sealWrong    = "PS500025" // found as a system code ending 025; also an unknown or revoked serial
	notMember    = "PB040000" // not supported (found): no such bank on this channel, no such message
	notAllowed   = "PB003000" // merchant (found): not the institution of this channel
	memberSilent = "ES000033" // receiving bank timed out (found)
	busy         = "ES000099" // system busy (found in the time-out class)
	noOriginal   = "ES000041" // the original of a query was not found (assigned: no code is known)
	numberUsed   = "PB512099" // unsigning not allowed (found); for a number that said something else before: assigned
	pending      = "PB511090" // waits for the customer (assigned); what is sent is the option pending_code
	coreFault    = "PB528999" // core time-out (found); a refusal that the table below lacks never happens, see its test
)

// refusalCodes are the bank's words for a ledger's refusals when signing and
// unsigning. Where a code stands in the sources with its meaning it is found;
// inferred is marked; assigned codes stand in a published list without a
// meaning, or in none, and are this product's own.
var refusalCodes = map[ledger.Refusal]string{
	ledger.NoSuchCard:           "PB511002", // found
	ledger.CardClosed:           "PB511005", // found
	ledger.CardFrozen:           "PB511006", // found
	ledger.CardLocked:           "PB511008", // found
	ledger.CardLost:             "PB511010", // found
	ledger.CardExpired:          "PB511020", // assigned
	ledger.NameMismatch:         "PB511017", // found
	ledger.DocumentTypeMismatch: "PB005X02", // found
	ledger.DocumentMismatch:     "PB511019", // found
	ledger.NoMobile:             "PB511014", // found
	ledger.MobileMismatch:       "PB511013", // found
	ledger.CVVMismatch:          "PB005203", // found as credit identity; which element is assigned
	ledger.ExpiryMismatch:       "PB005212", // found as credit identity; which element is assigned
	ledger.ClassRestricted:      "PB511098", // inferred: other account state
	ledger.OnlineNotOpened:      "PB511021", // assigned
	ledger.TradingNotPermitted:  "PB511022", // assigned
	ledger.SignsExceeded:        "PB511025", // found
	ledger.TooSoon:              "PB511012", // assigned
	ledger.NoSuchCode:           "PB005X12", // found
	ledger.CodeUsed:             "PB005X12", // found for a missing record; a used one is refused, its code is assigned
	ledger.CodeLocked:           "PB005X09", // found
	ledger.CodeWrong:            "PB511027", // found
	ledger.CodeExpired:          "PB511028", // found
	ledger.ElementsChanged:      "PB511099", // other sign failure (found); this use is assigned
	ledger.NoAgreement:          "PB512001", // found
	ledger.AlreadyUnsigned:      "PB512002", // found
	ledger.NotOffered:           "PB511015", // found for text messages; for approval in the APP assigned
	ledger.ApprovalDenied:       "PB511097", // assigned: the default of the option denied_code, which stands before it
	ledger.ApprovalExpired:      "PB511028", // found for a code; for an approval assigned
	ledger.ApprovalSuperseded:   "PB005X12", // found for a missing record; for one that has been replaced assigned
}

// words are the texts beside the codes. The gateway never shows them to people.
var words = map[string]string{
	success: "成功", malformed: "报文格式错误", fieldFault: "报文要素错误", badEnvelope: "数字信封错误",
	stale: "报文时间超限", badValue: "字段取值错误", sealMissing: "缺少签名", sealWrong: "验签失败",
	notMember: "业务不支持", notAllowed: "机构无权限", memberSilent: "接收行处理超时", busy: "系统忙",
	noOriginal: "原交易不存在", numberUsed: "交易流水号已使用", coreFault: "核心处理超时",
	"PB511002": "账户不存在", "PB511005": "账户已销户", "PB511006": "账户已冻结", "PB511008": "账户已锁定",
	"PB511010": "卡片已挂失", "PB511020": "卡片已过期", "PB511017": "户名不符", "PB005X02": "证件类型不符",
	"PB511019": "证件号码不符", "PB511014": "未预留手机号", "PB511013": "预留手机号不符", "PB005203": "安全码不符",
	"PB005212": "有效期不符", "PB511098": "账户类别受限", "PB511021": "未开通在线支付", "PB511022": "虚拟卡未开通网上交易",
	"PB511025": "当日签约次数超限", "PB511012": "短信发送过于频繁", "PB005X12": "短信验证码关联信息不存在",
	"PB005X09": "短信验证码错误次数超限", "PB511027": "短信验证码错误", "PB511028": "短信验证码已过期",
	"PB511099": "签约要素与验证时不一致", "PB512001": "协议不存在", "PB512002": "协议已解约",
	"PB511015": "未开通该验证方式", "PB511097": "客户拒绝签约", pending: "待客户在手机银行确认",
}

// unsignCodeOf is codeOf for an unsigning, whose codes are a family of their own.
func unsignCodeOf(r ledger.Refusal) string {
	if r == ledger.ElementsChanged {
		return numberUsed
	}
	return codeOf(r)
}

// codeOf is the bank's code for a ledger's decision.
func codeOf(r ledger.Refusal) string {
	if r == "" {
		return success
	}
	if code, ok := refusalCodes[r]; ok {
		return code
	}
	return coreFault
}
