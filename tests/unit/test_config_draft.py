"""Drafts: what could be read, and nothing else."""

from __future__ import annotations

import pytest

from gateway.config import Limits, TlsServer
from gateway.config_draft import Draft, build, is_loopback, split_address


def test_what_could_not_be_read_is_absent():
    draft = Draft(kind=Limits, key="limits", line=3, values={"sessions": 5})
    assert (draft.get("sessions"), draft.get("statements"), draft.sections("sessions")) == (5, None, ())


def test_a_draft_without_problems_becomes_its_section():
    inner = Draft(kind=TlsServer, key="tls", line=1, values={"certificate": "a", "key": "b"})
    outer = Draft(kind=dict, key="", line=1, values={"one": inner, "many": (inner, inner), "texts": ("a", "b")})
    one = TlsServer(certificate="a", key="b")  # type: ignore[arg-type]
    assert build(outer) == {"one": one, "many": (one, one), "texts": ("a", "b")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:5432", ("::1", 5432)),
        ("db.internal:65535", ("db.internal", 65535)),
    ],
)
def test_an_address_is_host_and_port(text, expected):
    assert split_address(text) == expected


@pytest.mark.parametrize("text", ["", ":", "a", ":1", "a:", "a:-1", "a:１", "[::1]", "[x]:1", "a:65536", "-a:1"])
def test_anything_else_is_no_address(text):
    with pytest.raises(ValueError, match=r".+"):
        split_address(text)


@pytest.mark.parametrize(
    ("host", "expected"), [("127.9.9.9", True), ("::1", True), ("LocalHost", True), ("10.0.0.1", False), ("a.b", False)]
)
def test_loopback(host: str, expected: bool):
    assert is_loopback(host) is expected
