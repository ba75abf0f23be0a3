package people

import (
	"math/rand/v2"
	"strings"
)

// chineseName is a surname and a given name of one or two characters. Of a
// hundred, two are transcribed names with a middle dot, and two have a character
// that only GB 18030 has: banks that speak GBK stumble over those.
func chineseName(r *rand.Rand) string {
	switch r.IntN(50) {
	case 0:
		return pick(r, transcribed) + "·" + pick(r, transcribed)
	case 1:
		return pick(r, surnames) + pick(r, rare)
	case 2:
		return pick(r, compound) + given(r)
	}
	return pick(r, surnames) + given(r)
}

func given(r *rand.Rand) string {
	if r.IntN(5) == 0 {
		return pick(r, characters)
	}
	return pick(r, characters) + pick(r, characters)
}

// latinName is written as in a passport: surname first, capitals.
func latinName(r *rand.Rand) string { return pick(r, latinSurnames) + " " + pick(r, latinGiven) }

func companyName(r *rand.Rand) string {
	return pick(r, cities) + pick(r, characters) + pick(r, characters) + pick(r, trades) + "有限公司"
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

var (
	surnames = strings.Split("王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤", "")
	compound = strings.Fields("欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 长孙 宇文 端木 南宫")
	// characters are for given names of any sex.
	characters = strings.Split("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰建国文斌宇浩然子涵梓轩欣怡雨桐思源佳琪晨曦博雅俊杰志远海燕春梅秋菊冬雪晓东向阳永康家豪嘉欣诗雅若曦天佑景行乐山清泉云飞鹏程锦程安宁知行修远慧心如意书瑶婉清凌波望舒立群德胜长青", "")
	// rare have four bytes in GB 18030 and none in classic GBK.
	rare        = []string{"𬱖", "𬀩", "𬭎", "𫖯", "𬍛", "㛃", "𬸚", "𬘭", "𬤇", "𫍯", "䶮", "𬒈"}
	transcribed = strings.Fields("阿卜杜拉 买买提 古丽 艾力 麦麦提 吐尔逊 热依木 迪丽 玛依拉 卡德尔 努尔 巴特尔 其其格 扎西 卓玛 次仁 多吉 央金")

	latinSurnames = strings.Fields("SMITH JOHNSON BROWN TAYLOR MARTIN WILSON MULLER SCHMIDT DUBOIS ROSSI GARCIA SILVA IVANOV PETROVA TANAKA SUZUKI KIM PARK NGUYEN TRAN SINGH KHAN O'NEILL SMITH-JONES")
	latinGiven    = strings.Fields("JAMES MARY JOHN LINDA ROBERT EMMA MICHAEL ANNA DAVID SOFIA PETER JULIA THOMAS MARIA DANIEL LAURA YUKI KENJI MINJUN LAN ANJALI OMAR")

	cities = strings.Fields("北京 上海 广州 深圳 杭州 南京 成都 武汉 西安 苏州 宁波 青岛 厦门 长沙 天津 重庆")
	trades = strings.Fields("科技 贸易 餐饮管理 物流 文化传播 电子商务 建筑工程 信息技术 商贸 咨询")
)
