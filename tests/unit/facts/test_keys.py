from typing import Any

import pytest

from gateway.facts.keys import ASYMMETRIC, Keys, read_keys
from tests.unit.facts.tokens import jwk


def read(*entries: Any) -> tuple[Keys, list[str]]:
    problems: list[str] = []
    return read_keys({"keys": list(entries)}, "i", problems), problems


@pytest.mark.parametrize(
    ("entry", "algorithms"),
    [
        ({"key": "p256"}, {"ES256"}),
        ({"key": "p384"}, {"ES384"}),
        ({"key": "ed25519"}, {"EdDSA"}),
        ({"key": "rsa"}, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ({"key": "rsa", "alg": "PS256"}, {"PS256"}),
        ({"key": "p256", "use": "sig", "key_ops": ["verify"]}, {"ES256"}),
    ],
)
def test_key_is_bound_to_what_its_type_can_verify(entry: dict[str, Any], algorithms: set[str]) -> None:
    name = entry.pop("key")
    keys, problems = read(jwk(name, **entry))
    assert problems == []
    found = keys.find(name)
    assert found is not None
    assert set(found.algorithms) == algorithms


@pytest.mark.parametrize(
    "more", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": "verify"}, {"alg": "ES384"}, {"kty": "NEW"}]
)
def test_key_of_no_use_here_is_left_out(more: dict[str, Any]) -> None:
    keys, problems = read(jwk("p256"), jwk("ed25519", **more))
    assert problems == []
    assert keys.find("ed25519") is None
    assert keys.find(None) is keys.find("p256")


def test_key_without_kid_is_found_only_where_it_is_the_only_one() -> None:
    keys, _ = read(jwk("p256"), jwk("p384"))
    assert keys.find(None) is None
    assert keys.find("p521") is None


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([], "issuer i: no usable key"),
        ([7], "issuer i: key 1 is not a mapping"),
        ([{"kty": "oct", "k": "c2VjcmV0"}], "issuer i: key 1 is secret: a key document holds public keys only"),
        ([jwk("p256", d="AAAA")], "issuer i: key 1 is secret: a key document holds public keys only"),
        ([jwk("p256", x="AAAA")], "issuer i: key 1 cannot be read"),
        ([jwk("p256", y=None)], "issuer i: key 1 cannot be read"),
        ([jwk("p256", kid=7)], "issuer i: key 1: 'kid' is not a text"),
        ([jwk("rsa-small")], "issuer i: key 1 is an RSA key of 1024 bits; 2048 is the least"),
        ([jwk("p256"), jwk("p384", kid="p256")], "issuer i: several keys have the kid 'p256'"),
    ],
)
def test_odd_document_is_a_problem(entries: list[Any], problem: str) -> None:
    assert problem in read(*entries)[1]


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, "keys"])
def test_no_jwks_is_a_problem(document: Any) -> None:
    problems: list[str] = []
    read_keys(document, "i", problems)
    assert problems == ["issuer i: the key document is no JWKS (a mapping with a list 'keys')"]


def test_no_symmetric_algorithm_is_known() -> None:
    assert not any(name.startswith("HS") or name.lower() == "none" for name in ASYMMETRIC)
