#!/bin/sh
# A device's SAS token with a shell and openssl alone. usage: token.sh HUB DEVICE KEY_BASE64 EXPIRY_SECONDS
set -eu
resource="$1%2Fdevices%2F$2"
key=$(printf %s "$3" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
signature=$(printf '%s\n%s' "$resource" "$4" |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A |
    sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')
printf 'SharedAccessSignature sr=%s&sig=%s&se=%s' "$resource" "$signature" "$4"
