"""A sink that does as it is told, a shipper in its thread, and waiting for what it does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.audit.follow import Line
from gateway.config_sinks import HttpSink, Sink
from gateway.links.shipper import News, Shipper
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


async def comes_to(condition: Callable[[], Any], seconds: float = 60) -> None:
    """The same on a loop: what is waited for happens in another process, or thread."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Told:
    """A ``Sink`` that keeps what it gets; ``fails`` is asked before, and may raise."""

    def __init__(self, fails: Callable[[Sequence[Line]], None] = lambda lines: None) -> None:
        self.fails = fails
        self.lines: list[Line] = []
        self.batches: list[int] = []
        self.closed = False

    def send(self, lines: Sequence[Line]) -> None:
        self.fails(lines)
        self.lines += lines
        self.batches.append(len(lines))

    def close(self) -> None:
        self.closed = True

    def seqs(self, writer: str) -> list[int]:
        return [line.seq for line in self.lines if line.writer == writer]


def refuse(trouble: Trouble, after: float = 0.0) -> Callable[[Sequence[Line]], None]:
    def fails(lines: Sequence[Line]) -> None:
        raise SinkError(trouble, "as told", after)

    return fails


class Watched:
    """A shipper and what it tells."""

    def __init__(self, directory: Path, sink: Any, *, remote: bool = False, **settings: Any) -> None:
        self.news: list[News] = []
        self.reached: list[dict[str, int]] = []
        self.shipper = Shipper(
            directory,
            Sink(name="log", http=HttpSink(url="http://127.0.0.1/"), **settings),
            sink,
            remote=remote,
            told=self.news.append,
            reached=lambda reached: self.reached.append(dict(reached)),
        )

    @property
    def entries(self) -> int:
        return sum(news.entries for news in self.news)

    @property
    def troubles(self) -> Counter[Trouble]:
        return sum((Counter(news.troubles) for news in self.news), Counter[Trouble]())

    @contextmanager
    def running(self, within: float = 5.0) -> Iterator[Watched]:
        thread = threading.Thread(target=self.shipper.run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shipper.stop(within)
            thread.join(30)
            assert not thread.is_alive()
