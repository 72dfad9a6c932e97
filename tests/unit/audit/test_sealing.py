"""Raw statements are sealed for one reader: nobody else opens them, the gateway neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.chain import canonical
from gateway.audit.hashing import StatementHash
from gateway.audit.keys import KeyUse, make_keys
from gateway.audit.ready import Repeats
from gateway.audit.record import repeat_entry
from gateway.audit.sealing import Reader, Recipient, SealedForAnother, load_reader, load_recipient
from gateway.errors import ConfigError

SQL = "SELECT phone FROM users WHERE name = '佐藤'"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipient, Reader]:
    path = tmp_path_factory.mktemp("keys") / "auditor.key"
    return load_recipient(make_keys(path, KeyUse.READING)), load_reader(path)


@given(text=st.text())
def test_what_is_sealed_is_opened(pair: tuple[Recipient, Reader], text: str) -> None:
    recipient, reader = pair
    assert reader.open(recipient.seal(text)) == text


def test_nobody_else_opens_it_and_nothing_of_it_shows(pair: tuple[Recipient, Reader], tmp_path: Path) -> None:
    recipient, reader = pair
    sealed = recipient.seal(SQL)
    assert sealed != recipient.seal(SQL), "equal statements look different"
    assert "users" not in sealed
    make_keys(tmp_path / "other", KeyUse.READING)
    other = load_reader(tmp_path / "other")
    with pytest.raises(SealedForAnother, match=reader.key_id):
        other.open(sealed)
    for wrong in (sealed[:-4] + "AAAA", f"{reader.key_id}.no base64", reader.key_id, ""):
        with pytest.raises(SealedForAnother):
            reader.open(wrong)


def test_it_follows_the_hash_into_the_record(pair: tuple[Recipient, Reader]) -> None:
    recipient, reader = pair
    plain, sealing = StatementHash(b"k" * 32), StatementHash(b"k" * 32, recipient.seal)
    kept = sealing.of(SQL)
    assert kept.split(" ")[0] == plain.of(SQL)
    entry = repeat_entry("d1", of="d0", at_ns=5_000, session="s1", epoch_age_ms=3, statement_hash=kept)
    assert entry["statement_hash"] == plain.of(SQL)
    assert reader.open(str(entry["statement_sealed"])) == SQL
    assert Repeats("d0", "s1").text("d1", 5, 3, kept) == canonical(entry)


def test_keys_of_another_kind_are_told(tmp_path: Path) -> None:
    public = make_keys(tmp_path / "signing", KeyUse.SIGNING)
    (tmp_path / "text").write_text("what?")
    for path in (public, tmp_path / "text", tmp_path / "nothing"):
        with pytest.raises(ConfigError, match=path.name):
            load_recipient(path)
    for name in ("signing", "text", "nothing"):
        with pytest.raises(ConfigError, match=name):
            load_reader(tmp_path / name)
