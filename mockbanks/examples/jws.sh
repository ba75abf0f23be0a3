#!/usr/bin/env bash
# Binds a card at a foreign bank over signed JSON with curl, openssl 3 and jq alone:
# a token, a consent, the yes of the bank's people, and a query. BANK and MEMBER name the bank.
#
#   mockbanks/examples/jws.sh hsbc
set -euo pipefail

bank=${1:-hsbc}
MEMBER=${MEMBER:-HSBCCNSH}                             # the bank's number on its channel: routes in its profile
BANK_URL=${BANK_URL:-https://127.0.0.1:9121/open-banking}
KEYS=${KEYS:-.kaqiao/keys/$bank}                       # where mockbanks keys has put them
SIGN_KEY=${SIGN_KEY:-$KEYS/gateway-sign-rsa.key}
KID=${KID:-1}                                          # the serial of that key
FARM=${FARM:-http://127.0.0.1:9090}
ob=http://openbanking.org.uk

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
call() { # method path [header…]; the body comes in
    curl -sS --cacert "$KEYS/tls/ca.crt" --cert "$KEYS/tls/client.crt" --key "$KEYS/tls/client.key" \
        -H "x-fapi-interaction-id: $(cat /proc/sys/kernel/random/uuid)" -X "$1" "$BANK_URL/$2" "${@:3}"
}
sign() { # body → header..signature over header.body, both base64url (payload: base64url)
    local header
    header=$(printf '{"alg":"PS256","kid":"%s","typ":"JOSE","cty":"application/json","%s/iat":%d,"%s/iss":"kaqiao","%s/tan":"openbanking.org.uk","crit":["%s/iat","%s/iss","%s/tan"]}' \
        "$KID" $ob "$(date +%s)" $ob $ob $ob $ob $ob | base64url)
    printf '%s..%s' "$header" "$(printf '%s.%s' "$header" "$(printf '%s' "$1" | base64url)" |
        openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign "$SIGN_KEY" | base64url)"
}

token=$(call POST token -d grant_type=client_credentials -d client_id=kaqiao | jq -r .access_token)
who=$(curl -sS "$FARM/banks/$bank/customers?kind=debit&unbound=true&limit=1" | jq -c '.customers[0]')
number=EX-$(date +%s)-$$
body=$(jq -nc --argjson w "$who" --arg n "$number" --arg m "$MEMBER" '{Type:"consent-request",Bank:$m,Data:{RequestId:$n,
    Account:{Number:$w.cards[0].number,Type:"debit"},
    Holder:{Name:$w.name,DocumentType:$w.document.type,DocumentNumber:$w.document.number,Mobile:$w.mobile}}}')
echo "consent: $(call POST mandate-consents -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    -H "x-idempotency-key: $number" -H "x-jws-signature: $(sign "$body")" --data-binary "$body" | jq -r .Data.Status)"

to=$(jq -rn --argjson w "$who" '$w.mobile | @uri')
message=$(curl -sS "$FARM/banks/$bank/inbox?limit=1&to=$to" | jq -r '.messages[0] | .id')
echo "the bank's people say yes: $(curl -sS -o /dev/null -w '%{http_code}' -X POST "$FARM/banks/$bank/inbox/$message/approve")"
call GET "mandate-consents/$number" -H "Authorization: Bearer $token" | jq -r '"query: \(.Data.Status) \(.Data.MandateId)"'
