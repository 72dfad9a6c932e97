"""Heads reach their anchors once each, later where they cannot now; what was rewritten here is found by them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.audit.heads import SignedHead, append_head, heads_path, read_heads
from gateway.audit.segments import FileCalls
from gateway.audit.verify import verify
from gateway.errors import ConfigError
from gateway.links.anchors import AnchorKeeper, anchored_everywhere, find_anchored, named_anchor, view
from gateway.links.stores import AnchorError, FolderStore, HttpStore
from gateway.metrics import Metrics
from tests.unit.audit.chains import WRITER, sample_lines
from tests.unit.audit.signing import heads_of, keys, lay_signed, rewritten, signer
from tests.unit.links.test_stores import Shelf


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.close()


class Memory:
    """A store, and how often it was asked."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines, self.asked = lines, 0

    def put(self, writer: str, number: int, line: bytes) -> None:
        raise AssertionError

    def get(self, writer: str, number: int) -> bytes | None:
        self.asked += 1
        return self.lines[number] if number < len(self.lines) else None


def _metrics() -> tuple[Metrics, CollectorRegistry]:
    registry = CollectorRegistry()
    metrics = Metrics(registry, rules={}, datasources=[], incomplete_codes=[], version="0", anchors=["vault"])
    return metrics, registry


def test_heads_reach_a_store_in_their_order_and_once(tmp_path: Path, shelf: Shelf) -> None:
    directory = lay_signed(tmp_path)
    metrics, registry = _metrics()
    store = HttpStore(shelf.url, None, "sesame")
    keeper = AnchorKeeper(directory, "vault", store, lambda _: True, metrics.record)
    count = len(heads_of(sample_lines()))
    shelf.failing = 503
    assert not keeper.push()
    assert not keeper.push()
    assert keeper.lag() > 0
    assert registry.get_sample_value("sekisho_record_anchor_lag_seconds", {"anchor": "vault"}) == pytest.approx(
        keeper.lag(), abs=1
    )
    assert registry.get_sample_value("sekisho_record_anchor_failures_total", {"anchor": "vault"}) == 2
    assert anchored_everywhere(directory, ["vault"], WRITER) == -1
    shelf.failing = 0
    assert keeper.push()
    assert keeper.lag() == 0
    assert len(shelf.kept) == count
    last = heads_of(sample_lines())[-1].last_seq
    assert anchored_everywhere(directory, ["vault"], WRITER) == last
    assert anchored_everywhere(directory, ["vault", "other"], WRITER) == -1
    shelf.kept.clear()
    again = AnchorKeeper(directory, "vault", store, lambda _: True, None)
    assert again.push()
    assert shelf.kept == {}, "the position is kept"


def test_other_processes_writers_are_theirs(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path / "record")
    keeper = AnchorKeeper(directory, "vault", FolderStore(tmp_path / "vault"), lambda writer: writer != WRITER, None)
    assert keeper.push()
    assert not (tmp_path / "vault").exists()


def test_another_records_heads_are_not_written_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, lines in (("a", sample_lines()), ("b", rewritten(sample_lines(), 3))):
        directory = lay_signed(tmp_path / name, lines, heads_of(lines))
        keeper = AnchorKeeper(directory, "vault", FolderStore(tmp_path / "vault"), lambda _: True, None)
        assert keeper.push() == (name == "a")
        assert keeper.push() == (name == "a")
    assert [one.message for one in caplog.records] == ["anchor_failed"]


def test_it_runs_and_ends(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path / "record", heads=[])
    keeper = AnchorKeeper(directory, "vault", FolderStore(tmp_path / "vault"), lambda _: True, None)

    async def work() -> None:
        running = asyncio.get_running_loop().create_task(keeper.run())
        head = heads_of(sample_lines())[0]
        append_head(directory, WRITER, signer().line(head), FileCalls())
        while not (tmp_path / "vault").exists():  # noqa: ASYNC110 - another thread makes it
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await keeper.finish()

    asyncio.run(work())


def _signed(lines: list[list[bytes]], tmp_path: Path, name: str) -> list[SignedHead]:
    return read_heads(lay_signed(tmp_path / name, lines, heads_of(lines)), WRITER)[0]


def test_the_first_head_that_differs_is_found_with_few_questions(tmp_path: Path) -> None:
    honest = _signed(sample_lines(), tmp_path, "honest")
    store = Memory([one.raw for one in honest])
    assert [one.head.number for one in find_anchored(store, WRITER, honest)] == [len(honest) - 1]
    lines = rewritten(sample_lines(), 20)
    forged = _signed(lines, tmp_path, "forged")
    first = next(one.head.number for one, other in zip(honest, forged, strict=True) if one.raw != other.raw)
    found = [one.head.number for one in find_anchored(store, WRITER, forged)]
    assert found[0] == len(honest) - 1
    assert set(found) == {first - 1, first, len(honest) - 1}
    for beside in (forged[:1], []):
        assert next(iter(find_anchored(store, WRITER, beside))).head.number == len(honest) - 1
    many = Memory([honest[0].raw] * 5000)
    assert next(iter(find_anchored(many, WRITER, []))).raw == honest[0].raw
    assert many.asked < 40
    assert list(find_anchored(Memory([]), WRITER, honest)) == []
    with pytest.raises(AnchorError):
        list(find_anchored(Memory([b"what?"]), WRITER, honest))


def test_a_record_cut_or_rewritten_with_its_heads_is_found(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path / "record")
    anchor = named_anchor(str(tmp_path / "vault"))
    assert AnchorKeeper(directory, "vault", FolderStore(tmp_path / "vault"), lambda _: True, None).push()
    assert verify(directory, keys=keys(), anchored={"vault": view(anchor, directory)}).ok
    lines = sample_lines()[:-1]
    heads_path(directory, WRITER).unlink()
    for path in directory.glob("*.jsonl"):
        path.unlink()
    lay_signed(directory, lines, heads_of(lines))
    assert verify(directory, keys=keys()).ok, "cut, with its heads"
    report = verify(directory, keys=keys(), anchored={"vault": view(anchor, directory)})
    assert "anchor vault" in str(report.bad)


def test_anchors_of_a_command() -> None:
    assert named_anchor("https://store.example/heads").url == "https://store.example/heads"
    with pytest.raises(ConfigError):
        named_anchor("http://store.example/heads")
