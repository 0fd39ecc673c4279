#!/usr/bin/env bash
# Installs what registry-pki's tests and benchmark judge certificates with, and nothing else. Safe to repeat; quick when all
# of it is there. Debian and Ubuntu, as root or with sudo. What cannot be installed is named at the end (exit 1); without it
# the tests that need it skip, or fail under LAB_TESTS_REQUIRE=1.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../../scripts/lib.sh
. "$here/../../../scripts/lib.sh"
cache=${LAB_CACHE_DIR:-$(cd "$here/../../.." && pwd)/.cache}/registry-pki-judges

# command -> Debian package
declare -A packages=(
  [openssl]=openssl            # openssl verify, x509, pkcs12, s_server
  [certtool]=gnutls-bin        # GnuTLS
  [certutil]=libnss3-tools     # NSS; brings pk12util
  [go]=golang-go               # crypto/x509: containerd's and k3s's judge
  [faketime]=faketime          # certtool takes no time of its own
  [strace]=strace              # permissions of files, from their first byte
  [mkcert]=mkcert              # benchmark
  [curl]=curl                  # live test
  [skopeo]=skopeo              # live test
  [docker-registry]=docker-registry # live test
  [update-ca-certificates]=ca-certificates # trust test
)

missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null 2>&1 || missing+=("${packages[$command]}")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  as_root apt-get update -qq
  # No recommendations: golang-go alone would bring a C compiler twice over. docker-registry must not start by itself.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# pyca's verifier and pkilint.
python_venv "$cache/venv" "$here/python/requirements.txt"

# The Go judge, built without a network: it uses the standard library only.
source_sum=$(cat "$here"/go/*.go "$here/go/go.mod" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$cache/go-judge.sha256" 2>/dev/null || true)" != "$source_sum" ]; then
  mkdir -p "$cache"
  (cd "$here/go" && GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOCACHE="$cache/go-build" CGO_ENABLED=0 go build -o "$cache/go-judge" .)
  echo "$source_sum" >"$cache/go-judge.sha256"
fi

status=0
for command in "${!packages[@]}"; do
  if ! command -v "$command" >/dev/null 2>&1; then
    echo "still missing: $command (package ${packages[$command]})" >&2
    status=1
  fi
done
exit $status
