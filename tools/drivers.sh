#!/usr/bin/env bash
# Builds the drivers of the test matrix that are not Python's, into .tools/drivers, for tests only (tests/drivers finds
# them): pgjdbc, node-postgres and postgres.js, pgx. Each comes from its own registry through its ordinary client at a
# pinned version with a pinned hash: versions.env, package-lock.json, go.sum. Nothing of a package is executed here.
# `tools/drivers.sh node go` builds only these.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/versions.env
. tools/versions.env
wanted=("$@")
[ "${#wanted[@]}" -gt 0 ] || wanted=(java node go)
sources=$PWD/tests/drivers
drivers=$PWD/.tools/drivers
missing=0

say() { printf 'tools: %s\n' "$*"; }
skip() { missing=$((missing + 1)); printf 'tools: SKIPPED %s\n' "$*" >&2; }

# What a program is made of: built anew when it changes.
made_of() { cat "$sources/$1"/* tools/drivers.sh tools/versions.env | sha256sum | cut -d ' ' -f 1; }

build() {
    made=$(made_of "$1")
    if [ "$(cat "$drivers/$1/.made-of" 2>/dev/null)" = "$made" ]; then
        say "the drivers of $1 are there"
        return
    fi
    work=$(mktemp -d "$drivers/$1.XXXXXX")
    if "build_$1" "$work" "$sources/$1"; then
        printf '%s\n' "$made" >"$work/.made-of"
        chmod a+rx "$work"
        rm -rf "${drivers:?}/$1"
        mv "$work" "$drivers/$1"
        say "the drivers of $1: built"
    else
        rm -rf "$work"
        skip "the drivers of $1, see above"
    fi
}

has() {
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || {
            say "no $program on the PATH" >&2
            return 1
        }
    done
}

build_java() {
    has mvn javac || return 1
    mvn --quiet --batch-mode "org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN:copy" \
        -Dartifact="org.postgresql:postgresql:$PGJDBC_VERSION" -DoutputDirectory="$1" -Dmdep.stripVersion=true \
        >&2 </dev/null || return 1
    mv "$1/postgresql.jar" "$1/pgjdbc.jar"
    if ! printf '%s  %s\n' "$PGJDBC_SHA256" "$1/pgjdbc.jar" | sha256sum --check --quiet; then
        printf 'tools: REFUSED pgjdbc %s: its hash is not the pinned one\n' "$PGJDBC_VERSION" >&2
        exit 1
    fi
    javac -cp "$1/pgjdbc.jar" -d "$1/classes" "$2"/*.java
}

build_node() {
    has npm node || return 1
    cp "$2/package.json" "$2/package-lock.json" "$1"
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
}

build_go() {
    has go || return 1
    (cd "$2" && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' -o "$1/steps" .)
}

mkdir -p "$drivers"
for one in "${wanted[@]}"; do build "$one"; done
[ "$missing" -eq 0 ] || exit 1
