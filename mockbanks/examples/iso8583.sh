#!/usr/bin/env bash
# Signs on to a city bank's long line and sends an echo, with bash alone.
# Messages with money or people in them want a MAC as well: see profiles/wire/iso8583.
#
#   mockbanks/examples/iso8583.sh 127.0.0.1 9111 04031000
#
# HOST and PORT are the bank's, MEMBER its number (routes in its profile), OURS
# the number of the institution that asks (options.institution).
set -euo pipefail
host=${1:?host} port=${2:?port} member=${3:?the number of the bank}
ours=${OURS:-04990000}

exec 3<>"/dev/tcp/$host/$port"
for step in 001:sign-on 301:echo; do
  code=${step%%:*}
  # Length, header of 46 bytes, type, bitmap (fields 7, 11 and 70), fields.
  printf '0085\x2e\x020085%-11s%-11s\x00\x00\x00\x0000000000\x0000000' "$member" "$ours" >&3
  printf '0820\x82\x20\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00' >&3
  printf '%s%06d%s' "$(TZ=Asia/Shanghai date +%m%d%H%M%S)" "$((10#$code))" "$code" >&3
  length=$(head -c 4 <&3)
  answer=$(head -c "$((10#$length))" <&3 | tail -c 5) # field 39 and field 70
  echo "0820 $code ${step##*:} → 0830 ${answer:2} field 39 ${answer:0:2}"
done
