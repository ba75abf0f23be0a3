#!/usr/bin/env bash
# Binds a card at a mock bank over EPCC with nothing but curl, openssl 3 and
# perl, as an institution of the hub would: identity (epcc.101, step 0201), the
# code, signing (step 0202), and the query of what became of it (epcc.301).
#
#   make up                              in another terminal
#   mockbanks/examples/epcc.sh abc       the bank; default abc
set -euo pipefail
bank=${1:-abc}
keys=${KEYS:-.kaqiao/keys/nucc} hub=${HUB:-https://127.0.0.1:9101/preSvr} farm=${FARM:-http://127.0.0.1:9090}
member=${MEMBER:-$(grep -o 'member: *C[0-9]*' "profiles/banks/$bank.yaml" | grep -o 'C[0-9]*')}
me=Z2000000000001 # the institution of profiles/channels/nucc.yaml
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

now() { TZ=CST-8 date +%Y-%m-%dT%H:%M:%S; } # Beijing

# The envelope: a session key, made for this message, under the bank's public key.
new_session() {
  session=$(openssl rand -hex 16)
  envelope=$(printf '02|%s' "$session" | openssl pkeyutl -encrypt -pubin -inkey "$keys/bank-encrypt-sm2.pub" | openssl base64 -A)
}
hide() { printf %s "$1" | openssl enc -sm4-ecb -K "$session" | openssl base64 -A; }

sm2=(-rawin -digest sm3 -pkeyopt distid:1234567812345678)

# send TYPE: signs $root, posts it with both certificates, checks the answer's seal, and leaves the answer in $answer.
send() {
  printf %s "$root" > "$work/root"
  openssl pkeyutl -sign -inkey "$keys/gateway-sign-sm2.key" -in "$work/root" "${sm2[@]}" -out "$work/sig"
  { printf '<?xml version="1.0" encoding="UTF-8"?>\n%s\n{S:' "$root"; openssl base64 -A -in "$work/sig"; printf '}'; } > "$work/body"
  curl -sS --fail --max-time 30 --cacert "$keys/tls/ca.crt" --cert "$keys/tls/client.crt" --key "$keys/tls/client.key" \
    -H "MsgTp: $1" -H "OriIssrId: $me" -H 'Content-Type: application/xml;charset=utf-8' --data-binary @"$work/body" -o "$work/answer" "$hub"
  perl -0777 -ne 'print $1 if /(<root.*<\/root>)/s' "$work/answer" > "$work/root"
  perl -0777 -ne 'print $1 if /\{S:(.*)\}/s' "$work/answer" | openssl base64 -d -A > "$work/sig"
  openssl pkeyutl -verify -pubin -inkey "$keys/bank-sign-sm2.pub" -in "$work/root" -sigfile "$work/sig" "${sm2[@]}" > "$work/verdict"
  answer=$(cat "$work/root")
  echo "$1 → $(tag MsgTp) SysRtnCd=$(tag SysRtnCd) BizStsCd=$(tag BizStsCd) SgnNo=$(tag SgnNo)  seal: $(cat "$work/verdict")"
}
tag() { perl -0777 -ne 'print $1 if m{<'"$1"'>([^<]*)</}' <<< "$answer"; }

header() { # TYPE [envelope]
  printf '<root xmlns="namespace_string"><MsgHeader><SndDt>%s</SndDt><MsgTp>%s</MsgTp><IssrId>%s</IssrId><Drctn>11</Drctn><SignSN>4000000001</SignSN>' "$(now)" "$1" "$me"
  [ $# = 1 ] || printf '<NcrptnSN>4000000102</NcrptnSN><DgtlEnvlp>%s</DgtlEnvlp>' "$2"
  printf '</MsgHeader>'
}
sign() { # STEP CODE ACCOUNT
  new_session
  root="$(header epcc.101.001.01 "$envelope")<MsgBody><SgnInf><SgnAcctIssrId>$member</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp>\
<SgnAcctId>$(hide "$card")</SgnAcctId><SgnAcctNm>$(hide "$name")</SgnAcctNm><IDTp>01</IDTp><IDNo>$(hide "$document")</IDNo>\
<MobNo>$(hide "${mobile#+86}")</MobNo></SgnInf><TrxInf><TrxCtgy>$1</TrxCtgy><TrxId>$trx</TrxId><TrxDtTm>$(now)</TrxDtTm><AuthMsg>$2</AuthMsg></TrxInf>\
<InstgInf><InstgId>$me</InstgId><InstgAcct>${3:+$(hide "$3")}</InstgAcct></InstgInf></MsgBody></root>"
  send epcc.101.001.01
}

# An invented customer, from the control port. The first number is the document's, the second the card's.
customer=$(curl -sS --fail "$farm/banks/$bank/customers?kind=debit&unbound=true&limit=1")
text() { grep -o "\"$1\":\"[^\"]*\"" | cut -d'"' -f4; }
name=$(text name <<< "$customer") mobile=$(text mobile <<< "$customer")
{ read -r document; read -r card; } < <(text number <<< "$customer")

# Our number of the transaction: the day, 16 digits, and the hub's control digits; the same in both steps.
trx=$(TZ=CST-8 date +%Y%m%d)$(printf '%06d%010d' $((RANDOM % 1000000)) "$(date +%s)")0760001

sign 0201 "" ""
code=$(curl -sS --fail "$farm/banks/$bank/inbox?to=%2B${mobile#+}&wait_s=10" | text code | head -1)
echo "the customer's telephone shows $code"
sign 0202 "$code" wallet-1
root="$(header epcc.301.001.01)<MsgBody><OriTrxInf><OriTrxCtgy>0202</OriTrxCtgy><OriTrxId>$trx</OriTrxId>\
<SrcInstgId>$me</SrcInstgId><SinkInstgId>$member</SinkInstgId></OriTrxInf></MsgBody></root>"
send epcc.301.001.01
