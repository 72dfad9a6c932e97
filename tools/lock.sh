#!/usr/bin/env bash
# Pins every dependency with hashes, for every Python and platform at once: requirements/*.txt.
# The others hold to the versions of dev.txt, so one version of each package exists in this project.
set -eu
cd "$(dirname "$0")/.."
. tools/versions.env
python=${1:?the interpreter of a virtual environment}
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION"

# --no-emit-*: the files hold names, versions and hashes only, never where this machine gets its packages.
compile() {
    "$venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml requirements/build.in --extra demo --extra dev --upgrade -o requirements/dev.txt
compile pyproject.toml requirements/build.in --extra demo -c requirements/dev.txt -o requirements/demo.txt
compile pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
compile pyproject.toml requirements/build.in --group build -c requirements/dev.txt --upgrade -o requirements/build.txt
# The image has what ships the record. `query` and `arrow` are for who reads it; `routes` few need, and it has to stay small.
compile pyproject.toml --extra kafka --extra s3 -c requirements/dev.txt -o requirements/image.txt
echo "lock: $(grep -c '==' requirements/dev.txt) packages pinned, $(grep -c '==' requirements/runtime.txt) of them at run time"
