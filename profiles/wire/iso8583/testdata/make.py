#!/usr/bin/env python3
"""Writes golden/*.txt again.

The messages are put together by hand here, field by field, after the layouts
and samples that other code bases print; their seals are made by the openssl
program (single DES in CBC, key 0123456789ABCDEF). Nothing of the package under
test takes part. Personal values of the samples are invented ones.

Run in this folder: python3 make.py
"""
import re
import subprocess

KEY = "0123456789ABCDEF"
MASTER = "0123456789ABCDEFFEDCBA9876543210"
MAC_FIELDS = [0, 2, 3, 4, 7, 11, 18, 25, 28, 32, 33, 38, 39, 41, 42, 90]
RESET_FIELDS = [0, 7, 11, 53, 70, 100]
PREFIX = {2: 2, 32: 2, 33: 2, 44: 2, 48: 3, 60: 3, 61: 3, 100: 2, 102: 2, 121: 3, 122: 3, 123: 3}


def openssl(data, cipher, key):
    args = ["openssl", "enc", "-" + cipher, "-K", key, "-nopad", "-provider", "legacy", "-provider", "default"]
    if "cbc" in cipher:
        args += ["-iv", "0" * 16]
    return subprocess.run(args, input=data, capture_output=True, check=True).stdout


def mac(data, key=KEY):
    data += b"\0" * (-len(data) % 8)
    return openssl(data, "des-cbc", key)[-8:]


def variable(n, value):
    return b"%0*d" % (PREFIX[n], len(value)) + value if n in PREFIX else value


def mab(fields, order):
    texts = []
    for n in order:
        if n in fields:
            value = variable(n, fields[n]).strip().upper()
            texts.append(re.sub(rb"[^A-Z0-9,. ]", b"", value))
    return re.sub(b" +", b" ", b" ".join(texts)).strip()


def message(destination, source, mti, fields, seal, reject=b"00000"):
    """seal is fields' numbers for a plain seal, a new key, or None."""
    fields = {0: mti} | {n: v.encode("gbk") if isinstance(v, str) else v for n, v in fields.items()}
    if isinstance(seal, list):
        fields[128] = mac(mab(fields, seal)).hex().upper()[:8].encode()
    elif seal:
        check = openssl(b"\0" * 8, "des-ecb", seal).hex().upper()
        fields[128] = (mac(mab(fields, RESET_FIELDS), seal).hex().upper()[:4] + check[:4]).encode()
    bits = 1 << 127
    for n in fields:
        if n:
            bits |= 1 << (128 - n)
    rest = mti + bits.to_bytes(16, "big") + b"".join(variable(n, fields[n]) for n in sorted(fields) if n)
    head = b"\x2e\x02%04d%-11s%-11s\0\0\0\x01%s\0%s" % (46 + len(rest), destination, source, b"0" * 8, reject)
    assert len(head) == 46
    return head + rest


def golden(name, notes, values, body):
    lines = [f"{k}: {v}" for k, v in notes.items()] + ["bytes: hex"] + [f"{k} = {v}" for k, v in values.items()]
    text = body.hex().upper()
    rows = [text[i : i + 120] for i in range(0, len(text), 120)]
    open(f"golden/{name}.txt", "w").write("\n".join(lines) + "\n\n" + "\n".join(rows) + "\n")


def sheet(label):
    return f"{label}; the bytes put together by hand, sealed by OpenSSL 3.0 (make.py)"


def to_gateway(source):
    return {"source": source, "receiver": "gateway"}


def to_bank(source):
    return {"source": source, "receiver": "bank"}


HEAD_TO_BANK = {"Header.Destination": "01020000", "Header.Source": "04990000"}
HEAD_TO_GATEWAY = {"Header.Destination": "04990000", "Header.Source": "01020000"}


def details(text, sizes=(4, 1, 1, 1, 1, 2, 1, 1, 2, 1, 2, 1, 3, 1, 1, 1, 1, 2, 1, 2)):
    names = ("Reason AccountOwner TerminalCapability ICCondition Reserved TerminalType NoPIN ICReliability ECommerce Interaction "
             "FeeType FeeLevel FeeReserved PartialApproval Initiation Medium ICApplication Settlement AccountClass CardProduct").split()
    values, at = {}, 0
    for name, size in zip(names, sizes):
        if at < len(text):
            values["Common.Details." + name] = text[at : at + size]
        at += size
    return values


def field(prefix="Common.", **named):
    return {prefix + name: value for name, value in named.items()}


# The answer to an identity verification, as a test of a public library prints it (alatka-messages). Its fields 121
# and 123 and its seal were not kept with it.
F60 = "000000000700091000004027002100"
F61 = "00" + "0" * 20 + "  CUP" + "000" + "  CUP" + "AM" + "0010000110000000"
golden("0110-verified-sample",
       to_gateway(sheet("sample of alatka-messages, MessageCupsXmlTest, personal values replaced, without fields 121 and 123")),
       {"Header.Destination": "00049993", "Header.Source": "00010000", "Trace.Transmitted": "0825175254", "Trace.STAN": "810525"}
       | field(PAN="6217000000000000012", ProcessingCode="890000", LocalTime="175254", LocalDate="0825", Expiry="0000", SettlementDate="0825",
               MerchantType="6400", ConditionCode="00", Acquirer="00049999", Forwarder="00049993", Reference="752548105258", Terminal="01080209",
               Merchant="999999999999999", MerchantName="身份验证默认商户")
       | details(F60) | field("Common.Identity.", DocumentType="00", Document="0" * 20, CVN2="000", Name="张三丰", Mobile="13800138000")
       | {"Common.Receiver": "00980001", "ResponseCode": "00"},
       message(b"00049993", b"00010000", b"0110", {
           2: "6217000000000000012", 3: "890000", 7: "0825175254", 11: "810525", 12: "175254", 13: "0825", 14: "0000", 15: "0825", 18: "6400", 25: "00",
           32: "00049999", 33: "00049993", 37: "752548105258", 39: "00", 41: "01080209", 42: "999999999999999",
           43: "身份验证默认商户".encode("gbk").ljust(40), 60: F60, 61: (F61 + "006张三丰011" + "13800138000").encode("gbk"), 100: "00980001",
       }, MAC_FIELDS))

# A refusal that says as little as it may, with blanks where other answers have text.
golden("0110-refused-blank", to_gateway(sheet("field layouts as found in alatka-messages")),
       HEAD_TO_GATEWAY | {"Trace.Transmitted": "0229000000", "Trace.STAN": "000000"}
       | field(ProcessingCode="891000", AmountFen="000000000000", Merchant=" ", MerchantName=" ") | {"AuthCode": " ", "ResponseCode": "96", "AdditionalResponse": " "},
       message(b"04990000", b"01020000", b"0110", {
           3: "891000", 4: "000000000000", 7: "0229000000", 11: "000000", 38: " " * 6, 39: "96", 42: " " * 15, 43: " " * 40, 44: " ",
       }, MAC_FIELDS))

# A set-up, with a name at its limit: 60 Chinese characters, 120 bytes. The middle dot and the rare character are GBK's.
LONGEST = "阿卜杜拉·买买提镕" + "丰" * 51
golden("0100-set-up-longest", to_bank(sheet("field layouts as found in alatka-messages; code 891000 is this product's")),
       HEAD_TO_BANK | {"Trace.Transmitted": "1231235959", "Trace.STAN": "999999"}
       | field(PAN="6225880112345", ProcessingCode="891000", AmountFen="000000000001", LocalTime="235959", LocalDate="1231", Expiry="3012", MerchantType="6400",
               EntryMode="012", ConditionCode="00", Acquirer="12345678901", Forwarder="04990000")
       | {"Common.Usages.Order": "20241231235959999999", "Common.Usages.Wallet": "wallet-1", "Common.Currency": "156", "Common.Details.Reason": "0000",
          "Common.Details.AccountOwner": "0", "Common.Details.TerminalCapability": "0", "Common.Details.ICCondition": "0", "Common.Details.Reserved": "0",
          "Common.Details.TerminalType": "07"}
       | field("Common.Identity.", DocumentType="03", Document="E12345678", CVN2="123", Name=LONGEST, Mobile="19912345678")
       | {"Common.Receiver": "01020000"},
       message(b"01020000", b"04990000", b"0100", {
           2: "6225880112345", 3: "891000", 4: "000000000001", 7: "1231235959", 11: "999999", 12: "235959", 13: "1231", 14: "3012", 18: "6400", 22: "012",
           25: "00", 32: "12345678901", 33: "04990000", 48: "ON" + "20241231235959999999".ljust(40) + "WA008wallet-1", 49: "156", 60: "0000000007",
           61: ("03" + "E12345678".ljust(20) + "  CUP123  CUPAM0010000110000000120" + LONGEST + "01119912345678").encode("gbk"), 100: "01020000",
       }, MAC_FIELDS))

# A signing with its code, and the mandate in the block that was found. Only a mobile is to be verified, and no document.
PZ = "01" + "U-1".ljust(40) + "2900" + "    " + "1" + "02" + "6217000000000000012".ljust(40) + "01" + "000000100000" + "000000000001" + "20240601".ljust(17) + " " * 22
assert len(PZ) == 158
golden("0100-sign-mandate", to_bank(sheet("block PZ as found in alatka-messages; code 892000 and block VC are this product's")),
       HEAD_TO_BANK | {"Trace.Transmitted": "0601100005", "Trace.STAN": "010002"}
       | field(PAN="6217000000000000012", ProcessingCode="892000")
       | field("Common.Usages.", Order="20240601100000010001", Code="012345")
       | field("Common.Usages.Mandate.", NumberType="01", UserNumber="U-1", Area="2900", PayFlag="1", PayType="02", Account="6217000000000000012", Term="01",
               Max="000000100000", Min="000000000001", Window="20240601")
       | {"Common.Identity.Mobile": "13800138000", "Common.Account": "6217000000000000012"},
       message(b"01020000", b"04990000", b"0100", {
           2: "6217000000000000012", 3: "892000", 7: "0601100005", 11: "010002",
           48: "ON" + "20240601100000010001".ljust(40) + "VC006012345" + "PZ" + PZ, 61: " " * 24 + "CUP" + " " * 5 + "CUP" + "AM0000000110000000011" + "13800138000",
           102: "6217000000000000012",
       }, MAC_FIELDS))

golden("0110-signed", to_gateway(sheet("field layouts as found in alatka-messages; block AG is this product's")),
       HEAD_TO_GATEWAY | {"Trace.Transmitted": "0601100005", "Trace.STAN": "010002"}
       | field(ProcessingCode="892000") | {"Common.Usages.Agreement": "AGR20240601000001"} | details("000000000700091000000027002200")
       | {"AuthCode": "a1B2c3", "ResponseCode": "00", "AdditionalResponse": "01020000   48021000"},
       message(b"04990000", b"01020000", b"0110", {
           3: "892000", 7: "0601100005", 11: "010002", 38: "a1B2c3", 39: "00", 44: "01020000   48021000", 48: "AG017AGR20240601000001", 60: "000000000700091000000027002200",
       }, MAC_FIELDS))

golden("0100-cancel", to_bank(sheet("code 893000 and block AG are this product's")),
       HEAD_TO_BANK | {"Trace.Transmitted": "0601100009", "Trace.STAN": "010003"} | field(ProcessingCode="893000") | {"Common.Usages.Agreement": "AGR20240601000001"},
       message(b"01020000", b"04990000", b"0100", {3: "893000", 7: "0601100009", 11: "010003", 48: "AG017AGR20240601000001"}, MAC_FIELDS))

ORIGINAL = "0100" + "010002" + "0601100005" + "00004990000" + "00004990000"
NAMED = {"Original.MTI": "0100", "Original.STAN": "010002", "Original.Transmitted": "0601100005", "Original.Acquirer": "00004990000", "Original.Forwarder": "00004990000"}
for mti, extra in ((b"0420", {}), (b"0421", {"Repeat": "true"})):
    golden(mti.decode() + "-reversal", to_bank(sheet("field 90 as the sheets have it from javaman2009")),
           HEAD_TO_BANK | {"Trace.Transmitted": "0601100030", "Trace.STAN": "010004"} | extra
           | field(PAN="6217000000000000012", ProcessingCode="892000", Acquirer="04990000", Forwarder="04990000") | NAMED,
           message(b"01020000", b"04990000", mti, {
               2: "6217000000000000012", 3: "892000", 7: "0601100030", 11: "010004", 32: "04990000", 33: "04990000", 90: ORIGINAL,
           }, MAC_FIELDS))
golden("0430-unknown", to_gateway(sheet("field 90 as the sheets have it from javaman2009")),
       HEAD_TO_GATEWAY | {"Trace.Transmitted": "0601100030", "Trace.STAN": "010004"} | field(ProcessingCode="892000") | {"ResponseCode": "25"} | NAMED,
       message(b"04990000", b"01020000", b"0430", {3: "892000", 7: "0601100030", 11: "010004", 39: "25", 90: ORIGINAL}, MAC_FIELDS))

for name, mti, extra, note in (("0820-sign-on", b"0820", {}, to_bank), ("0800-asks-for-a-key", b"0800", {"Application": "true"}, to_bank)):
    code = "001" if mti == b"0820" else "101"
    golden(name, note(sheet("fields of network management as found in alatka-messages")),
           HEAD_TO_BANK | {"Trace.Transmitted": "0601000000", "Trace.STAN": "000001"} | extra | {"Forwarder": "04990000", "Code": code, "Receiver": "01020000"},
           message(b"01020000", b"04990000", mti, {7: "0601000000", 11: "000001", 33: "04990000", 70: code, 100: "01020000"}, None))
golden("0830-echo", to_gateway(sheet("fields of network management as found in alatka-messages")),
       HEAD_TO_GATEWAY | {"Trace.Transmitted": "0601000100", "Trace.STAN": "000002"} | {"ResponseCode": "00", "Code": "301"},
       message(b"04990000", b"01020000", b"0830", {7: "0601000100", 11: "000002", 39: "00", 70: "301"}, None))

# The key reset whose text under the seal a test of another party prints: 0820 0601100000 000123 2000000000000000 101
# 0801000000, and field 128 2249D5D4. The new key is the key of all these messages, under the master key.
WRAPPED = openssl(bytes.fromhex(KEY), "des-ede3", MASTER + MASTER[:16])
reset = message(b"04990000", b"01020000", b"0820", {7: "0601100000", 11: "000123", 53: "2000000000000000", 70: "101", 96: WRAPPED, 100: "01000000"}, KEY)
assert reset.endswith(b"2249D5D4")
golden("0820-key-reset", to_gateway(sheet("seal and its text as transactions.HttpServer makes them, in the project's sheet of vectors")),
       HEAD_TO_GATEWAY | {"Trace.Transmitted": "0601100000", "Trace.STAN": "000123", "Security": "2000000000000000", "Code": "101",
                          "NewKey": WRAPPED.hex().upper(), "Receiver": "01000000"}, reset)
golden("0810-key", to_gateway(sheet("as the key reset, in the answer to an application")),
       HEAD_TO_GATEWAY | {"Trace.Transmitted": "0601100001", "Trace.STAN": "000124", "Application": "true", "ResponseCode": "00", "Security": "2000000000000000",
                          "Code": "101", "NewKey": WRAPPED.hex().upper()},
       message(b"04990000", b"01020000", b"0810", {7: "0601100001", 11: "000124", 39: "00", 53: "2000000000000000", 70: "101", 96: WRAPPED}, KEY))
