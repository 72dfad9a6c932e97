"""The record's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Anchor, S3Store
from gateway.config_draft import Draft
from gateway.config_record import Record, anchor, record, s3_store


def _draft(kind: type, **values: object) -> Draft:
    return Draft(kind=kind, key="record", line=1, values=dict(values))


def _anchor(**values: object) -> Draft:
    return _draft(
        Anchor, **({"name": "vault", "directory": None, "url": None, "s3": None, "token_file": None} | values)
    )


def test_a_full_disk_denies_unless_something_else_is_said() -> None:
    assert Record(directory=Path("record")).on_full == "deny"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, ""),
        ({"directory": Path("a"), "url": "https://b"}, ""),
        ({"url": "http://elsewhere.example"}, "url"),
        ({"directory": Path("a"), "token_file": Path("t")}, "token_file"),
        ({"directory": Path("a"), "name": "Not So"}, "name"),
    ],
)
def test_an_anchor_is_one_place(values: dict, field: str) -> None:
    assert [name for name, _ in anchor(_anchor(**values))] == [field]


def test_good_anchors() -> None:
    assert not list(anchor(_anchor(directory=Path("a"))))
    assert not list(anchor(_anchor(url="https://store.example", token_file=Path("t"))))
    assert not list(s3_store(_draft(S3Store, endpoint="https://s3.example")))
    assert [name for name, _ in s3_store(_draft(S3Store, endpoint="ftp://s3.example"))] == ["endpoint"]


def test_anchors_keep_signed_heads_under_names_of_their_own() -> None:
    two = (_anchor(directory=Path("a")), _anchor(directory=Path("b")))
    found = [name for name, _ in record(_draft(Record, anchors=two, signing=None))]
    assert found == ["signing", "anchors"]
    assert not list(record(_draft(Record, anchors=two[:1], signing=_draft(Record))))
