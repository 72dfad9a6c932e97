"""Posts to a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.demo.settings import free_port
from gateway.links.sinks.post import Poster
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble
from tests.receivers import GOOD, receiving
from tests.servers import TestCa


def test_one_connection_for_many_and_another_when_it_was_closed() -> None:
    with receiving() as receiver:
        poster = Poster(receiver.url("/logs?x=1"), None, None, 5)
        for number in range(3):
            poster.post(b"%d" % number, {"X": "y"})
        assert [(headers["path"], headers["X"], body) for headers, body in receiver.posts] == [
            ("/logs?x=1", "y", b"0"),
            ("/logs?x=1", "y", b"1"),
            ("/logs?x=1", "y", b"2"),
        ]
        receiver.hangs_up = True
        for _ in range(3):
            poster.post(b"again", {})
        assert len(receiver.posts) == 6
        poster.close()


@pytest.mark.parametrize(
    ("status", "headers", "trouble", "after"),
    [
        (400, {}, Trouble.REFUSED, 0),
        (401, {}, Trouble.UNAUTHORISED, 0),
        (403, {}, Trouble.UNAUTHORISED, 0),
        (302, {"Location": "http://127.0.0.1:1/"}, Trouble.REFUSED, 0),
        (413, {}, Trouble.TOO_LARGE, 0),
        (429, {"Retry-After": "7"}, Trouble.THROTTLED, 7),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Trouble.THROTTLED, 0),
        (502, {}, Trouble.UNREACHABLE, 0),
        (504, {}, Trouble.TIMEOUT, 0),
    ],
)
def test_what_is_not_good(status: int, headers: dict[str, str], trouble: Trouble, after: float) -> None:
    with receiving() as receiver:
        receiver.answers = [(status, headers, b"because"), GOOD]
        poster = Poster(receiver.url("/"), None, None, 5)
        with pytest.raises(SinkError) as refused:
            poster.post(b"x", {})
        assert (refused.value.trouble, refused.value.after) == (trouble, after)
        assert refused.value.detail == f"{status}: because"
        poster.post(b"x", {})
        poster.close()


def test_slow_and_gone() -> None:
    with receiving() as receiver:
        receiver.slow.clear()
        poster = Poster(receiver.url("/"), None, None, 0.2)
        with pytest.raises(SinkError) as slow:
            poster.post(b"x", {})
        assert slow.value.trouble is Trouble.TIMEOUT
    with pytest.raises(SinkError) as gone:
        Poster(f"http://127.0.0.1:{free_port()}/", None, None, 5).post(b"x", {})
    assert gone.value.trouble is Trouble.UNREACHABLE


def test_tls_is_checked_and_the_token_read_each_time(tmp_path: Path, test_ca: TestCa) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    with receiving(test_ca.issue("localhost")) as receiver:
        poster = Poster(receiver.url("/"), test_ca.path, token, 5)
        poster.post(b"x", {})
        token.write_text("two\n")
        poster.post(b"x", {})
        assert [headers["Authorization"] for headers, _ in receiver.posts] == ["Bearer one", "Bearer two"]
        token.unlink()
        with pytest.raises(SinkError) as nothing:
            poster.post(b"x", {})
        assert nothing.value.trouble is Trouble.UNAUTHORISED
        poster.close()
        with pytest.raises(SinkError) as unknown:
            Poster(receiver.url("/"), None, None, 5).post(b"x", {})
        assert unknown.value.trouble is Trouble.UNREACHABLE
        assert len(receiver.posts) == 2
