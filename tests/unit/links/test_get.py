"""One GET: its bounds, and what goes along; test_jwks_fetch.py shows what is refused for good."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.links.get import FetchError, Got, get
from tests.unit.links.key_servers import KeyServer, key_server


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server(b"bytes of any kind") as one:
        one.etag = '"1"'
        yield one


def got(server: KeyServer, *, etag: str | None = None, most: int = 1 << 20) -> Got:
    return get(server.url, ca=None, etag=etag, headers={"Prefer": "wait=1"}, within=10, most=most, what="thing")


def test_an_answer_and_what_was_asked(server: KeyServer) -> None:
    found = got(server)
    assert (found.body, found.etag) == (b"bytes of any kind", '"1"')
    assert server.asked[0]["Prefer"] == "wait=1"
    assert server.asked[0]["User-Agent"] == "sekisho"
    assert "If-None-Match" not in server.asked[0]


def test_what_has_not_changed_has_no_body(server: KeyServer) -> None:
    found = got(server, etag='"1"')
    assert (found.body, found.etag) == (None, '"1"')


def test_more_than_there_may_be_is_named(server: KeyServer) -> None:
    server.document = bytes(3 << 20)
    with pytest.raises(FetchError, match="the thing is larger than 1 MiB"):
        got(server)


@pytest.mark.parametrize("etag", ["x" * 2000, '"\x01"'])
def test_a_tag_beyond_measure_is_none(server: KeyServer, etag: str) -> None:
    server.etag = etag
    assert got(server).etag is None
