"""No dependency under a licence that forbids what Apache-2.0 allows.

What runs in production is held to the allow-list; what is only for the demo and the tests may have the exceptions
named here, each with its reason.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.meta.tree import ROOT

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)
# Words of older metadata, in full.
NAMED = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd-3-clause license": "BSD-3-Clause",
    "gnu library or lesser general public license (lgpl)": "LGPL-3.0-or-later",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "zpl 2.1": "ZPL-2.1",
    "zope public license": "ZPL-2.1",
}
# Beyond the allow-list, by name: the licence, whether production may have it, and why it may be here.
EXCEPTIONS = {
    "numpy": ("CC0-1.0", True, "BSD-3-Clause but for a few lines given to everybody; datasketches needs it"),
    "waitress": ("ZPL-2.1", True, "Zope Public License 2.1: permissive, BSD-like, OSI and FSF approved"),
    "psycopg": ("LGPL-3.0-only", False, "a driver in demo and tests, imported unchanged; not needed to run Sekisho"),
    "psycopg-binary": ("LGPL-3.0-only", False, "the same driver's compiled part"),
    "psycopg2-binary": ("LGPL-3.0-or-later", False, "a driver of the test matrix, imported unchanged; never shipped"),
}


def _closure(requirements: list[str]) -> dict[str, metadata.Distribution]:
    """Installed distributions that these requirements bring, themselves included."""
    found: dict[str, metadata.Distribution] = {}
    asked: set[tuple[str, str]] = set()

    def visit(text: str, extra: str) -> None:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            return
        name = canonicalize_name(requirement.name)
        if name == "sekisho":
            return
        found[name] = distribution = metadata.distribution(name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in asked:
                asked.add((name, wanted))
                for inner in distribution.requires or ():
                    visit(inner, wanted)

    for requirement in requirements:
        visit(requirement, "")
    return found


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = _closure(PROJECT["dependencies"])
EVERYTHING = _closure(PROJECT["dependencies"] + [r for e in PROJECT["optional-dependencies"].values() for r in e])


def licences(distribution: metadata.Distribution) -> list[frozenset[str]]:
    """Alternatives, each a set of licences that hold together."""
    about = distribution.metadata
    expression = about["License-Expression"] if "License-Expression" in about else ""
    if not expression:
        classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
        classifiers = [name for name in classifiers if name not in ("OSI Approved", "DFSG approved")]
        text = (about["License"] if "License" in about else "").strip()
        if re.fullmatch(r"[\w.+ ()-]{1,80}", text) and re.search(r" (AND|OR) ", text):
            expression = text
        elif classifiers:
            return [frozenset(NAMED.get(name.lower(), name) for name in classifiers)]
        else:
            return [frozenset({NAMED.get(text.lower(), text or "none stated")})]
    plain = expression.replace("(", " ").replace(")", " ")
    return [
        frozenset(part.strip().partition(" WITH ")[0] for part in alternative.split(" AND "))
        for alternative in plain.split(" OR ")
    ]


def allowed(name: str, *, production: bool) -> bool:
    """True where one alternative is allowed as a whole."""
    exception, in_production, _ = EXCEPTIONS.get(name, ("", False, ""))
    extra = {exception} if in_production or not production else set()
    return any(alternative <= ALLOWED | extra for alternative in licences(EVERYTHING[name]))


@pytest.mark.parametrize("name", sorted(RUNTIME))
def test_what_runs_in_production_is_under_an_allowed_licence(name):
    assert allowed(name, production=True), licences(RUNTIME[name])


@pytest.mark.parametrize("name", sorted(EVERYTHING.keys() - RUNTIME.keys()))
def test_what_demo_and_tests_use_is_allowed_or_named(name):
    assert allowed(name, production=False), licences(EVERYTHING[name])


def test_every_exception_is_still_needed_and_as_stated():
    for name, (licence, _, reason) in EXCEPTIONS.items():
        assert reason
        assert any(licence in alternative for alternative in licences(EVERYTHING[name])), licences(EVERYTHING[name])


def test_no_gpl_anywhere():
    for name, distribution in EVERYTHING.items():
        for alternative in licences(distribution):
            assert not any(re.search(r"(?<!L)GPL|(?<!Lesser )General Public", text) for text in alternative), name
