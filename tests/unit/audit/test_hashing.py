"""The keyed hash of a statement is HMAC-SHA256."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.hashing import StatementHash


@given(key=st.binary(min_size=32, max_size=200), texts=st.lists(st.text(st.characters()), min_size=1, max_size=5))
def test_it_is_that_of_the_standard_library_each_time(key: bytes, texts: list[str]) -> None:
    ours = StatementHash(key)
    for text in texts * 2:
        assert ours.of(text) == hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def test_another_key_gives_another() -> None:
    assert StatementHash(b"k" * 32).of("SELECT 1") != StatementHash(b"l" * 32).of("SELECT 1")
    assert StatementHash(b"k" * 32).of("SELECT 1") == hmac.new(b"k" * 32, b"SELECT 1", hashlib.sha256).hexdigest()


def test_a_lone_surrogate_has_one_too() -> None:
    assert StatementHash(b"k" * 32).of("\ud800")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 or more"):
        StatementHash(b"k" * 31)
