package report

// words are the texts of a report in one language.
type words struct {
	title, perSecond, over, banks, people, journey string

	asked, started, notStarted, withheld, cutOff, late string

	latency, latencyNote                      string
	tier, bank, request, count, rate, longest string

	share, shareNote                 string
	joined, total, bankTime, gateway string

	promise, promiseNote             string
	promised, under, fromTo, verdict string

	ends, failures, noFailures, category, code, part string

	planned plannedWords

	doubts string

	tiers      map[string]string
	steps      map[string]string
	verdicts   map[string]string
	endings    map[string]string
	categories map[string]string
	doubtful   map[string]string
}

// Languages are the languages of a report.
func Languages() []string { return []string{"en", "zh"} }

func wordsOf(lang string) words {
	if lang == "zh" {
		return chinese()
	}
	return english()
}

func english() words {
	return words{
		title: "Kaqiao load test", perSecond: "bindings/s", over: "for", banks: "banks", people: "cards", journey: "people take",
		asked: "asked", started: "started", notStarted: "not started", withheld: "withheld", cutOff: "cut off", late: "starts late",
		latency: "Latency", latencyNote: "counted from when each request was due",
		tier: "tier", bank: "bank", request: "request", count: "count", rate: "per s", longest: "max",
		share: "Where the time went", shareNote: "%d of %d exchanges found in the banks' own records",
		joined: "joined", total: "total", bankTime: "bank", gateway: "gateway",
		promise: "What the tiers promise", promiseNote: "p50 and p99 of the banks' answers as the caller saw them",
		promised: "promised", under: "under %s", fromTo: "%s to %s", verdict: "verdict",
		ends: "How the bindings ended", failures: "Why requests failed", noFailures: "none failed",
		category: "category", code: "code", part: "part",
		planned:    plannedEnglish(),
		doubts:     "Before you trust these figures",
		tiers:      map[string]string{"state": "state", "city": "city", "foreign": "foreign"},
		steps:      map[string]string{"apply": "apply", "confirm": "confirm", "approval": "approval seen", "binding": "whole binding", "journey": "with thinking"},
		verdicts:   map[string]string{Met: "met", Slower: "missed: slower", Faster: "faster than stated", TooFew: "too few answers"},
		endings:    map[string]string{"active": "active", "failed": "failed", "processing": "processing", "no_code": "no code", "unanswered": "unanswered", "cut_off": "cut off"},
		categories: map[string]string{},
		doubtful: map[string]string{
			DoubtNotStarted: "bindings were not started: too many were under way",
			DoubtBelowRate:  "less than 99 % of the rate was achieved: this machine is too slow for it",
			DoubtLate:       "starts were late by more than 5 % of the shortest p99: this machine is too slow for it",
			DoubtShare:      "the gateway's part is in truth smaller: much of it is this program's own lateness",
			DoubtBeyond:     "some took longer than 10 minutes and are counted as 10 minutes",
		},
	}
}

func chinese() words {
	return words{
		title: "卡桥压测", perSecond: "次绑卡/秒", over: "持续", banks: "家银行", people: "卡种", journey: "用户平均耗时",
		asked: "计划", started: "已发起", notStarted: "未发起", withheld: "中断未发", cutOff: "截断", late: "发起延迟",
		latency: "延迟", latencyNote: "自每个请求应当发出的时刻起算",
		tier: "层级", bank: "银行", request: "请求", count: "次数", rate: "每秒", longest: "最大",
		share: "时间去向", shareNote: "%d / %d 笔交易在银行自己的记录中找到",
		joined: "匹配", total: "合计", bankTime: "银行", gateway: "网关",
		promise: "各层级承诺", promiseNote: "调用方所见银行应答的 p50 与 p99",
		promised: "承诺", under: "%s 以内", fromTo: "%s 至 %s", verdict: "结论",
		ends: "绑卡结果", failures: "失败原因", noFailures: "无失败",
		category: "类别", code: "代码", part: "占比",
		planned:  plannedChinese(),
		doubts:   "数据可信度提示",
		tiers:    map[string]string{"state": "国有大行", "city": "城商行", "foreign": "外资银行"},
		steps:    map[string]string{"apply": "签约申请", "confirm": "签约确认", "approval": "审批生效", "binding": "完整绑卡", "journey": "含用户操作"},
		verdicts: map[string]string{Met: "达标", Slower: "未达标：偏慢", Faster: "快于标称", TooFew: "样本不足"},
		endings:  map[string]string{"active": "成功", "failed": "失败", "processing": "处理中", "no_code": "未收到验证码", "unanswered": "无应答", "cut_off": "截断"},
		categories: map[string]string{
			"information": "信息不符", "bank": "银行接口", "terminal": "终端", "account": "账户", "limit": "限额", "risk": "风控",
			"request": "请求", "gateway": "网关", "transport": "传输", "inbox": "验证码",
		},
		doubtful: map[string]string{
			DoubtNotStarted: "部分绑卡未能发起：同时进行的数量已达上限",
			DoubtBelowRate:  "实际速率不足要求的 99 %：本机过慢",
			DoubtLate:       "发起延迟超过最短 p99 的 5 %：本机过慢",
			DoubtShare:      "网关占用的时间偏大：其中多为压测程序自身的延迟",
			DoubtBeyond:     "部分超过 10 分钟，按 10 分钟计",
		},
	}
}

// word returns the translation, or the name itself.
func word(m map[string]string, name string) string {
	if w, ok := m[name]; ok {
		return w
	}
	return name
}
