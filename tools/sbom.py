"""Lists what an environment holds (an SBOM, as CycloneDX): each package with version, licence and its archive's hash.

``cyclonedx-py`` reads the environment; this adds what it cannot know: the hash of the archive that pip took (from pip's
own report, which ``--require-hashes`` has held to the locked ones), licences that packages state in words of their own,
and the parts that wheels carry inside and list themselves (PEP 770: OpenSSL in cryptography, the crates of regorus).
Two runs on one environment write the same bytes, unless SOURCE_DATE_EPOCH asks for a time.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[1]
VERSION = "1.6"
# What packages say that name no licence by its SPDX id.
SAID = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Zope Public License": "ZPL-2.1",
}


def canonical(name: str) -> str:
    """As the index compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_environment(python: str) -> dict[str, Any]:
    """What cyclonedx-py makes of it, checked strictly against the schema."""
    # fmt: off
    command = [
        sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--validate", "--sv", VERSION,
        "--of", "JSON", "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application", "-o", "-", python,
    ]
    # fmt: on
    made: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return made


def packages_of(python: str) -> Path:
    """Where the environment has its packages."""
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]
    return Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())


def named(licences: list[dict[str, Any]], stated: str) -> list[dict[str, Any]]:
    """By their SPDX ids where these are known, each once."""
    if not licences and stated:
        licences = [{"license": {"name": stated, "acknowledgement": "declared"}}]
    found: dict[str, dict[str, Any]] = {}
    for one in licences:
        if "license" not in one:
            return licences  # an expression, which stands alone
        licence = dict(one["license"])
        if (known := SAID.get(licence.get("name", ""))) is not None:
            licence = {"id": known, "acknowledgement": "declared"}
        found.setdefault(licence.get("id", licence.get("name", "")), {"license": licence})
    return list(found.values())


def inside(folder: Path, owner: str) -> list[dict[str, Any]]:
    """What a wheel says that it carries, under its owner, without the paths of the machine that built it."""
    parts: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("sboms/*.json")):
        for part in json.loads(file.read_text()).get("components", ()):
            purl = re.sub(r"\?download_url=file:.*", "", part.get("purl", ""))
            kept = {key: part[key] for key in ("type", "name", "version", "licenses", "hashes") if key in part}
            if purl:
                kept["purl"] = purl
            kept["bom-ref"] = f"{owner}#{part['name']}@{part['version']}"
            parts[kept["bom-ref"]] = kept
    return [parts[key] for key in sorted(parts)]


def bill(python: str, report: Path) -> dict[str, Any]:
    """The whole list."""
    made, packages = read_environment(python), packages_of(python)
    taken = {canonical(one["metadata"]["name"]): one for one in json.loads(report.read_text())["install"]}
    folders = {canonical(path.name.partition("-")[0]): path for path in packages.glob("*.dist-info")}
    for component in made["components"]:
        name = canonical(component["name"])
        one = taken[name]  # nothing is there that was not installed with its hash
        hashes = one["download_info"]["archive_info"]["hashes"]
        component["hashes"] = [{"alg": "SHA-256", "content": hashes["sha256"]}]
        stated = one["metadata"].get("license_expression") or one["metadata"].get("license") or ""
        component["licenses"] = named(component.get("licenses", []), stated)
        if parts := inside(folders[name], component["bom-ref"]):
            component["components"] = parts
    missing = taken.keys() - {canonical(component["name"]) for component in made["components"]}
    if missing:
        raise SystemExit(f"sbom: installed and not found: {', '.join(sorted(missing))}")
    return made


def main() -> None:
    """As it is called."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", required=True, help="its interpreter")
    parser.add_argument("--report", required=True, type=Path, help="what `pip install --report` wrote of it")
    parser.add_argument("--output", required=True, type=Path)
    asked = parser.parse_args()
    text = json.dumps(bill(asked.environment, asked.report), indent=1, sort_keys=True) + "\n"
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise SystemExit(f"sbom: not CycloneDX {VERSION}: {wrong}")
    asked.output.write_text(text)


if __name__ == "__main__":
    main()
