"""Bundles from a web server: taken when they are good, refused as a whole when not; the last good one outlives the
server, and its age is known."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import BundleSource
from gateway.errors import ConfigError
from gateway.links.bundles import BundleKeeper
from gateway.policy.archive import Archive, pack
from gateway.policy.bundle import load_bundle
from gateway.policy.signature import SigningKey
from tests.packs import packs
from tests.unit.links.key_servers import KeyServer, key_server
from tests.unit.policy.keys import OTHER, PRIVATE, PUBLIC

PACKS = packs()
SIGNED = SigningKey(pem=PRIVATE)


def made(blocks: str = "[]", key: SigningKey | None = SIGNED, number: int | None = None) -> bytes:
    files = {"blocks.yaml": f"blocks: {blocks}\n...\n".encode()}
    return pack(PACKS, files, f"{PACKS.revision}+1", key, number=number)


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server(made()) as one:
        one.etag = '"1"'
        yield one


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_text(PUBLIC)
    return path


def looked_at(folder: Path, archive: Archive) -> None:
    """What the gateway would look at, as far as this test is concerned."""
    assert load_bundle(folder / "policy").revision == PACKS.revision
    assert archive.revision.startswith(PACKS.revision)
    if b"no registry" in (folder / "registry/blocks.yaml").read_bytes():
        raise ConfigError(["blocks.yaml:1: is none"])


class Setting:
    """A folder for bundles of one server."""

    def __init__(self, folder: Path, server: KeyServer, key: Path | None, **more: Any) -> None:
        self.folder = folder
        self.settings = BundleSource(url=server.url, directory=folder, key=key, **{"poll_ms": 50, "wait": 0, **more})

    def run(self, use: Callable[[BundleKeeper], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            keeper = BundleKeeper(self.settings, looked_at)
            try:
                return await use(keeper)
            finally:
                keeper.close()

        return asyncio.run(work())

    @property
    def blocks(self) -> str:
        return (self.folder / "current/registry/blocks.yaml").read_text()


@pytest.fixture
def setting(tmp_path: Path, server: KeyServer, key: Path) -> Setting:
    return Setting(tmp_path / "bundles", server, key)


def test_what_is_fetched_is_in_force_and_confirmed(setting: Setting) -> None:
    async def use(keeper: BundleKeeper) -> float:
        await keeper.begin()
        return keeper.changed_at

    assert setting.run(use) > 0
    assert load_bundle(setting.folder / "current/policy").revision == PACKS.revision
    assert setting.blocks == "blocks: []\n...\n"


def test_what_has_not_changed_is_not_sent_again_and_is_confirmed_again(setting: Setting, server: KeyServer) -> None:
    async def use(keeper: BundleKeeper) -> tuple[bool, float]:
        await keeper.begin()
        os.utime(setting.folder / "confirmed", (1, 1))
        return await keeper.look(), keeper.changed_at

    new, confirmed = setting.run(use)
    assert not new
    assert confirmed > 1
    assert "If-None-Match" not in server.asked[0]
    assert server.asked[1]["If-None-Match"] == '"1"'


def test_a_newer_one_takes_its_place_in_one_step_and_the_former_goes_later(setting: Setting, server: KeyServer) -> None:
    async def use(keeper: BundleKeeper) -> list[int]:
        await keeper.begin()
        kept = []
        for number in range(2, 5):
            server.document, server.etag = made(f"[{number}]"), f'"{number}"'
            assert await keeper.look()
            assert setting.blocks == f"blocks: [{number}]\n...\n"
            kept.append(len(list((setting.folder / "versions").iterdir())))
        return kept

    assert setting.run(use) == [2, 2, 2]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"<html>", "the bundle is no .tar.gz (BadGzipFile)"),
        (made("[2]", key=None), ".signatures.json: missing, and a bundle must be signed here"),
        (made("no registry"), "blocks.yaml:1: is none"),
    ],
)
def test_a_bad_one_is_refused_and_told_and_the_former_stays_unconfirmed(
    setting: Setting, server: KeyServer, document: bytes, problem: str
) -> None:
    async def use(keeper: BundleKeeper) -> None:
        await keeper.begin()
        server.document, server.etag = document, '"bad"'
        os.utime(setting.folder / "confirmed", (1, 1))
        for _ in range(2):
            assert not await keeper.look()
            assert keeper.refusal is not None
            assert keeper.refusal.problems == (problem,)
            assert keeper.changed_at == 1
        assert server.asked[-1]["If-None-Match"] == '"bad"', "it is not sent again and again"
        assert setting.blocks == "blocks: []\n...\n"
        assert len(list((setting.folder / "versions").iterdir())) == 1
        server.document, server.etag = made(), '"1"'
        await keeper.look()
        assert keeper.refusal is None
        assert keeper.changed_at > 1

    setting.run(use)


def test_one_that_was_good_once_is_not_taken_back(setting: Setting, server: KeyServer) -> None:
    async def offered(keeper: BundleKeeper, blocks: str, number: int | None) -> bool:
        server.document, server.etag = made(blocks, number=number), f'"{blocks}{number}"'
        return await keeper.look()

    async def use(keeper: BundleKeeper) -> None:
        await keeper.begin()
        assert await offered(keeper, "[7]", 7)
        assert not await offered(keeper, "[]", 6)
        assert keeper.refusal is not None
        assert keeper.refusal.problems == (
            "the bundle is number 6, and number 7 is in force: an older one is not taken back",
        )
        assert not await offered(keeper, "[]", None)
        assert keeper.refusal.problems[0].startswith("the bundle has no number, and number 7 is in force")
        assert await offered(keeper, "[77]", 7)
        assert keeper.refusal is None

    async def again(keeper: BundleKeeper) -> None:
        """After a restart, too; and where configuration says so, it is taken."""
        await keeper.begin()
        assert not await offered(keeper, "[]", 6)
        assert setting.blocks == "blocks: [77]\n...\n"

    async def allowed(keeper: BundleKeeper) -> None:
        await keeper.begin()
        assert setting.blocks == "blocks: []\n...\n"

    setting.run(use)
    setting.run(again)
    setting.settings = replace(setting.settings, accept_older=True)
    setting.run(allowed)


def test_a_start_without_the_server_has_what_was_good_last_and_knows_its_age(
    setting: Setting, server: KeyServer
) -> None:
    async def first(keeper: BundleKeeper) -> None:
        await keeper.begin()

    async def again(keeper: BundleKeeper) -> float:
        os.utime(setting.folder / "confirmed", (1000, 1000))
        await keeper.begin()
        return keeper.changed_at

    setting.run(first)
    server.status, server.etag = 503, None
    assert setting.run(again) == 1000
    assert setting.blocks == "blocks: []\n...\n"


@pytest.mark.parametrize(
    ("document", "status", "problem"),
    [(made(), 404, "none could be fetched"), (b"<html>", 200, "no .tar.gz")],
)
def test_a_start_with_nothing_is_none(
    setting: Setting, server: KeyServer, document: bytes, status: int, problem: str
) -> None:
    server.document, server.status = document, status

    async def use(keeper: BundleKeeper) -> None:
        with pytest.raises(ConfigError, match=problem):
            await keeper.begin()

    setting.run(use)


def test_a_key_of_somebody_else_and_a_token(tmp_path: Path, server: KeyServer) -> None:
    other, token = tmp_path / "other.pem", tmp_path / "token"
    other.write_text(OTHER)
    token.write_text("t0ken\n")

    async def use(keeper: BundleKeeper) -> None:
        with pytest.raises(ConfigError, match="not the configured key's"):
            await keeper.begin()

    Setting(tmp_path / "bundles", server, other, token_file=token).run(use)
    assert server.asked[0]["Authorization"] == "Bearer t0ken"


def test_unsigned_ones_where_that_is_said(tmp_path: Path, server: KeyServer) -> None:
    server.document = made(key=None)
    setting = Setting(tmp_path / "bundles", server, None, accept_unsigned=True)

    async def use(keeper: BundleKeeper) -> None:
        await keeper.begin()

    setting.run(use)
    assert setting.blocks == "blocks: []\n...\n"


def test_a_server_that_can_is_asked_to_wait(tmp_path: Path, server: KeyServer, key: Path) -> None:
    server.headers = {"Content-Type": "application/vnd.openpolicyagent.bundles"}

    async def use(keeper: BundleKeeper) -> list[float]:
        await keeper.begin()
        pauses = [keeper._pause()]
        await keeper.look()
        return [*pauses, keeper._pause()]

    assert Setting(tmp_path / "bundles", server, key, wait=7, poll_ms=2000).run(use) == [2.0, 0.05]
    assert [asked.get("Prefer") for asked in server.asked] == [None, "modes=snapshot;wait=7"]


def test_a_server_that_fails_is_asked_ever_more_rarely(setting: Setting, server: KeyServer) -> None:
    async def use(keeper: BundleKeeper) -> list[float]:
        await keeper.begin()
        server.status, server.etag = 500, None
        pauses = []
        for _ in range(12):
            await keeper.look()
            pauses.append(keeper._pause())
        server.status = 200
        await keeper.look()
        return [pauses[0], pauses[-1], keeper._pause()]

    assert setting.run(use) == [0.1, 30.0, 0.05]


def test_of_several_workers_one_fetches(setting: Setting, server: KeyServer) -> None:
    async def use(keeper: BundleKeeper) -> tuple[bool, int]:
        other = BundleKeeper(setting.settings, looked_at)
        await asyncio.gather(keeper.begin(), other.begin())
        asked = len(server.asked)
        await other.look()
        more = len(server.asked) - asked
        keeper.close()
        await other.look()
        taken_over = len(server.asked) - asked - more == 1
        other.close()
        return taken_over, asked + more

    assert setting.run(use) == (True, 1)


def test_a_server_that_hangs_does_not_keep_the_loop_waiting(setting: Setting, server: KeyServer) -> None:
    async def use(keeper: BundleKeeper) -> bool:
        await keeper.begin()
        server.hang = threading.Event()
        looking = asyncio.ensure_future(keeper.look())  # noqa: TID251 - held by this very function
        await asyncio.sleep(0.05)
        waits = not looking.done()
        server.hang.set()
        await looking
        return waits

    assert setting.run(use)


def test_a_crash_in_the_middle_leaves_nothing_that_counts(setting: Setting) -> None:
    async def use(keeper: BundleKeeper) -> None:
        await keeper.begin()

    (setting.folder / "versions/0123/policy").mkdir(parents=True)
    (setting.folder / "next").symlink_to("versions/0123")
    (setting.folder / "about.json").write_text('{"name": "0123", "etag": "x", "url": "y"}')
    setting.run(use)
    assert setting.blocks == "blocks: []\n...\n"
    assert len(list((setting.folder / "versions").iterdir())) == 1
