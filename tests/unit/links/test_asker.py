"""An answer belongs to the question that was asked: whatever else arrives closes the connection."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest

from gateway.errors import Reason, UpstreamError
from gateway.links.asker import AnswerTooLarge, Asker, ServerRefused
from gateway.pgwire.messages import encode_query
from tests.unit.links.peers import READY, connected, error, message, request, row

LIMIT = 1000


def run(tmp_path, script, use: Callable[[Asker], Awaitable[object]]):
    async def work():
        async with connected(tmp_path, script) as connection:
            return await use(Asker(connection, answer_limit=LIMIT))

    return asyncio.run(work())


def answering(*answers: bytes):
    """A server that answers each question with the next of these."""

    async def script(reader, writer):
        for answer in answers:
            await request(reader)
            writer.write(answer)
        await reader.read()

    return script


def ask(asker: Asker, seconds: float = 5.0):
    return asker.exchange(encode_query(b"SELECT 1"), seconds)


def test_rows_are_text_and_null(tmp_path):
    script = answering(message(b"T", b"\0\0") + row("a", None, "") + row("é", "b", "c") + message(b"C") + READY)

    rows = run(tmp_path, script, lambda asker: asker.rows("SELECT", 5.0))

    assert rows == [("a", None, ""), ("é", "b", "c")]


def test_an_answer_may_come_in_any_pieces(tmp_path):
    whole = row("a") + message(b"C") + READY

    async def script(reader, writer):
        await request(reader)
        for byte in whole:
            writer.write(bytes([byte]))
            await writer.drain()
        await reader.read()

    assert run(tmp_path, script, lambda asker: asker.rows("SELECT", 5.0)) == [("a",)]


def test_the_servers_error_is_told_and_the_next_question_has_its_own_answer(tmp_path):
    async def use(asker):
        with pytest.raises(ServerRefused) as caught:
            await asker.rows("SELECT", 5.0)
        return caught.value.fields["C"], str(caught.value), await asker.rows("SELECT", 5.0)

    script = answering(error("42501", "no") + READY, row("mine") + READY)

    assert run(tmp_path, script, use) == ("42501", "42501: no", [("mine",)])


def test_no_answer_in_time_closes(tmp_path):
    async def use(asker):
        with pytest.raises(UpstreamError) as caught:
            await ask(asker, 0.02)
        assert asker.closed
        with pytest.raises(UpstreamError) as after:
            await ask(asker)
        return caught.value.reason, after.value.reason

    assert run(tmp_path, answering(), use) == (Reason.TWIN_TIMEOUT, Reason.TWIN_UNAVAILABLE)


def test_a_question_given_up_closes(tmp_path):
    async def use(asker):
        task = asyncio.get_running_loop().create_task(ask(asker))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asker.closed

    assert run(tmp_path, answering(), use)


@pytest.mark.parametrize(
    "unasked",
    [READY, row("x"), message(b"1"), error("57P01", "terminating connection"), message(b"Z", b"T")],
    ids=["ready", "row", "parsed", "error", "ready in a transaction"],
)
def test_what_nobody_asked_for_closes(tmp_path, unasked):
    """A second ReadyForQuery would be taken for the answer to the next question."""

    async def use(asker):
        assert await ask(asker)
        lost = asyncio.Event()
        asker.connection_lost, was = lambda: (was(), lost.set()), asker.connection_lost
        if not asker.closed:
            await asyncio.wait_for(lost.wait(), 5)
        with pytest.raises(UpstreamError) as caught:
            await ask(asker)
        return caught.value.reason

    assert run(tmp_path, answering(READY + unasked, row("never") + READY), use) is Reason.TWIN_UNAVAILABLE


def test_notices_and_changed_settings_may_come_at_any_time(tmp_path):
    unasked = message(b"S", b"TimeZone\0UTC\0") + message(b"N", b"\0") + message(b"A", b"\0\0\0\1c\0p\0")

    async def use(asker):
        first = await ask(asker)
        return first, await ask(asker)

    first, second = run(tmp_path, answering(READY + unasked, unasked + row("a") + READY), use)

    assert first == [(ord("Z"), b"I")]
    assert [kind for kind, _ in second][-2:] == [ord("D"), ord("Z")]


@pytest.mark.parametrize("length", [0, 3, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_cannot_be_closes(tmp_path, length):
    async def use(asker):
        with pytest.raises(UpstreamError) as caught:
            await ask(asker)
        return caught.value.reason, asker.closed

    script = answering(b"D" + struct.pack("!I", length))

    assert run(tmp_path, script, use) == (Reason.TWIN_UNAVAILABLE, True)


@pytest.mark.parametrize(
    "answer",
    [
        message(b"N", b"x" * (LIMIT + 1)) + READY,
        message(b"N", b"x" * 5000)[:100],
        row("x" * 90) * 20 + READY,
    ],
    ids=["one long message", "the beginning of one", "many short ones"],
)
def test_an_answer_over_the_limit_closes(tmp_path, answer):
    async def use(asker):
        with pytest.raises(AnswerTooLarge):
            await ask(asker)
        return asker.closed

    assert run(tmp_path, answering(answer), use)


def test_the_limit_is_for_each_answer(tmp_path):
    answer = row("x" * 900) + READY

    async def use(asker):
        return [len(await ask(asker)) for _ in range(3)]

    assert run(tmp_path, answering(answer, answer, answer), use) == [2, 2, 2]


def test_a_server_that_goes_is_told_at_once(tmp_path):
    async def script(reader, writer):
        await request(reader)
        writer.write(row("half"))

    async def use(asker):
        with pytest.raises(UpstreamError) as caught:
            await ask(asker)
        return caught.value.reason

    assert run(tmp_path, script, use) is Reason.TWIN_UNAVAILABLE


def test_two_questions_at_once_are_a_mistake_of_ours(tmp_path):
    async def use(asker):
        first = asyncio.get_running_loop().create_task(ask(asker))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one question"):
            await ask(asker)
        return await first

    assert run(tmp_path, answering(READY), use) == [(ord("Z"), b"I")]
