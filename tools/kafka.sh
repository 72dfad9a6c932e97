#!/usr/bin/env bash
# Fetches a Kafka broker to test with into .tools/kafka: the jars of tests/kafka/pom.xml from Maven Central through its
# ordinary client, each held to tests/kafka/SHA256SUMS. Nothing of them is executed here.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/versions.env
. tools/versions.env
sums=$PWD/tests/kafka/SHA256SUMS
made=$(cat tests/kafka/pom.xml tests/kafka/SHA256SUMS | sha256sum | cut -d ' ' -f 1)

if [ "$(cat .tools/kafka/.made-of 2>/dev/null)" = "$made" ]; then
    echo "tools: kafka is there"
    exit 0
fi
for program in mvn java; do
    command -v "$program" >/dev/null 2>&1 || {
        echo "tools: no $program on the PATH" >&2
        exit 1
    }
done
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/kafka.XXXXXX")
trap 'rm -rf "$work"' EXIT
mvn --quiet --batch-mode -f tests/kafka/pom.xml \
    "org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies" \
    -DincludeScope=runtime -DoutputDirectory="$work" >&2 </dev/null
if ! (cd "$work" && sha256sum --check --quiet --strict "$sums") ||
    [ "$(find "$work" -name '*.jar' | wc -l)" -ne "$(wc -l <"$sums")" ]; then
    echo "tools: REFUSED kafka: its jars are not the pinned ones" >&2
    exit 1
fi
printf '%s\n' "$made" >"$work/.made-of"
chmod a+rx "$work"
rm -rf .tools/kafka
mv "$work" .tools/kafka
trap - EXIT
echo "tools: kafka: fetched"
