"""Keys that change while the gateway runs: files, addresses, and issuers that are down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Issuer
from gateway.errors import AuthenticationError, Reason
from gateway.facts.identity import TokenVerifier
from gateway.facts.keys import Keys
from gateway.links import key_keeper
from gateway.links.jwks import load_key_sets
from gateway.links.key_keeper import KeyKeeper, RemoteKeys, key_files_seen
from gateway.links.tasks import TaskGroup
from tests.unit.facts.tokens import AT, AUDIENCE, ISSUER, jwk, token
from tests.unit.links.key_servers import KeyServer, key_server


class Counts:
    """What was counted."""

    def __init__(self) -> None:
        self.known: dict[str, bool] = {}
        self.fetches: list[bool] = []

    def issuer_keys(self, issuer: str, *, known: bool) -> None:
        self.known[issuer] = known

    def keys_fetched(self, issuer: str, *, ok: bool) -> None:
        self.fetches.append(ok)


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server({"keys": [jwk("p256")]}) as one:
        yield one


def remote_issuer(server: KeyServer, **changes: Any) -> Issuer:
    limits = {"jwks_min_interval": 1, "jwks_refresh": 60, "jwks_max_age": 3600, **changes}
    return Issuer(issuer=ISSUER, audience=AUDIENCE, jwks_url=server.url, **limits)


def keeper(*issuers: Issuer, counts: Counts) -> KeyKeeper:
    seen = key_files_seen(issuers)
    return KeyKeeper(issuers, TokenVerifier(issuers, load_key_sets(issuers)), metrics=counts, seen=seen)


def reason(keys: KeyKeeper, key: str = "p256") -> Reason:
    try:
        keys.verify(token(key), at=AT)
    except AuthenticationError as error:
        return error.reason
    return Reason.ALLOWED


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it happens elsewhere and tells nobody
            await asyncio.sleep(0.01)


def run(work: Callable[[TaskGroup], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        tasks = TaskGroup()
        try:
            await work(tasks)
        finally:
            await tasks.cancel()

    asyncio.run(whole())


def test_keys_are_there_when_the_start_is_over(server: KeyServer):
    async def work(tasks: TaskGroup) -> None:
        counts = Counts()
        keys = keeper(remote_issuer(server), counts=counts)
        assert reason(keys) is Reason.ISSUER_KEYS_UNAVAILABLE
        assert counts.known == {ISSUER: False}
        await keys.start(tasks)
        assert reason(keys) is Reason.ALLOWED
        assert (counts.known, counts.fetches, keys.troubles()) == ({ISSUER: True}, [True], [])
        keys.close()

    run(work)


def test_an_issuer_that_is_down_at_the_start_is_noted_and_tried_again(server: KeyServer):
    async def work(tasks: TaskGroup) -> None:
        counts, server.status = Counts(), 503
        keys = keeper(remote_issuer(server), counts=counts)
        await keys.start(tasks)
        assert reason(keys) is Reason.ISSUER_KEYS_UNAVAILABLE
        assert keys.troubles() == [
            f"issuer {ISSUER}: its keys could not be fetched: {server.url}: answered 503; its tokens are refused"
        ]
        server.status = 200
        await until(lambda: reason(keys) is Reason.ALLOWED)
        assert (counts.fetches[0], counts.fetches[-1], counts.known, keys.troubles()) == (
            False,
            True,
            {ISSUER: True},
            [],
        )
        keys.close()

    run(work)


def test_a_hanging_issuer_does_not_hold_up_the_start(server: KeyServer, monkeypatch: pytest.MonkeyPatch):
    import threading

    monkeypatch.setattr(key_keeper, "_FIRST_WAIT", 0.1)
    server.hang = threading.Event()

    async def work(tasks: TaskGroup) -> None:
        keys = keeper(remote_issuer(server), counts=Counts())
        await keys.start(tasks)
        assert reason(keys) is Reason.ISSUER_KEYS_UNAVAILABLE
        assert keys.troubles() == [f"issuer {ISSUER}: its keys have not been fetched yet"]
        assert server.hang is not None
        server.hang.set()
        await until(lambda: reason(keys) is Reason.ALLOWED)
        keys.close()

    run(work)


def test_a_removed_key_stops_working_and_an_added_one_works(server: KeyServer):
    async def work(tasks: TaskGroup) -> None:
        keys = keeper(remote_issuer(server, jwks_refresh=1), counts=Counts())
        await keys.start(tasks)
        server.document = {"keys": [jwk("p256-other")]}
        await until(lambda: reason(keys) is Reason.TOKEN_KEY_UNKNOWN, seconds=4)
        assert reason(keys, "p256-other") is Reason.ALLOWED
        keys.close()

    run(work)


def test_an_unknown_key_asks_for_an_early_look_but_nobody_can_hurry_us(server: KeyServer):
    async def work(tasks: TaskGroup) -> None:
        keys = keeper(remote_issuer(server), counts=Counts())
        await keys.start(tasks)
        server.document = {"keys": [jwk("p256"), jwk("p256-other")]}
        loop = asyncio.get_running_loop()
        began = loop.time()
        while reason(keys, "p256-other") is Reason.TOKEN_KEY_UNKNOWN:  # noqa: ASYNC110 - each asks for it again
            await asyncio.sleep(0.005)
        took = loop.time() - began
        assert took < 10, "far less than jwks_refresh"
        assert len(server.asked) <= 1 + took / 1 + 1, "at most one look a second, the least interval"
        keys.close()

    run(work)


@pytest.mark.parametrize(
    "document",
    [
        {"keys": []},
        {"keys": [jwk("rsa-small", alg="RS256")]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [jwk("p256"), jwk("p256")]},
        b"nonsense",
    ],
)
def test_a_document_that_is_not_as_it_should_be_changes_nothing(server: KeyServer, document: Any):
    async def work(_: TaskGroup) -> None:
        counts = Counts()
        swapped: list[Keys | None] = []
        remote = RemoteKeys(remote_issuer(server), server.url, swap=swapped.append, metrics=counts)
        assert await remote.look()
        server.document = document
        assert not await remote.look()
        assert (len(swapped), counts.fetches, counts.known) == (1, [True, False], {ISSUER: True})
        assert remote.trouble.startswith("its keys could not be fetched: ")
        assert "refused" not in remote.trouble, "the keys known last are good for a while"
        remote.close()

    run(work)


def test_keys_that_are_too_old_are_used_no_longer(server: KeyServer, caplog: pytest.LogCaptureFixture):
    now = [1000.0]

    async def work(_: TaskGroup) -> None:
        counts = Counts()
        swapped: list[Keys | None] = []
        issuer = remote_issuer(server, jwks_max_age=100)
        remote = RemoteKeys(issuer, server.url, swap=swapped.append, metrics=counts, clock=lambda: now[0])
        server.etag = '"v1"'
        assert await remote.look()
        server.etag, server.status = None, 500
        now[0] += 99
        assert not await remote.look()
        assert (len(swapped), counts.known) == (1, {ISSUER: True})
        assert remote._wait() <= 1, "the moment they grow too old is looked at"
        now[0] += 1
        assert not await remote.look()
        assert (swapped[1:], counts.known) == ([None], {ISSUER: False})
        assert remote.trouble.endswith("; its tokens are refused")
        assert "keys_too_old" in caplog.text
        assert not await remote.look()
        assert len(swapped) == 2
        server.etag, server.status = '"v1"', 200
        assert await remote.look(), "asked for whole, although it has not changed"
        assert (swapped[2] is not None, counts.known, remote.trouble) == (True, {ISSUER: True}, "")
        remote.close()

    run(work)


def test_what_has_not_changed_is_confirmed(server: KeyServer):
    async def work(_: TaskGroup) -> None:
        counts = Counts()
        swapped: list[Keys | None] = []
        remote = RemoteKeys(remote_issuer(server), server.url, swap=swapped.append, metrics=counts)
        server.etag = '"v1"'
        assert [await remote.look() for _ in range(3)] == [True] * 3
        assert (len(swapped), counts.fetches) == (1, [True] * 3)
        assert "If-None-Match" not in server.asked[0]
        assert server.asked[2]["If-None-Match"] == '"v1"'
        remote.close()

    run(work)


@pytest.mark.parametrize(
    ("control", "expected"), [("max-age=30", 30), ("max-age=86400", 60), ("max-age=0", 1), ("no-store", 1), ("", 60)]
)
def test_the_issuer_may_say_how_long_within_bounds(server: KeyServer, control: str, expected: float):
    async def work(_: TaskGroup) -> None:
        server.headers = {"Cache-Control": control}
        remote = RemoteKeys(remote_issuer(server), server.url, swap=lambda _: None, metrics=Counts())
        assert await remote.look()
        assert remote._wait() == expected
        remote.close()

    run(work)


def test_failures_are_tried_again_less_and_less_often(server: KeyServer):
    async def work(_: TaskGroup) -> None:
        server.status = 500
        remote = RemoteKeys(remote_issuer(server), server.url, swap=lambda _: None, metrics=Counts())
        waits = []
        for _number in range(8):
            await remote.look()
            waits.append(remote._wait())
        assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
        remote.close()

    run(work)


def test_a_key_file_that_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk("p256")]}))
    issuer = Issuer(issuer=ISSUER, audience=AUDIENCE, keys=path)

    async def work(tasks: TaskGroup) -> None:
        counts = Counts()
        keys = keeper(issuer, counts=counts)
        await keys.start(tasks)
        assert counts.known == {ISSUER: True}
        assert reason(keys) is Reason.ALLOWED
        path.write_text(json.dumps({"keys": [jwk("p256-other")]}))
        await until(lambda: reason(keys, "p256-other") is Reason.ALLOWED)
        assert reason(keys) is Reason.TOKEN_KEY_UNKNOWN
        path.write_text("half of a file")
        await until(lambda: caplog.text.count("reload_refused") == 1)
        assert reason(keys, "p256-other") is Reason.ALLOWED, "what cannot be read changes nothing"
        path.unlink()
        await until(lambda: caplog.text.count("reload_refused") == 2)
        assert reason(keys, "p256-other") is Reason.ALLOWED
        keys.close()

    run(work)


def test_a_token_that_was_good_is_good_by_the_same_keys_for_as_long_as_it_lives(tmp_path: Path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk("p256")]}))
    issuer = Issuer(issuer=ISSUER, audience=AUDIENCE, keys=path)

    async def work(tasks: TaskGroup) -> None:
        keys = keeper(issuer, counts=Counts())
        shown = token()
        first = keys.verify(shown, at=AT)
        assert keys.verify(shown, at=AT + 60) is first
        with pytest.raises(AuthenticationError) as refused:
            keys.verify(shown, at=AT + 7200)
        assert refused.value.reason is Reason.TOKEN_EXPIRED
        with pytest.raises(AuthenticationError) as refused:
            keys.verify(shown, at=AT - 3600)
        assert refused.value.reason is Reason.TOKEN_NOT_YET_VALID
        keys._swapping(ISSUER)(None)
        with pytest.raises(AuthenticationError) as refused:
            keys.verify(shown, at=AT + 60)
        assert refused.value.reason is Reason.ISSUER_KEYS_UNAVAILABLE
        keys.close()

    run(work)


def test_only_so_many_tokens_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk("p256")]}))
    monkeypatch.setattr(key_keeper, "_MOST_KNOWN", 2)

    async def work(tasks: TaskGroup) -> None:
        keys = keeper(Issuer(issuer=ISSUER, audience=AUDIENCE, keys=path), counts=Counts())
        for number in range(5):
            keys.verify(token(jti=str(number)), at=AT)
            assert len(keys._known) <= 2
        keys.verify(token(groups=["x" * 250] * 20), at=AT)
        assert all(len(one) < 4096 for one in keys._known)
        keys.close()

    run(work)
