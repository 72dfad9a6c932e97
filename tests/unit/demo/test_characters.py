"""Tokens that a verifier of the public key accepts, and files that only their owner reads."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import jwt
import pytest
import yaml

from gateway.demo.characters import AUDIENCE, CHARACTERS, ISSUER, LI, SATO, SUZUKI, Issuer, write_secret
from gateway.demo.settings import SITES

AT = 4_000_000_000  # far ahead: PyJWT's own clock must not matter here
REGISTRY = Path(__file__).parents[3] / "gateway" / "demo" / "registry"


def read(token: str, issuer: Issuer) -> dict[str, object]:
    key = jwt.PyJWKSet.from_dict(issuer.jwks())[jwt.get_unverified_header(token)["kid"]]
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER, options=options)  # type: ignore[arg-type]


def test_a_token_says_who_it_is_and_until_when():
    issuer = Issuer()
    claims = read(issuer.token(LI, at=AT, ttl=60), issuer)
    assert (claims["sub"], claims["preferred_username"], claims["groups"]) == ("li", "li", ["engineer"])
    assert (claims["iat"], claims["nbf"], claims["exp"]) == (AT, AT, AT + 60)


def test_a_token_says_nothing_of_place_or_employer():
    issuer = Issuer()
    text = json.dumps(read(issuer.token(LI, at=AT, ttl=60), issuer))
    assert not any(word in text.lower() for word in ("cn", "china", "shanghai", "country", "employer"))


def test_every_token_has_an_id_of_its_own():
    issuer = Issuer()
    ids = {read(issuer.token(SATO, at=AT, ttl=60), issuer)["jti"] for _ in range(3)}
    assert len(ids) == 3


def test_another_issuers_token_is_not_accepted():
    mine, other = Issuer(), Issuer()
    token = other.token(SATO, at=AT, ttl=60)
    with pytest.raises(KeyError):
        read(token, mine)
    key = jwt.PyJWKSet.from_dict(mine.jwks()).keys[0]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE)


def test_the_jwks_file_holds_no_private_part(tmp_path: Path):
    Issuer().write_jwks(tmp_path / "jwks.json")
    (key,) = json.loads((tmp_path / "jwks.json").read_text())["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")


def test_the_registry_knows_every_character_by_issuer_and_subject():
    people = yaml.safe_load((REGISTRY / "people.yaml").read_text())["people"]
    known = {(person["issuer"], person["subject"]): person for person in people}
    for character in CHARACTERS:
        assert known[ISSUER, character.subject]["groups"] == list(character.groups)
        assert character.site in SITES
    assert SUZUKI in CHARACTERS


def test_a_secret_is_its_owners_alone_and_never_overwrites(tmp_path: Path):
    path = tmp_path / "token"
    write_secret(path, "secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_secret(path, "another")
    assert path.read_text() == "secret"


def test_a_secret_is_not_written_through_a_link(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "link", "secret")
    assert not (tmp_path / "elsewhere").exists()
