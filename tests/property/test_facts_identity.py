"""Whatever is sent as a token, only AuthenticationError comes out; and no changed token is ever taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Issuer
from gateway.errors import AuthenticationError, Reason
from gateway.facts.identity import TokenVerifier
from tests.unit.facts.tokens import AT, AUDIENCE, ISSUER, claims, jwk, segment, signed, token

VERIFIER = TokenVerifier(
    (Issuer(issuer=ISSUER, audience=AUDIENCE, keys=Path("unused.json"), country_claim="country"),),
    {ISSUER: {"keys": [jwk("p256")]}},
)
GOOD = token()
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def outcome(text: str, at: int = AT) -> Reason:
    try:
        VERIFIER.verify(text, at=at)
    except AuthenticationError as error:
        return error.reason
    return Reason.ALLOWED


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet=BASE64URL + ".", max_size=200))
def test_any_text_is_refused(text: str) -> None:
    assert outcome(text) is not Reason.ALLOWED


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_token_with_one_character_changed_is_refused(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    assert (outcome(changed) is Reason.ALLOWED) is (changed == GOOD)


@settings(max_examples=200, deadline=None)
@given(anything, anything)
def test_any_header_and_claims_end_in_a_reason(header: Any, payload: Any) -> None:
    assert outcome(f"{segment(header)}.{segment(payload)}.AAAA") is not Reason.ALLOWED


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*sorted(claims()), "acr", "country"]), anything)
def test_any_signed_claim_is_read_or_refused(name: str, value: Any) -> None:
    reason = outcome(signed({"alg": "ES256", "kid": "p256"}, claims() | {name: value}))
    assert reason is Reason.ALLOWED or reason.startswith("token_")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4_000_000_000))
def test_token_is_taken_from_its_begin_to_its_end_only(at: int) -> None:
    expected = AT - 10 <= at < AT + 3610
    assert (outcome(GOOD, at) is Reason.ALLOWED) is expected
