"""A process of our own: it gets its task and its end of the line; one that ends at once is no error of whoever started
it."""

from __future__ import annotations

import asyncio
import os

from gateway.links import offspring

ECHO = (
    "import pickle, socket, sys; end = socket.socket(fileno=int(sys.argv[1])); "
    "end.sendall(repr(pickle.load(sys.stdin.buffer)).encode())"
)


def test_it_has_its_task_and_its_end_of_the_line() -> None:
    async def use() -> tuple[bytes, int, bool]:
        process, ours = await offspring.start(ECHO)
        with ours:
            await offspring.hand_over(process, {"be": 7})
            reader, writer = await asyncio.open_connection(sock=ours)
            said = await reader.read()
            own_session = os.getsid(0) != process.pid
            writer.close()
            return said, await process.wait(), own_session

    assert asyncio.run(use()) == (b"{'be': 7}", 0, True)


def test_one_that_ended_at_once_is_handed_nothing_and_tells_how_it_ended() -> None:
    async def use() -> int:
        process, ours = await offspring.start("import sys; sys.exit(3)")
        with ours:
            await process.wait()
            await offspring.hand_over(process, b"x" * 1_000_000)
            return await process.wait()

    assert asyncio.run(use()) == 3
