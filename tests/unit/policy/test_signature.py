"""Signatures of bundles: what is signed, by whom it is believed, and what never counts."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from gateway.errors import ConfigError
from gateway.policy.signature import SigningKey, VerificationKey, sign, verify
from tests.unit.policy.keys import PRIVATE, PUBLIC

FILES = {
    ".manifest": b'{"revision": "r", "n": 1.0}',
    "data.json": '{"b": [1, 2.50, 1e3, null, true], "a": "\u2028<&>\\u00e9\\n"}'.encode(),
    "law/x.rego": b"package law\n",
}
SIGNED = SigningKey(pem=PRIVATE)
BELIEVED = VerificationKey(pem=PUBLIC)


def token(files: Any = None, algorithm: str = "ES256", key: str = PRIVATE, **claims: Any) -> bytes:
    listed = json.loads(sign(FILES, SIGNED))["signatures"][0] if files is None else files
    body = jwt.decode(listed, options={"verify_signature": False}) if files is None else {"files": files}
    return json.dumps({"signatures": [jwt.encode({**body, **claims}, key, algorithm=algorithm)]}).encode()


def test_what_is_signed_verifies() -> None:
    verify(FILES, sign(FILES, SIGNED), BELIEVED)


def test_a_structured_file_is_what_it_says_and_not_how_it_is_written() -> None:
    signatures = sign(FILES, SIGNED)
    indented = json.dumps(json.loads(FILES[".manifest"]), indent=4, sort_keys=True).encode()
    verify({**FILES, ".manifest": indented}, signatures, BELIEVED)
    with pytest.raises(ConfigError, match=r"law/x\.rego: is not as it was signed"):
        verify({**FILES, "law/x.rego": b"package law \n"}, signatures, BELIEVED)
    with pytest.raises(ConfigError, match=r"data\.json: is not as it was signed"):
        verify({**FILES, "data.json": FILES["data.json"].replace(b"2.50", b"2.5")}, signatures, BELIEVED)


@pytest.mark.parametrize(
    ("signatures", "problem"),
    [
        (b"", "not the configured key's"),
        (b"{}", "not the configured key's"),
        (b"[" * 100_000, "not the configured key's"),
        (b'{"signatures": []}', "one signature is needed"),
        (b'{"signatures": ["a", "b"]}', "one signature is needed"),
        (b'{"signatures": ["a.b.c"]}', "not the configured key's"),
        (token(algorithm="none", key=""), "not the configured key's"),
        (token(algorithm="HS256", key="k" * 32), "not the configured key's"),
        (token(exp=1), "not the configured key's"),
        (token(scope="write"), "for another scope"),
        (token(files=[{"name": "a"}, {"name": "a"}]), "listed twice"),
        (token(files=[1]), "not the configured key's"),
        (token(files=[{"name": "law/x.rego", "hash": "00", "algorithm": "MD5"}]), "MD5 is no hash that counts here"),
    ],
)
def test_what_never_counts(signatures: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        verify(FILES, signatures, BELIEVED)
    assert problem in str(caught.value)


def test_a_scope_is_the_configured_one() -> None:
    verify(FILES, token(scope="write"), VerificationKey(pem=PUBLIC, scope="write"))
    with pytest.raises(ConfigError, match="for another scope"):
        verify(FILES, token(), VerificationKey(pem=PUBLIC, scope="write"))


@pytest.mark.parametrize(
    "key", [SigningKey(pem="no key"), SigningKey(pem=PUBLIC), SigningKey(pem=PRIVATE, algorithm="x")]
)
def test_a_key_that_cannot_sign_is_said(key: SigningKey) -> None:
    with pytest.raises(ConfigError, match="cannot be signed"):
        sign(FILES, key)


def test_a_structured_file_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match=r"data\.json: cannot be read"):
        sign({"data.json": b"{"}, SIGNED)
