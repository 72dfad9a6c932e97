import hmac
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Issuer
from gateway.errors import AuthenticationError, ConfigError, Reason
from gateway.facts.identity import KeyUnknown, TokenVerifier, is_name
from gateway.facts.keys import read_keys
from gateway.model import Principal
from tests.unit.facts.tokens import AT, AUDIENCE, ISSUER, claims, jwk, segment, signed, token

NAN = b'{"iss": NaN}'
HEADER = {"alg": "ES256", "typ": "JWT", "kid": "p256"}


def issuer(**changes: Any) -> Issuer:
    return replace(Issuer(issuer=ISSUER, audience=AUDIENCE, keys=Path("unused.json")), **changes)


def verifier(**changes: Any) -> TokenVerifier:
    other = Issuer(issuer="https://other.example", audience="other", keys=Path("unused.json"), algorithms=("EdDSA",))
    keys = {
        ISSUER: {"keys": [jwk("p256"), jwk("p384"), jwk("rsa"), jwk("ed25519")]},
        other.issuer: {"keys": [jwk("ed25519")]},
    }
    return TokenVerifier((issuer(**changes), other), keys)


def refused(text: str, *, at: int = AT, **changes: Any) -> Reason:
    with pytest.raises(AuthenticationError) as caught:
        verifier(**changes).verify(text, at=at)
    assert caught.value.detail
    assert text[:20] not in caught.value.detail or not text
    return caught.value.reason


def test_good_token_is_a_principal() -> None:
    assert verifier().verify(token(), at=AT) == Principal(
        issuer=ISSUER,
        subject="ann",
        database_user="ann_db",
        groups=("engineer",),
        mfa=True,
        purpose=None,
        token_id="t-1",
        expires_at=AT + 3600 + 10,  # we take it until its end and the leeway
        issued_at=AT,
        declared_country=None,
    )


@pytest.mark.parametrize(("key", "algorithm"), [("p256", "ES256"), ("rsa", "RS256"), ("ed25519", "EdDSA")])
def test_each_listed_algorithm_is_taken(key: str, algorithm: str) -> None:
    assert verifier().verify(token(key, algorithm), at=AT).subject == "ann"


def test_only_key_needs_no_kid() -> None:
    text = token("ed25519", "EdDSA", header={}, iss="https://other.example", aud="other")
    assert verifier().verify(text, at=AT).issuer == "https://other.example"


def test_claims_named_by_configuration_are_read() -> None:
    found = verifier(user_claim="db", groups_claim="roles", purpose_claim="purpose", country_claim="country").verify(
        token(db="u", roles=["r"], purpose="moderation", country="JP"), at=AT
    )
    assert (found.database_user, found.groups, found.purpose, found.declared_country) == (
        "u",
        ("r",),
        "moderation",
        "JP",
    )


def test_claims_not_configured_are_no_facts() -> None:
    found = verifier().verify(token(purpose="moderation", country="JP", employer="shop", residence="KR"), at=AT)
    assert (found.purpose, found.declared_country) == (None, None)
    assert (found.declared_employer, found.declared_residence) == (None, None)


def test_employer_and_residence_are_declared_where_configuration_lets_them_be() -> None:
    told = verifier(employer_claim="employer", residence_claim="residence")
    found = told.verify(token(employer="shop", residence="KR"), at=AT)
    assert (found.declared_employer, found.declared_residence) == ("shop", "KR")
    for odd in ({"employer": 7}, {"employer": ""}, {"residence": "Korea"}):
        with pytest.raises(AuthenticationError) as caught:
            told.verify(token(**odd), at=AT)
        assert caught.value.reason is Reason.TOKEN_MALFORMED


def test_configured_claims_may_be_absent() -> None:
    found = verifier(
        purpose_claim="purpose", country_claim="country", ticket_claim="ticket", request_claim="request"
    ).verify(token(groups=None, jti=None), at=AT)
    assert (found.purpose, found.declared_country, found.groups, found.token_id) == (None, None, (), None)
    assert (found.ticket, found.request) == (None, None)


REQUEST = {
    "authority_country": "JP",
    "legal_basis": "warrant",
    "category": "financial_harm",
    "subjects": 1,
    "channel": "direct",
    "reviewed": True,
}


def test_a_ticket_and_an_authoritys_request_are_read() -> None:
    told = verifier(ticket_claim="ticket", request_claim="request")
    found = told.verify(token(ticket="OPS-17", request=REQUEST), at=AT)
    assert found.ticket == "OPS-17"
    assert found.request is not None
    assert asdict(found.request) == REQUEST
    unnumbered = told.verify(token(request=REQUEST | {"subjects": None, "reviewed": False}), at=AT).request
    assert unnumbered is not None
    assert (unnumbered.subjects, unnumbered.reviewed) == (None, False)


def test_ticket_and_request_are_no_facts_where_nobody_configured_them() -> None:
    found = verifier().verify(token(ticket="OPS-17", request=REQUEST), at=AT)
    assert (found.ticket, found.request) == (None, None)


@pytest.mark.parametrize(
    "odd",
    [
        {"ticket": ""},
        {"ticket": 17},
        {"ticket": None},
        {"request": None},
        {"request": "warrant"},
        {"request": [REQUEST]},
        {"request": {}},
        {"request": REQUEST | {"urgent": True}},
        *({"request": {key: value for key, value in REQUEST.items() if key != name}} for name in REQUEST),
        {"request": REQUEST | {"authority_country": "UK"}},
        {"request": REQUEST | {"legal_basis": "hunch"}},
        {"request": REQUEST | {"legal_basis": ["warrant"]}},
        {"request": REQUEST | {"category": ""}},
        {"request": REQUEST | {"channel": "fax"}},
        {"request": REQUEST | {"subjects": True}},
        {"request": REQUEST | {"subjects": 1.5}},
        {"request": REQUEST | {"subjects": -1}},
        {"request": REQUEST | {"subjects": 10**13}},
        {"request": REQUEST | {"reviewed": "true"}},
        {"request": REQUEST | {"reviewed": 1}},
    ],
)
def test_a_request_that_is_not_wholly_one_refuses_the_token(odd: dict[str, Any]) -> None:
    """It is not taken for no request: access on an authority's demand would then be judged as everyday work."""
    text = signed(HEADER, claims() | odd)
    assert refused(text, ticket_claim="ticket", request_claim="request") is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize(
    ("changes", "mfa"),
    [
        ({"amr": ["pwd"]}, False),
        ({"amr": None}, False),
        ({"amr": ["pwd"], "acr": "mfa"}, True),
        ({"amr": None, "acr": "https://refeds.org/profile/mfa"}, True),
        ({"amr": ["pwd"], "acr": "1"}, False),
        ({"amr": ["pwd"], "acr": 7}, False),
        ({"amr": ["pwd"], "acr": ["mfa"]}, False),
    ],
)
def test_mfa_is_from_amr_or_acr(changes: dict[str, Any], mfa: bool) -> None:
    assert verifier().verify(token(**changes), at=AT).mfa is mfa


def test_audience_may_be_one_of_a_list() -> None:
    assert verifier().verify(token(aud=["x", AUDIENCE]), at=AT).subject == "ann"


def test_no_token_is_missing() -> None:
    assert refused("") is Reason.TOKEN_MISSING


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "a.b",
        "a.b.c.d",
        "..",
        f"{segment(HEADER)}.{segment(claims())}.",
        f"{segment(HEADER)}.{segment(claims())}.A",
        f"{segment(b'not json')}.{segment(claims())}.AAAA",
        f"{segment(HEADER)}.{segment(['list'])}.AAAA",
        f"{segment(b'[' * 5000)}.{segment(claims())}.AAAA",
        f"{segment(HEADER)}.{segment(NAN)}.AAAA",
        "x" * 16_385,
    ],
)
def test_what_is_no_signed_token_is_malformed(text: str) -> None:
    assert refused(text) is Reason.TOKEN_MALFORMED


def test_token_at_the_limit_of_length_is_read() -> None:
    good = token(padding="x" * 10_000)
    assert len(good) < 16_384
    assert verifier().verify(good, at=AT).subject == "ann"
    assert refused(token(padding="x" * 13_000)) is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize("change", [" ", "\n", "=", "+", "é", "\x00"])
def test_characters_outside_base64url_are_malformed_anywhere(change: str) -> None:
    good = token()
    for text in (change + good, good + change, good.replace(".", "." + change, 1), good[:5] + change + good[5:]):
        assert refused(text) is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "p256"},
        {"alg": 7, "kid": "p256"},
        {"alg": ["ES256"], "kid": "p256"},
        {"alg": "ES256", "kid": 7},
        HEADER | {"crit": ["b64"], "b64": False},
        HEADER | {"crit": []},
        HEADER | {"b64": False},
    ],
)
def test_odd_header_is_malformed_though_signed(header: dict[str, Any]) -> None:
    assert refused(signed(header, claims())) is Reason.TOKEN_MALFORMED


def test_key_named_twice_in_header_or_claims_is_malformed() -> None:
    header = b'{"alg": "none", "alg": "ES256", "kid": "p256"}'
    assert refused(signed(header, claims())) is Reason.TOKEN_MALFORMED
    payload = json.dumps(claims()).encode()[:-1] + b', "sub": "root"}'
    assert refused(signed(HEADER, payload)) is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "HS512", "ES256K", "dir", ""])
def test_algorithm_that_is_no_asymmetric_signature_is_refused(algorithm: str) -> None:
    head = f"{segment({'alg': algorithm, 'kid': 'p256'})}.{segment(claims())}"
    assert refused(f"{head}.AAAA") is Reason.TOKEN_ALGORITHM_REFUSED


@pytest.mark.parametrize("algorithm", ["none", "NonE"])
def test_alg_none_with_no_signature_is_refused_for_its_algorithm(algorithm: str) -> None:
    text = f"{segment({'alg': algorithm})}.{segment(claims())}."
    assert refused(text) is Reason.TOKEN_ALGORITHM_REFUSED


def test_public_key_used_as_a_shared_secret_is_refused() -> None:
    secret = json.dumps(jwk("rsa")).encode()
    head = f"{segment({'alg': 'HS256', 'kid': 'rsa'})}.{segment(claims())}"
    signature = hmac.new(secret, head.encode(), "sha256").digest()
    assert refused(f"{head}.{segment(signature)}") is Reason.TOKEN_ALGORITHM_REFUSED


def test_algorithm_not_on_the_issuers_list_is_refused() -> None:
    assert refused(token("rsa", "PS256")) is Reason.TOKEN_ALGORITHM_REFUSED
    assert refused(token(iss="https://other.example", aud="other")) is Reason.TOKEN_ALGORITHM_REFUSED


@pytest.mark.parametrize("name", ["https://evil.example", ISSUER + "/", ISSUER.upper(), ""])
def test_foreign_issuer_is_untrusted(name: str) -> None:
    assert refused(token(iss=name)) is Reason.TOKEN_ISSUER_UNTRUSTED


def test_key_of_one_issuer_is_no_key_of_another() -> None:
    text = token("p256", iss="https://other.example", aud="other")
    assert refused(text, algorithms=("ES256",)) is Reason.TOKEN_ALGORITHM_REFUSED
    assert refused(token("ed25519", "EdDSA", header={"kid": "p256"})) is Reason.TOKEN_KEY_UNKNOWN


@pytest.mark.parametrize("header", [{"kid": "gone"}, {"kid": ""}, {}])
def test_unknown_key_is_unknown(header: dict[str, Any]) -> None:
    assert refused(token(header=header)) is Reason.TOKEN_KEY_UNKNOWN


def test_key_for_another_algorithm_is_unknown() -> None:
    assert refused(token("p256", header={"kid": "rsa"})) is Reason.TOKEN_KEY_UNKNOWN
    assert refused(token("p384", "ES384", header={"kid": "p256"}), algorithms=("ES384",)) is Reason.TOKEN_KEY_UNKNOWN


def test_signature_of_another_key_is_invalid() -> None:
    assert refused(token("p256-other", header={"kid": "p256"})) is Reason.TOKEN_SIGNATURE_INVALID


@pytest.mark.parametrize(("key", "algorithm"), [("p256", "ES256"), ("rsa", "RS256"), ("ed25519", "EdDSA")])
@pytest.mark.parametrize("signature", [b"\x00", b"\x00" * 64, b"\xff" * 64, b"\x00" * 256])
def test_signature_of_any_length_is_only_invalid(key: str, algorithm: str, signature: bytes) -> None:
    head = token(key, algorithm).rpartition(".")[0]
    assert refused(f"{head}.{segment(signature)}") is Reason.TOKEN_SIGNATURE_INVALID


def test_changed_claims_break_the_signature() -> None:
    header, _, signature = token().split(".")
    assert refused(f"{header}.{segment(claims(sub='root'))}.{signature}") is Reason.TOKEN_SIGNATURE_INVALID


def test_signature_is_judged_before_dates_and_audience() -> None:
    text = token("p256-other", header={"kid": "p256"}, exp=AT - 9999, aud="x")
    assert refused(text) is Reason.TOKEN_SIGNATURE_INVALID


@pytest.mark.parametrize("audience", [None, "other", [], ["other"], AUDIENCE.upper(), {"a": AUDIENCE}, 7])
def test_other_audience_is_a_mismatch(audience: Any) -> None:
    assert refused(
        token(aud=audience) if not isinstance(audience, (dict, int)) else signed(HEADER, claims(aud=audience))
    ) is (Reason.TOKEN_AUDIENCE_MISMATCH)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": AT - 10}, Reason.TOKEN_EXPIRED),
        ({"exp": 0}, Reason.TOKEN_EXPIRED),
        ({"nbf": AT + 11}, Reason.TOKEN_NOT_YET_VALID),
        ({"iat": AT + 11, "nbf": None}, Reason.TOKEN_NOT_YET_VALID),
    ],
)
def test_dates_are_judged_with_leeway(changes: dict[str, Any], reason: Reason) -> None:
    assert refused(token(**changes)) is reason


@pytest.mark.parametrize("changes", [{"exp": AT - 9}, {"nbf": AT + 10}, {"iat": AT + 10}, {"exp": AT + 0.5}])
def test_dates_within_leeway_are_taken(changes: dict[str, Any]) -> None:
    found = verifier().verify(token(**changes), at=AT)
    assert found.expires_at > AT


def test_token_is_taken_until_expires_at_and_no_longer() -> None:
    text = token()
    end = verifier().verify(text, at=AT).expires_at
    assert verifier().verify(text, at=end - 1).subject == "ann"
    assert refused(text, at=end) is Reason.TOKEN_EXPIRED


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["soon", True, -1, 1e30, [], {}])
def test_odd_date_is_malformed(name: str, value: Any) -> None:
    assert refused(signed(HEADER, claims() | {name: value})) is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN", "1e999", "null"])
def test_date_beyond_numbers_is_malformed(text: str) -> None:
    payload = json.dumps(claims(exp=1)).replace('"exp": 1', f'"exp": {text}').encode()
    assert refused(signed(HEADER, payload)) is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"preferred_username": None},
        {"preferred_username": "a\x00b"},
        {"preferred_username": "a\nb"},
        {"preferred_username": "x" * 256},
        {"groups": "engineer"},
        {"groups": ["a", 7]},
        {"groups": {"a": 1}},
        {"groups": ["a\nb"]},
        {"groups": ["\ud800"]},
        {"sub": "\ud800"},
        {"amr": "mfa"},
        {"amr": [1]},
        {"iss": None},
    ],
)
def test_claim_missing_or_of_the_wrong_kind_is_malformed(changes: dict[str, Any]) -> None:
    assert refused(token(**changes)) is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize(
    "payload",
    [claims() | odd for odd in ({"sub": 7}, {"iss": 7}, {"iss": [ISSUER]}, {"preferred_username": ["a"]}, {"jti": 7})],
)
def test_claim_that_is_no_text_is_malformed(payload: dict[str, Any]) -> None:
    assert refused(signed(HEADER, payload)) is Reason.TOKEN_MALFORMED


@pytest.mark.parametrize("changes", [{"country": "UK"}, {"country": "jp"}, {"country": ["JP"]}, {"purpose": ""}])
def test_odd_claim_that_is_configured_is_malformed(changes: dict[str, Any]) -> None:
    text = signed(HEADER, claims() | changes)
    assert refused(text, country_claim="country", purpose_claim="purpose") is Reason.TOKEN_MALFORMED


def test_issuers_are_checked_when_the_verifier_is_made() -> None:
    with pytest.raises(ConfigError) as caught:
        TokenVerifier((issuer(algorithms=("HS256", "none")), issuer()), {})
    assert caught.value.problems == (
        f"issuer {ISSUER}: 'HS256' is no asymmetric algorithm known here",
        f"issuer {ISSUER}: 'none' is no asymmetric algorithm known here",
        f"issuer {ISSUER}: the key document is no JWKS (a mapping with a list 'keys')",
        f"issuer {ISSUER} stands twice",
        f"issuer {ISSUER}: the key document is no JWKS (a mapping with a list 'keys')",
    )


def test_keys_of_one_issuer_are_exchanged_and_the_others_stay() -> None:
    first = verifier()
    problems: list[str] = []
    second = first.with_keys(ISSUER, read_keys({"keys": [jwk("p256-other")]}, ISSUER, problems))
    assert not problems
    assert second.verify(token("p256-other"), at=AT).subject == "ann"
    with pytest.raises(KeyUnknown) as caught:
        second.verify(token(), at=AT)
    assert (caught.value.issuer, caught.value.reason) == (ISSUER, Reason.TOKEN_KEY_UNKNOWN)
    assert first.verify(token(), at=AT).subject == "ann", "the one before is as it was"
    other = token("ed25519", "EdDSA", iss="https://other.example", aud="other")
    assert second.verify(other, at=AT).issuer == "https://other.example"


def test_without_keys_nothing_is_believed() -> None:
    with pytest.raises(AuthenticationError) as caught:
        verifier().with_keys(ISSUER, None).verify(token(), at=AT)
    assert (caught.value.reason, caught.value.answer.sqlstate) == (Reason.ISSUER_KEYS_UNAVAILABLE, "58000")


def test_an_issuer_with_an_address_begins_without_keys() -> None:
    remote = Issuer(issuer=ISSUER, audience=AUDIENCE, jwks_url="https://id.test.example/jwks")
    with pytest.raises(AuthenticationError) as caught:
        TokenVerifier((remote,), {}).verify(token(), at=AT)
    assert caught.value.reason is Reason.ISSUER_KEYS_UNAVAILABLE


@pytest.mark.parametrize("name", ["", "x" * 256, "a\0", "a\x1b[0m", "\ud800", 7, None])
def test_what_is_no_name(name: object) -> None:
    assert not is_name(name)


def test_claims_that_somebody_else_verified_are_looked_at_as_a_tokens() -> None:
    assert verifier().believe(claims(), at=AT) == verifier().verify(token(), at=AT)
    for changes, reason in (
        ({"iss": "https://evil.example"}, Reason.TOKEN_ISSUER_UNTRUSTED),
        ({"iss": None}, Reason.TOKEN_MALFORMED),
        ({"aud": "another"}, Reason.TOKEN_AUDIENCE_MISMATCH),
        ({"exp": AT - 60}, Reason.TOKEN_EXPIRED),
        ({"exp": None}, Reason.TOKEN_MALFORMED),
        ({"sub": ""}, Reason.TOKEN_MALFORMED),
    ):
        with pytest.raises(AuthenticationError) as refused:
            verifier().believe(claims(**changes), at=AT)
        assert refused.value.reason is reason


def test_a_token_seen_before_is_judged_by_its_dates_and_keys_all_the_same() -> None:
    one, text = verifier(), token()
    first = one.verify(text, at=AT)
    assert one.verify(text, at=AT + 1) is first
    for at, reason in ((AT + 3610, Reason.TOKEN_EXPIRED), (AT - 100, Reason.TOKEN_NOT_YET_VALID)):
        with pytest.raises(AuthenticationError) as caught:
            one.verify(text, at=at)
        assert caught.value.reason is reason
    for keys, reason in (
        (None, Reason.ISSUER_KEYS_UNAVAILABLE),
        (read_keys({"keys": [jwk("rsa")]}, ISSUER, []), Reason.TOKEN_KEY_UNKNOWN),
    ):
        with pytest.raises(AuthenticationError) as caught:
            one.with_keys(ISSUER, keys).verify(text, at=AT)
        assert caught.value.reason is reason
