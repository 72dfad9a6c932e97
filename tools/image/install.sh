#!/usr/bin/env bash
# Makes the folder that the image holds as /opt/sekisho: an environment with the compiled gateway and what it needs, each
# package by its pinned hash, and the list of all of it (sbom.cdx.json). The Dockerfile runs this in its first stage, and
# `make image-tree` outside of Docker: one source for both.
#   tools/image/install.sh FOLDER [INTERPRETER]
# INTERPRETER is the one it will run by, where that is another than PYTHON (python3), which builds it.
set -eu
cd "$(dirname "$0")/../.."
prefix=${1:?the folder to make}
python=${PYTHON:-python3}
runs_by=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
locked=(install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --only-binary :all:)

say() { printf 'image: %s\n' "$*"; }

if [ -e "$prefix" ]; then
    echo "image: $prefix is there already" >&2
    exit 1
fi

say "an environment to build in"
"$python" -m venv "$work/build"
build=$work/build/bin/python
"$build" -m pip "${locked[@]}" -r requirements/build.txt

say "the wheel, compiled"
SEKISHO_COMPILE=1 "$build" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --wheel-dir "$work/dist" .

say "what it needs"
"$python" -m venv --without-pip --symlinks "$prefix"
pip=("$build" -m pip --python "$prefix/bin/python")
"${pip[@]}" "${locked[@]}" --no-compile --report "$work/installed.json" -r requirements/image.txt
"${pip[@]}" install --quiet --disable-pip-version-check --no-index --no-deps --no-compile "$work"/dist/*.whl
"${pip[@]}" check --disable-pip-version-check

say "what is in it"
"$build" tools/sbom.py --environment "$prefix/bin/python" --report "$work/installed.json" --output "$prefix/sbom.cdx.json"

# Nobody runs the tests of libraries, compiles against them or debugs them there; of numpy, datasketches needs arrays.
say "without what nobody needs there"
packages=$("$prefix/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
find "$packages" -type d \( -name tests -o -name testing_data \) -prune -exec rm -rf {} +
find "$packages" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) \
    -delete
rm -rf "$packages"/numpy/{f2py,fft,ma,polynomial,random,testing,typing,_core/_simd.*}
# Libraries in *.libs were rewritten when their wheel was made, and older versions of strip break those.
if command -v strip >/dev/null; then
    find "$packages" -type f -name '*.so*' ! -path '*.libs/*' -exec strip --strip-unneeded {} +
else
    say "no strip on the PATH (Debian: binutils): symbols stay, 35 MB of them"
fi

"$prefix/bin/python" -I tools/image/imported.py prune "$packages"
"$prefix/bin/python" -I tools/image/imported.py compile "$packages"

if [ -n "$runs_by" ]; then
    rm -f "$prefix"/bin/python*
    ln -s "$runs_by" "$prefix/bin/python3"
    ln -s python3 "$prefix/bin/python"
    sed -i -e "s|^home = .*|home = $(dirname "$runs_by")|" -e '/^executable = /d' -e '/^command = /d' "$prefix/pyvenv.cfg"
fi
find "$prefix/bin" ! -name 'python*' ! -name sekisho -type f -delete
say "$(du -sm "$prefix" | cut -f 1) MB in $prefix"
