#!/usr/bin/env bash
# The definitions of the custom resources that the chart makes, as their projects publish them: files of their Go modules,
# pinned by version and hash. Into .tools/crds.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/versions.env
. tools/versions.env
folder=$PWD/.tools/crds

if [ "$(cat "$folder/.version" 2>/dev/null)" = "$CRDS_OF_PROMETHEUS $CRDS_OF_CERT_MANAGER" ]; then
    echo "tools: definitions of custom resources are there"
    exit 0
fi

# take 'MODULE VERSION HASH' FILE...
take() {
    read -r module version sum <<<"$1"
    shift
    # Outside of any module, as it is none of ours that needs it.
    told=$(cd / && go mod download -json "$module@$version")
    got=$(sed -n 's/^[[:space:]]*"Sum": "\(.*\)",*$/\1/p' <<<"$told")
    if [ "$got" != "$sum" ]; then
        printf 'tools: REFUSED %s %s: its hash is %s, pinned is %s\n' "$module" "$version" "$got" "$sum" >&2
        exit 1
    fi
    from=$(sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' <<<"$told")
    for file in "$@"; do install -m 644 "$from/$file" "$folder/"; done
}

rm -rf "$folder"
mkdir -p "$folder"
take "$CRDS_OF_PROMETHEUS" \
    example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml \
    example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml
take "$CRDS_OF_CERT_MANAGER" deploy/crds/cert-manager.io_certificates.yaml deploy/crds/cert-manager.io_issuers.yaml
echo "$CRDS_OF_PROMETHEUS $CRDS_OF_CERT_MANAGER" >"$folder/.version"
echo "tools: definitions of custom resources: there now"
