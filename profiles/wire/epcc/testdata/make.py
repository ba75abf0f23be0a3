#!/usr/bin/env python3
"""Writes golden/*.txt: messages as another party would write them.

The texts are written out by hand below, after the field lists and samples
that public code agrees on; ciphers, envelopes and signatures are made by the
openssl program (3.0 or later), never by this project's encoder. The key is
that of GM/T 0003.5-2012 annex A, which is printed in the standard, under a
serial for each use. Envelopes and signatures contain chance, so a second run
writes other bytes with the same meaning.

Run it in this folder: python3 make.py
"""
import base64
import pathlib
import subprocess
import tempfile

D = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
X = "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
Y = "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
PRIVATE = "308187020100301306072A8648CE3D020106082A811CCF5501822D046D306B0201010420" + D + "A14403420004" + X + Y
PUBLIC = "3059301306072A8648CE3D020106082A811CCF5501822D03420004" + X + Y
SESSION = "0123456789abcdeffedcba9876543210"

SOURCE = "written by hand after the field lists that public code agrees on; enciphered and signed by OpenSSL 3.0 (make.py)"


def openssl(*args, text=b""):
    return subprocess.run(["openssl", *args], input=text, stdout=subprocess.PIPE, check=True).stdout


def pem(kind, der):
    body = base64.encodebytes(bytes.fromhex(der)).decode()
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n"


class Party:
    """Enciphers and signs with the openssl program."""

    def __init__(self, folder, mode="ecb"):
        self.folder, self.mode = pathlib.Path(folder), mode
        (self.folder / "private.pem").write_text(pem("PRIVATE KEY", PRIVATE))
        (self.folder / "public.pem").write_text(pem("PUBLIC KEY", PUBLIC))

    def field(self, text):
        iv = ["-iv", SESSION] if self.mode == "cbc" else []
        out = openssl("enc", f"-sm4-{self.mode}", "-K", SESSION, *iv, text=text.encode())
        return base64.b64encode(out).decode()

    def envelope(self):
        plain = self.folder / "plain"
        plain.write_text("02|" + SESSION)
        out = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", str(self.folder / "public.pem"), "-in", str(plain))
        return base64.b64encode(out).decode()

    def signature(self, text):
        data = self.folder / "data"
        data.write_bytes(text.encode())
        out = openssl("pkeyutl", "-sign", "-inkey", str(self.folder / "private.pem"), "-rawin", "-digest", "sm3",
                      "-pkeyopt", "distid:1234567812345678", "-in", str(data))
        return base64.b64encode(out).decode()


def write(name, receiver, values, declaration, root, between, signature, behind="", mode="ecb"):
    words = [f"source: {SOURCE}", f"receiver: {receiver}", f"cipher_mode: {mode}"]
    words += [f"{path} = {text}" for path, text in values]
    head = "\n".join(words) + "\n\n"
    body = f"{declaration}{root}{between}{{S:{signature}}}{behind}"
    pathlib.Path("golden", name + ".txt").write_bytes(head.encode() + body.encode())


DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def sign_code(p):
    values = [
        ("Header.SndDt", "2024-06-01T10:00:00"), ("Header.IssrId", "Z2000000000001"), ("Header.Drctn", "11"),
        ("Header.SignSN", "4000000001"),
        ("SgnInf.SgnAcctIssrId", "C1000000000001"), ("SgnInf.SgnAcctTp", "00"),
        ("SgnInf.SgnAcctId", "6217000000000000012"), ("SgnInf.SgnAcctNm", "张三"), ("SgnInf.IDTp", "01"),
        ("SgnInf.IDNo", "11010519491231002X"), ("SgnInf.MobNo", "13800138000"),
        ("TrxInf.TrxCtgy", "0201"), ("TrxInf.TrxId", "2024060100000000000000011760001"),
        ("TrxInf.TrxDtTm", "2024-06-01T10:00:01"), ("InstgInf.InstgId", "Z2000000000002"),
    ]
    e = p.field
    root = (
        '<root xmlns="namespace_string"><MsgHeader><SndDt>2024-06-01T10:00:00</SndDt><MsgTp>epcc.101.001.01</MsgTp>'
        "<IssrId>Z2000000000001</IssrId><Drctn>11</Drctn><SignSN>4000000001</SignSN><NcrptnSN>4000000002</NcrptnSN>"
        f"<DgtlEnvlp>{p.envelope()}</DgtlEnvlp></MsgHeader><MsgBody><SgnInf>"
        "<SgnAcctIssrId>C1000000000001</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp>"
        f"<SgnAcctId>{e('6217000000000000012')}</SgnAcctId><SgnAcctNm>{e('张三')}</SgnAcctNm><IDTp>01</IDTp>"
        f"<IDNo>{e('11010519491231002X')}</IDNo><MobNo>{e('13800138000')}</MobNo></SgnInf>"
        "<TrxInf><TrxCtgy>0201</TrxCtgy><TrxId>2024060100000000000000011760001</TrxId>"
        "<TrxDtTm>2024-06-01T10:00:01</TrxDtTm><AuthMsg></AuthMsg></TrxInf>"
        "<InstgInf><InstgId>Z2000000000002</InstgId><InstgAcct></InstgAcct></InstgInf></MsgBody></root>"
    )
    write("101-code", "bank", values, DECLARATION, root, "\n", p.signature(root))


def sign_credit(p):
    """The second step with a credit card, every field at its longest, in CBC."""
    name, account, document = "阿卜杜热西提·买买提䶮" * 3 + "·Ω&<>\"'" + "x" * 15, "账" * 21 + "z", "南字第12345678号(补)—ézz"
    values = [
        ("Header.SndDt", "2024-02-29T23:59:59"), ("Header.IssrId", "Z9999999999999"), ("Header.Drctn", "99"),
        ("Header.SignSN", "4000000001"),
        ("SgnInf.SgnAcctIssrId", "C9999999999999"), ("SgnInf.SgnAcctTp", "01"),
        ("SgnInf.SgnAcctId", "9999999999999999999"), ("SgnInf.SgnAcctNm", name), ("SgnInf.IDTp", "99"),
        ("SgnInf.IDNo", document), ("SgnInf.MobNo", "19999999999"), ("SgnInf.CVN2", "0007"), ("SgnInf.VldDt", "0129"),
        ("TrxInf.TrxCtgy", "0202"), ("TrxInf.TrxId", "9" * 31), ("TrxInf.TrxDtTm", "2024-02-29T00:00:00"),
        ("TrxInf.AuthMsg", "00000000"), ("InstgInf.InstgId", "Z0000000000000"), ("InstgInf.InstgAcct", account),
    ]
    e = p.field
    root = (
        '<root xmlns="namespace_string"><MsgHeader><SndDt>2024-02-29T23:59:59</SndDt><MsgTp>epcc.101.001.01</MsgTp>'
        "<IssrId>Z9999999999999</IssrId><Drctn>99</Drctn><SignSN>4000000001</SignSN><NcrptnSN>4000000002</NcrptnSN>"
        f"<DgtlEnvlp>{p.envelope()}</DgtlEnvlp></MsgHeader><MsgBody><SgnInf>"
        "<SgnAcctIssrId>C9999999999999</SgnAcctIssrId><SgnAcctTp>01</SgnAcctTp>"
        f"<SgnAcctId>{e('9' * 19)}</SgnAcctId><SgnAcctNm>{e(name)}</SgnAcctNm><IDTp>99</IDTp>"
        f"<IDNo>{e(document)}</IDNo><MobNo>{e('19999999999')}</MobNo>"
        f"<CVN2>{e('0007')}</CVN2><VldDt>{e('0129')}</VldDt></SgnInf>"
        f"<TrxInf><TrxCtgy>0202</TrxCtgy><TrxId>{'9' * 31}</TrxId>"
        "<TrxDtTm>2024-02-29T00:00:00</TrxDtTm><AuthMsg>00000000</AuthMsg></TrxInf>"
        f"<InstgInf><InstgId>Z0000000000000</InstgId><InstgAcct>{e(account)}</InstgAcct></InstgInf></MsgBody></root>"
    )
    write("101-credit-longest", "bank", values, DECLARATION, root, "\n", p.signature(root), mode="cbc")


def sign_as_found(p):
    """The form of the printed request of 2017: no line end behind the declaration, <InstgAcct />, a wrapped signature."""
    values = [
        ("Header.SndDt", "2017-06-20T10:27:42"), ("Header.IssrId", "G4000311000018"), ("Header.Drctn", "22"),
        ("Header.SignSN", "4000000001"),
        ("SgnInf.SgnAcctIssrId", "C1010211000012"), ("SgnInf.SgnAcctTp", "00"),
        ("SgnInf.SgnAcctId", "6217000000013"), ("SgnInf.SgnAcctNm", "李"), ("SgnInf.IDTp", "01"),
        ("SgnInf.IDNo", "1"), ("SgnInf.MobNo", "00000000000"),
        ("TrxInf.TrxCtgy", "0202"), ("TrxInf.TrxId", "0" * 31), ("TrxInf.TrxDtTm", "2017-06-20T10:27:42"),
        ("TrxInf.AuthMsg", "8432"), ("InstgInf.InstgId", "Z2004944000010"),
    ]
    e = p.field
    root = (
        '<root xmlns="namespace_string"><MsgHeader><SndDt>2017-06-20T10:27:42</SndDt><MsgTp>epcc.101.001.01</MsgTp>'
        "<IssrId>G4000311000018</IssrId><Drctn>22</Drctn><SignSN>4000000001</SignSN><NcrptnSN>4000000002</NcrptnSN>"
        f"<DgtlEnvlp>{p.envelope()}</DgtlEnvlp></MsgHeader>\r\n<MsgBody>\n\t<SgnInf>"
        "<SgnAcctIssrId>C1010211000012</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp>"
        f"<SgnAcctId>{e('6217000000013')}</SgnAcctId><SgnAcctNm>{e('李')}</SgnAcctNm><IDTp>01</IDTp>"
        f"<IDNo>{e('1')}</IDNo><MobNo>{e('0' * 11)}</MobNo></SgnInf>"
        f"<TrxInf><TrxCtgy>0202</TrxCtgy><TrxId>{'0' * 31}</TrxId>"
        "<TrxDtTm>2017-06-20T10:27:42</TrxDtTm><AuthMsg>8432</AuthMsg></TrxInf>"
        "<InstgInf><InstgId>Z2004944000010</InstgId><InstgAcct /></InstgInf></MsgBody></root>"
    )
    signature = p.signature(root)
    wrapped = signature[:76] + "\r\n" + signature[76:]
    write("101-as-printed", "bank", values, DECLARATION.strip(), root, " \r\n", wrapped, behind="\r\n")


def sign_receipt(p):
    values = [
        ("Header.SndDt", "2024-06-01T10:00:02"), ("Header.IssrId", "G4000311000018"), ("Header.Drctn", "22"),
        ("Header.SignSN", "4000000003"),
        ("SysRtnInf.SysRtnCd", "00000000"), ("SysRtnInf.SysRtnDesc", "交易成功"), ("SysRtnInf.SysRtnTm", "2024-06-01T10:00:02"),
        ("BizInf.SgnNo", "AGR-2024/06_01.000001"), ("BizInf.BizStsCd", "PB511001"), ("BizInf.BizStsDesc", "成功 & <完成>"),
        ("SgnInf.SgnAcctIssrId", "C1000000000001"), ("SgnInf.SgnAcctTp", "00"),
        ("SgnInf.SgnAcctId", "6217000000000000012"), ("SgnInf.SgnAcctNm", "张三"), ("SgnInf.SgnAcctLvl", "一级账户"),
        ("InstgInf.InstgId", "Z2000000000001"), ("InstgInf.InstgAcct", "wx-1001"),
        ("OriTrxInf.TrxCtgy", "0202"), ("OriTrxInf.TrxId", "2024060100000000000000011760001"),
        ("OriTrxInf.TrxDtTm", "2024-06-01T10:00:01"),
    ]
    e = p.field
    root = (
        '<root xmlns="namespace_string"><MsgHeader><SndDt>2024-06-01T10:00:02</SndDt><MsgTp>epcc.102.001.01</MsgTp>'
        "<IssrId>G4000311000018</IssrId><Drctn>22</Drctn><SignSN>4000000003</SignSN><NcrptnSN>4000000004</NcrptnSN>"
        f"<DgtlEnvlp>{p.envelope()}</DgtlEnvlp></MsgHeader><MsgBody>"
        "<SysRtnInf><SysRtnCd>00000000</SysRtnCd><SysRtnDesc>交易成功</SysRtnDesc><SysRtnTm>2024-06-01T10:00:02</SysRtnTm></SysRtnInf>"
        "<BizInf><SgnNo>AGR-2024/06_01.000001</SgnNo><BizStsCd>PB511001</BizStsCd><BizStsDesc>成功 &amp; &lt;完成&gt;</BizStsDesc></BizInf>"
        f"<SgnInf><SgnAcctIssrId>C1000000000001</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp><SgnAcctId>{e('6217000000000000012')}</SgnAcctId>"
        f"<SgnAcctNm>{e('张三')}</SgnAcctNm><SgnAcctLvl>一级账户</SgnAcctLvl></SgnInf>"
        f"<InstgInf><InstgId>Z2000000000001</InstgId><InstgAcct>{e('wx-1001')}</InstgAcct></InstgInf>"
        "<OriTrxInf><TrxCtgy>0202</TrxCtgy><TrxId>2024060100000000000000011760001</TrxId><TrxDtTm>2024-06-01T10:00:01</TrxDtTm></OriTrxInf>"
        "</MsgBody></root>"
    )
    write("102-signed", "gateway", values, DECLARATION, root, "\n", p.signature(root))


def sign_receipt_blank(p):
    """A refusal with a blank BizStsCd, references in place of characters, and elements that this project does not know."""
    values = [
        ("Header.SndDt", "2024-06-01T10:00:02"), ("Header.IssrId", "G4000311000018"), ("Header.Drctn", "22"),
        ("Header.SignSN", "4000000005"),
        ("SysRtnInf.SysRtnCd", "ES000033"), ("SysRtnInf.SysRtnDesc", "中行 \"超时\" 'x' 😀"),
    ]
    root = (
        '<root xmlns="namespace_string"><MsgHeader><SndDt>2024-06-01T10:00:02</SndDt><MsgTp>epcc.102.001.01</MsgTp>'
        "<IssrId>G4000311000018</IssrId><Drctn>22</Drctn><SignSN>4000000005</SignSN><NcrptnSN></NcrptnSN><DgtlEnvlp/>"
        "<Extra>1</Extra></MsgHeader><MsgBody>"
        "<SysRtnInf><SysRtnCd>ES000033</SysRtnCd><SysRtnDesc>&#x4E2D;&#34892; &quot;超时&quot; &apos;x&apos; &#x1F600;</SysRtnDesc>"
        "<SysRtnTm></SysRtnTm></SysRtnInf><BizInf><BizStsCd></BizStsCd><BizStsDesc/><More><Deep>2</Deep>text</More></BizInf>"
        "<Others><SysRtnCd>11111111</SysRtnCd></Others></MsgBody></root>"
    )
    write("102-refused-blank", "gateway", values, DECLARATION, root, "", p.signature(root))


def small(p):
    head = ("<MsgHeader><SndDt>2024-06-01T10:00:03</SndDt><MsgTp>epcc.{t}.001.01</MsgTp><IssrId>{issuer}</IssrId>"
            "<Drctn>{drctn}</Drctn><SignSN>{serial}</SignSN></MsgHeader>")
    gateway = dict(issuer="Z2000000000001", drctn="11", serial="4000000001")
    hub = dict(issuer="G4000311000018", drctn="22", serial="4000000003")

    def head_values(of):
        return [("Header.SndDt", "2024-06-01T10:00:03"), ("Header.IssrId", of["issuer"]), ("Header.Drctn", of["drctn"]),
                ("Header.SignSN", of["serial"])]

    def one(name, typ, of, receiver, values, body):
        root = f'<root xmlns="namespace_string">{head.format(t=typ, **of)}<MsgBody>{body}</MsgBody></root>'
        write(name, receiver, head_values(of) + values, DECLARATION, root, "\n", p.signature(root))

    one("104-answer", "104", hub, "gateway", [
        ("SysRtnInf.SysRtnCd", "00000000"), ("SysRtnInf.SysRtnTm", "2024-06-01T10:00:04"), ("BizInf.BizStsCd", "00000000"),
        ("SgnInf.SgnAcctIssrId", "C1000000000001"), ("SgnInf.SgnAcctTp", "00"), ("SgnInf.SgnAcctShrtId", "0019"),
        ("SgnInf.SgnNo", "AGR20240601000001"), ("InstgInf.InstgId", "Z2000000000001"),
        ("RescindInf.TrxId", "2024060100000000000000021760001"), ("RescindInf.TrxDtTm", "2024-06-01T10:00:05"),
    ], "<SysRtnInf><SysRtnCd>00000000</SysRtnCd><SysRtnTm>2024-06-01T10:00:04</SysRtnTm></SysRtnInf>"
       "<BizInf><BizStsCd>00000000</BizStsCd></BizInf>"
       "<SgnInf><SgnAcctIssrId>C1000000000001</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp><SgnAcctShrtId>0019</SgnAcctShrtId>"
       "<SgnNo>AGR20240601000001</SgnNo></SgnInf><InstgInf><InstgId>Z2000000000001</InstgId></InstgInf>"
       "<RescindInf><TrxId>2024060100000000000000021760001</TrxId><TrxDtTm>2024-06-01T10:00:05</TrxDtTm></RescindInf>")
    one("104-unasked", "104", hub, "gateway", [
        ("SgnInf.SgnAcctIssrId", "C1000000000001"), ("SgnInf.SgnAcctTp", "00"), ("SgnInf.SgnAcctShrtId", "0019"),
        ("SgnInf.SgnNo", "AGR20240601000001"), ("InstgInf.InstgId", "Z2000000000001"),
        ("RescindInf.TrxId", "2024060100000000000000031760001"), ("RescindInf.TrxDtTm", "2024-06-01T10:00:06"),
    ], "<SgnInf><SgnAcctIssrId>C1000000000001</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp><SgnAcctShrtId>0019</SgnAcctShrtId>"
       "<SgnNo>AGR20240601000001</SgnNo></SgnInf><InstgInf><InstgId>Z2000000000001</InstgId></InstgInf>"
       "<RescindInf><TrxId>2024060100000000000000031760001</TrxId><TrxDtTm>2024-06-01T10:00:06</TrxDtTm></RescindInf>")
    one("301-query", "301", gateway, "bank", [
        ("OriTrxInf.OriTrxCtgy", "0202"), ("OriTrxInf.OriTrxId", "2024060100000000000000011760001"),
        ("OriTrxInf.SrcInstgId", "Z2000000000001"), ("OriTrxInf.SinkInstgId", "C1000000000001"),
    ], "<OriTrxInf><OriTrxCtgy>0202</OriTrxCtgy><OriTrxId>2024060100000000000000011760001</OriTrxId>"
       "<SrcInstgId>Z2000000000001</SrcInstgId><SinkInstgId>C1000000000001</SinkInstgId></OriTrxInf>")
    one("302-found", "302", hub, "gateway", [
        ("SysRtnInf.SysRtnCd", "00000000"), ("SysRtnInf.SysRtnDesc", "ok"), ("SysRtnInf.SysRtnTm", "2024-06-01T10:00:04"),
        ("BizInf.SgnNo", "AGR20240601000001"), ("BizInf.BizStsCd", "PS500030"), ("BizInf.BizStsDesc", "处理中"),
        ("OriTrxInf.OriTrxCtgy", "0202"), ("OriTrxInf.OriTrxId", "2024060100000000000000011760001"),
        ("OriTrxInf.SrcInstgId", "Z2000000000001"), ("OriTrxInf.SinkInstgId", "C1000000000001"),
    ], "<SysRtnInf><SysRtnCd>00000000</SysRtnCd><SysRtnDesc>ok</SysRtnDesc><SysRtnTm>2024-06-01T10:00:04</SysRtnTm></SysRtnInf>"
       "<OriBizInf><SgnNo>AGR20240601000001</SgnNo><BizStsCd>PS500030</BizStsCd><BizStsDesc>处理中</BizStsDesc></OriBizInf>"
       "<OriTrxInf><OriTrxCtgy>0202</OriTrxCtgy><OriTrxId>2024060100000000000000011760001</OriTrxId>"
       "<SrcInstgId>Z2000000000001</SrcInstgId><SinkInstgId>C1000000000001</SinkInstgId></OriTrxInf>")
    one("303-system", "303", hub, "gateway", [
        ("SysRtnInf.SysRtnCd", "PS500025"), ("SysRtnInf.SysRtnDesc", "验签失败"), ("SysRtnInf.SysRtnTm", "2024-06-01T10:00:04"),
    ], "<SysRtnInf><SysRtnCd>PS500025</SysRtnCd><SysRtnDesc>验签失败</SysRtnDesc><SysRtnTm>2024-06-01T10:00:04</SysRtnTm></SysRtnInf>")


def main():
    with tempfile.TemporaryDirectory() as folder:
        plain = Party(folder)
        sign_code(plain)
        sign_as_found(plain)
        sign_receipt(plain)
        sign_receipt_blank(plain)
        small(plain)
        sign_credit(Party(folder, mode="cbc"))


main()
