#!/usr/bin/env python3
"""Writes golden/*.txt: messages as another party would write them.

Bodies are written out by hand below, after the package's declared dialect, and
printed by Python's json module; protected headers are written after the samples
that the UK standard publishes for both of its forms; signatures are made by the
openssl program (3.0 or later), never by this project's encoder. The key is that
of RFC 7515 appendix A.2, which is printed in the standard, under a serial for
each side. PSS signatures contain chance, so a second run writes other bytes
with the same meaning.

Run it in this folder: python3 make.py
"""
import base64
import json
import pathlib
import subprocess
import tempfile

N = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
D = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"
P = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"

SOURCE = "written by hand after the declared dialect, printed by Python's json, signed by OpenSSL 3.0 (make.py)"
NS = "http://openbanking.org.uk/"


def number(text):
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def der(tag, body):
    size = len(body)
    head = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + head + body


def private_pem():
    """PKCS#1, written here so that no other library has a hand in it."""
    n, d, p = number(N), number(D), number(P)
    q = n // p
    values = [0, n, 65537, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)]
    body = b"".join(der(2, v.to_bytes(v.bit_length() // 8 + 1, "big")) for v in values)
    text = base64.encodebytes(der(0x30, body)).decode()
    return "-----BEGIN RSA PRIVATE KEY-----\n" + text + "-----END RSA PRIVATE KEY-----\n"


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signature(folder, side, body, raw, iat):
    critical = [NS + "iat", NS + "iss", NS + "tan"]
    header = {"alg": "PS256", "kid": {"gateway": "G1", "bank": "B1"}[side]}
    if raw:
        header["b64"] = False
        critical.insert(0, "b64")
    header.update({NS + "iat": iat, NS + "iss": {"gateway": "kaqiao", "bank": "bank"}[side], NS + "tan": "openbanking.org.uk",
                   "crit": critical, "typ": "JOSE", "cty": "application/json"})
    protected = b64(json.dumps(header).encode())
    (folder / "input").write_bytes(protected.encode() + b"." + (body if raw else b64(body).encode()))
    made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(folder / "key.pem"), "-sigopt", "rsa_padding_mode:pss",
                           "-sigopt", "rsa_pss_saltlen:digest", str(folder / "input")], stdout=subprocess.PIPE, check=True).stdout
    return protected + ".." + b64(made)


UUID = "93bac548-d2de-4546-b106-880a5018460d"
IAT = 1764064800
CARD, NAME, DOCUMENT, MOBILE = "6228480000000000018", '王"小\\明', "11010519491231002X", "+8613800138000"
NUMBER = "202511250000000000000001"

PERSON = {"Account": {"Number": CARD, "Type": "debit"},
          "Holder": {"Name": NAME, "DocumentType": "resident_id", "DocumentNumber": DOCUMENT, "Mobile": MOBILE}}
PERSON_VALUES = {"Account.Number": CARD, "Account.Type": "debit", "Holder.Name": NAME, "Holder.DocumentType": "resident_id",
                 "Holder.Document": DOCUMENT, "Holder.Mobile": MOBILE}
TIMES = {"CreationDateTime": "2025-11-25T18:00:00+08:00", "StatusUpdateDateTime": "2025-11-25T18:00:01.5+08:00"}


def consent(group="ConsentState", **more):
    """A consent's Data and the values it says."""
    data = {"RequestId": NUMBER, "ConsentId": "HSBC-CASE-77"}
    reason = more.pop("Reason", None)
    data["Status"] = more.pop("Status")
    if reason:
        data["Reason"] = reason
    data.update(TIMES)
    data.update(more)
    return data, {group + "." + name.replace("Id", "ID"): value for name, value in data.items()}


def messages():
    request = {"method": "POST"}
    yield ("verification", "gateway", "verification", dict(request, path="account-verifications"), {"x-idempotency-key": NUMBER},
           dict({"RequestId": NUMBER}, **PERSON), dict({"RequestID": NUMBER}, **PERSON_VALUES))
    longest = {"Account": {"Number": CARD, "Type": "credit"},
               "Holder": {"Name": "名" * 46 + "ab", "DocumentType": "foreign_residence", "DocumentNumber": "D" * 32, "Mobile": "+" + "1" * 15}}
    yield ("consent-request-longest", "gateway", "consent-request", dict(request, path="mandate-consents"), {"x-idempotency-key": "N" * 40},
           dict({"RequestId": "N" * 40}, **longest, WalletAccount="账" * 21 + "z", Challenge="phone"),
           {"RequestID": "N" * 40, "Account.Number": CARD, "Account.Type": "credit", "Holder.Name": "名" * 46 + "ab",
            "Holder.DocumentType": "foreign_residence", "Holder.Document": "D" * 32, "Holder.Mobile": "+" + "1" * 15,
            "WalletAccount": "账" * 21 + "z", "Challenge": "phone"})
    yield ("consent-request", "gateway", "consent-request", dict(request, path="mandate-consents"),
           {"x-idempotency-key": NUMBER, "x-fapi-auth-date": "Tue, 25 Nov 2025 09:59:58 GMT"},
           dict({"RequestId": NUMBER}, **PERSON), dict({"RequestID": NUMBER, "Head.AuthDate": "2025-11-25T09:59:58Z"}, **PERSON_VALUES))
    yield ("revocation", "gateway", "revocation", dict(request, path="mandates/MND-1/revocations"), {"x-idempotency-key": NUMBER},
           {"RequestId": NUMBER, "MandateId": "MND-1", "WalletAccount": "wallet-1", "AccountTail": "0018"},
           {"RequestID": NUMBER, "MandateID": "MND-1", "WalletAccount": "wallet-1", "AccountTail": "0018"})
    yield ("notice-ack", "gateway", "notice-ack", {"status": "200"}, {}, {"NoticeId": "EVT-9"}, {"NoticeID": "EVT-9"})

    yield ("verification-result", "bank", "verification-result", {"status": "200"}, {},
           {"RequestId": NUMBER, "Result": "NotVerified", "Reason": "Holder.NameMismatch"},
           {"RequestID": NUMBER, "Result": "NotVerified", "Reason": "Holder.NameMismatch"})
    data, values = consent(Status="Received", ExpirationDateTime="2025-11-28T18:00:00+08:00")
    yield "consent-received", "bank", "consent", {"status": "201"}, {}, data, dict(values, Created="true")
    data, values = consent(Status="Approved", MandateId="MND-1", Class="II")
    yield "consent-approved", "bank", "consent", {"status": "200"}, {}, data, values
    data, values = consent(Status="Rejected", Reason="Review.CallbackFailed")
    yield "consent-rejected", "bank", "consent", {"status": "200"}, {}, data, values
    yield ("revocation-result", "bank", "revocation-result", {"status": "201"}, {},
           {"RequestId": NUMBER, "MandateId": "MND-1", "RevokedDateTime": "2025-11-25T10:00:00Z"},
           {"RequestID": NUMBER, "MandateID": "MND-1", "RevokedDateTime": "2025-11-25T10:00:00Z", "Created": "true"})
    yield ("problem", "bank", "problem", {"status": "429"}, {"Retry-After": "30"},
           {"Status": 429, "RequestId": NUMBER, "Code": "Busy.RateLimited", "Message": "请稍后再试", "RetryAfterS": 30},
           {"Status": "429", "RequestID": NUMBER, "Code": "Busy.RateLimited", "Message": "请稍后再试", "RetryAfterS": "30"})
    data, values = consent("Consent", Status="Approved", MandateId="MND-1")
    yield ("notice-consent", "bank", "notice", request, {},
           {"NoticeId": "EVT-9", "Event": "consent-updated", "EventDateTime": "2025-11-25T10:00:00Z", "Consent": data},
           dict({"NoticeID": "EVT-9", "Event": "consent-updated", "EventDateTime": "2025-11-25T10:00:00Z"}, **values))
    yield ("notice-revoked", "bank", "notice", request, {},
           {"NoticeId": "EVT-10", "Event": "mandate-revoked", "EventDateTime": "2025-11-25T10:00:00Z", "MandateId": "MND-1"},
           {"NoticeID": "EVT-10", "Event": "mandate-revoked", "EventDateTime": "2025-11-25T10:00:00Z", "MandateID": "MND-1"})


def write(name, body, raw, side, notes, headers, values, folder):
    headers = dict(headers, **{"x-fapi-interaction-id": UUID, "x-jws-signature": signature(folder, side, body, raw, IAT)})
    if "method" in notes:
        headers["x-fapi-financial-id"] = "HSBCCNSH"
    words = {"source": SOURCE, "receiver": {"gateway": "bank", "bank": "gateway"}[side], "payload": "raw" if raw else "base64url"}
    words.update(notes)
    words.update({"header " + k: v for k, v in headers.items()})
    values = dict({"Head.IssuedAt": str(IAT), "Head.Bank": "HSBCCNSH", "Head.Interaction": UUID,
                   "Head.Signer": {"gateway": "G1", "bank": "B1"}[side]}, **values)
    text = "".join(f"{k}: {v}\n" for k, v in words.items()) + "".join(f"{k} = {v}\n" for k, v in values.items())
    pathlib.Path("golden", name + ".txt").write_bytes(text.encode() + b"\n" + body)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "key.pem").write_text(private_pem())
        for name, side, typ, notes, headers, data, values in messages():
            whole = {"Type": typ, "Bank": "HSBCCNSH", "Data": data}
            compact = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
            for raw in (False, True):
                write(name + ("-raw" if raw else ""), compact, raw, side, notes, headers, values, folder)
            if name in ("consent-request", "consent-received"):  # another order, white space, and escapes of other people's encoders
                loose = json.dumps(dict(reversed(whole.items())), ensure_ascii=True, indent=2).encode()
                write(name + "-loose", loose, False, side, notes, headers, values, folder)


main()
