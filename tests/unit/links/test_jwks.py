"""Key sets from files: every file that cannot be used is named, with what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.config import Issuer
from gateway.errors import ConfigError
from gateway.links.jwks import load_key_sets


def issuer(name: str, path: Path) -> Issuer:
    return Issuer(issuer=f"https://{name}.example", audience="sekisho", keys=path)


def test_a_document_for_each_issuer(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(json.dumps({"keys": [{"kid": name}]}))

    found = load_key_sets((issuer("a", tmp_path / "a"), issuer("b", tmp_path / "b")))

    assert found["https://a.example"]["keys"] == [{"kid": "a"}]
    assert found["https://b.example"]["keys"] == [{"kid": "b"}]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ":1: not JSON: Expecting value"),
        (b'{"keys": []\n,,}', ":2: not JSON: "),
        (b"\xff\xfe", "utf-8"),
        (b"[]", "not a JSON Web Key Set"),
        (b'{"keys": {}}', "not a JSON Web Key Set"),
        (b"{}", "not a JSON Web Key Set"),
        (b"[" * 100_000, "recursion"),
        (b" " * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
)
def test_what_is_no_key_set(tmp_path, content, problem):
    path = tmp_path / "keys.json"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_key_sets((issuer("a", path),))

    (found,) = caught.value.problems
    assert found.startswith(f"issuer https://a.example: {path}")
    assert problem in found


def test_every_problem_is_listed(tmp_path):
    (tmp_path / "bad").write_text("no")
    (tmp_path / "good").write_text('{"keys": []}')

    with pytest.raises(ConfigError) as caught:
        load_key_sets((issuer("a", tmp_path / "gone"), issuer("b", tmp_path / "good"), issuer("c", tmp_path / "bad")))

    assert list(caught.value.problems) == [
        f"issuer https://a.example: {tmp_path / 'gone'}: cannot be read: No such file or directory",
        f"issuer https://c.example: {tmp_path / 'bad'}:1: not JSON: Expecting value",
    ]
