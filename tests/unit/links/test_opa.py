"""An OPA that is slow, gone, broken, somebody else or of other rules: each is a denial of its own kind, and bounded.

What answers here is a server of the test's own, as a real OPA cannot be made to; tests/integration/test_engines.py
holds the engine to its contract with a real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.breaker import FAILURES, MOST, Budget
from gateway.links.opa import OpaEngine

REVISION = "r1"
PROVENANCE = {"provenance": {"bundles": {"b.tar.gz": {"revision": "r1+registry"}}}}
GOOD = {"result": {"effect": "deny"}, **PROVENANCE}
Answer = Callable[[dict[str, Any]], Awaitable[bytes] | bytes]


def http(status: int, body: bytes, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Content-Type: application/json", *more, "", ""]
    return "\r\n".join(lines).encode() + body


def said(document: Any, status: int = 200) -> bytes:
    return http(status, json.dumps(document).encode())


class Server:
    """Answers each question with ``answer``'s bytes; nothing, where they are empty: then it hangs up."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for serving in self._serving:  # whoever asked may have gone while the answer is still thought about
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.ensure_future(self._serve(reader, writer)))  # noqa: TID251 - held by this very server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := (await reader.readline()).decode().strip():
                headers: dict[str, str] = {}
                while header := (await reader.readline()).decode().strip():
                    name, _, value = header.partition(": ")
                    headers[name.lower()] = value
                question = json.loads(await reader.readexactly(int(headers["content-length"])))
                self.lines.append(line)
                self.headers.append(headers)
                self.asked.append(question)
                found = self.answer(question)
                answer = found if isinstance(found, bytes) else await found
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked is gone
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def run(
    answer: Answer, use: Callable[[OpaEngine, Server], Awaitable[Any]], *, timeout: float = 10.0, **more: Any
) -> Any:
    async def work() -> Any:
        async with Server(answer) as server:
            engine = OpaEngine(f"http://127.0.0.1:{server.port}", REVISION, timeout=timeout, **more)
            await engine.start()
            try:
                return await use(engine, server)
            finally:
                await engine.aclose()

    return asyncio.run(work())


async def reason(engine: OpaEngine, asker: str = "", document: Any = None) -> Reason:
    with pytest.raises(PolicyUnavailable) as caught:
        await engine.judge({"n": 1} if document is None else document, asker)
    return caught.value.reason


def one(answer: Answer, **more: Any) -> Reason:
    async def use(engine: OpaEngine, _: Server) -> Reason:
        return await reason(engine)

    return run(answer, use, **more)  # type: ignore[no-any-return]


def test_it_is_asked_for_the_decision_with_the_document_the_token_and_who_decides() -> None:
    async def use(engine: OpaEngine, server: Server) -> tuple[Any, list[str], Any, Any]:
        found = await engine.judge({"n": 1}, "ann")
        return found, server.lines, server.asked, server.headers[0]["authorization"]

    found, lines, asked, token = run(lambda _: said(GOOD), use, token="t0ken")
    assert found == {"effect": "deny"}
    assert lines == ["POST /v1/data/sekisho/decision?provenance=True HTTP/1.1"]
    assert asked == [{"input": {"n": 1}}]
    assert token == "Bearer t0ken"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said(PROVENANCE), Reason.ENGINE_UNDEFINED),
        (said({"result": 1}), Reason.ENGINE_REVISION_MISMATCH),
        (said({"result": 1, "provenance": {"bundles": {"b": {"revision": "r2"}}}}), Reason.ENGINE_REVISION_MISMATCH),
        (said({"result": 1, "provenance": {"bundles": ["r1"]}}), Reason.ENGINE_REVISION_MISMATCH),
        (said({"result": 1, "provenance": {"revision": "r1"}}), Reason.ENGINE_REVISION_MISMATCH),
        (said([1]), Reason.ENGINE_ANSWER_INVALID),
        (said(None), Reason.ENGINE_ANSWER_INVALID),
        (http(200, b"{"), Reason.ENGINE_ANSWER_INVALID),
        (http(200, b"\xff"), Reason.ENGINE_ANSWER_INVALID),
        (http(200, b"[" * 100_000), Reason.ENGINE_ANSWER_INVALID),
        (http(302, b"", "Location: http://127.0.0.1:1/"), Reason.ENGINE_ANSWER_INVALID),
        (said({"code": "internal_error"}, 500), Reason.ENGINE_FAILED),
        (said({}, 401), Reason.ENGINE_UNAVAILABLE),
        (said({}, 404), Reason.ENGINE_UNAVAILABLE),
        (said({}, 503), Reason.ENGINE_UNAVAILABLE),
        (b"", Reason.ENGINE_UNAVAILABLE),
        (b"220 mail.example ESMTP\r\n", Reason.ENGINE_UNAVAILABLE),
    ],
    ids=str,
)
def test_whatever_is_not_its_decision_under_our_revision_is_none(answer: bytes, expected: Reason) -> None:
    assert one(lambda _: answer) is expected


def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    endless = http(200, b"").replace(b"Content-Length: 0", b"Content-Length: 99999999") + b"[" + b" " * 20_000_000
    assert one(lambda _: endless) is Reason.ENGINE_ANSWER_INVALID


def test_one_that_is_slow_is_given_up() -> None:
    async def never(_: Any) -> bytes:
        await asyncio.Event().wait()
        return b""

    assert one(never, timeout=0.2) is Reason.ENGINE_TIMEOUT


def test_a_document_that_is_not_json_is_no_question() -> None:
    async def use(engine: OpaEngine, server: Server) -> tuple[Reason, int]:
        return await reason(engine, document={"n": float("nan")}), len(server.asked)

    assert run(lambda _: said(GOOD), use) == (Reason.ENGINE_FAILED, 0)


def test_a_passing_fault_is_tried_again() -> None:
    answers = [b"", said({}, 503), said(GOOD)]

    async def use(engine: OpaEngine, server: Server) -> Any:
        return await engine.judge({"n": 1}), len(server.asked)

    assert run(lambda _: answers.pop(0), use) == ({"effect": "deny"}, 3)


def test_one_that_is_down_is_not_asked_any_more_for_a_while() -> None:
    async def use(engine: OpaEngine, server: Server) -> tuple[set[Reason], int, float]:
        found = {await reason(engine) for _ in range(FAILURES)}
        before = len(server.asked)
        found |= {await reason(engine) for _ in range(20)}
        return found, len(server.asked) - before, before

    found, further, before = run(lambda _: said({}, 503), use)
    assert found == {Reason.ENGINE_UNAVAILABLE}
    assert before <= FAILURES + MOST + 1
    assert further <= 1


def test_one_that_comes_back_is_asked_again() -> None:
    down = True

    async def use(engine: OpaEngine, server: Server) -> Any:
        nonlocal down
        for _ in range(FAILURES):
            await reason(engine)
        down = False
        while True:
            try:
                return await engine.judge({"n": 1})
            except PolicyUnavailable:
                await asyncio.sleep(0.05)

    assert run(lambda _: said({}, 503) if down else said(GOOD), use) == {"effect": "deny"}


def test_evaluations_that_fail_are_no_outage() -> None:
    def answer(question: dict[str, Any]) -> bytes:
        return said({}, 500) if question["input"].get("bad") else said(GOOD)

    async def use(engine: OpaEngine, server: Server) -> Any:
        for _ in range(3 * FAILURES):
            assert await reason(engine, document={"bad": True}) is Reason.ENGINE_FAILED
        return await engine.judge({"n": 1})

    assert run(answer, use) == {"effect": "deny"}


def test_one_whose_questions_take_too_long_keeps_nobody_else_from_being_answered() -> None:
    async def answer(question: dict[str, Any]) -> bytes:
        if question["input"].get("bad"):
            await asyncio.Event().wait()
        return said(GOOD)

    async def use(engine: OpaEngine, _: Server) -> Any:
        found = await asyncio.gather(*(reason(engine, "mallory", {"bad": True}) for _ in range(100)))
        assert set(found) == {Reason.ENGINE_TIMEOUT}
        return await engine.judge({"n": 1}, "ann")

    assert run(answer, use, timeout=0.3) == {"effect": "deny"}


def test_it_waits_for_an_opa_that_has_our_rules_soon_and_not_for_ever() -> None:
    answers = [said({}, 503), said({"result": 1}), said(GOOD)]

    async def work() -> tuple[int, int]:
        async with Server(lambda _: answers.pop(0) if len(answers) > 1 else answers[0]) as server:
            engine = OpaEngine(f"http://127.0.0.1:{server.port}", REVISION, timeout=5)
            await engine.start(patience=20)
            await engine.aclose()
            soon = len(server.asked)
            answers[0] = said({"result": 1})
            engine = OpaEngine(f"http://127.0.0.1:{server.port}", REVISION, timeout=5)
            await engine.start(patience=0.2)
            found = await reason(engine)
            await engine.aclose()
            assert found is Reason.ENGINE_REVISION_MISMATCH
            return soon, len(server.asked)

    soon, later = asyncio.run(work())
    assert soon == 3
    assert later > 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said(GOOD), ""),
        (said({"code": "unauthorized"}, 401), "it answered 401: it wants a token (`policy.opa.token_file`)"),
        (said({}, 500), "it answered 500"),
        (said({"result": 1}), "it has no bundle with a revision, and the gateway r1: give both the same bundle"),
        (said({"provenance": {"bundles": {"b": {"revision": "r0"}}}}), "it has revision r0, and the gateway r1"),
        (http(200, b"<html>"), "what answers there is no OPA"),
        (said([1]), "what answers there is no OPA"),
        (b"", "nothing answers there"),
    ],
)
def test_who_operates_it_is_told_what_was_asked_and_what_to_do(answer: bytes, words: str) -> None:
    async def use(engine: OpaEngine, server: Server) -> tuple[str, str]:
        return await engine.trouble(), f"OPA at http://127.0.0.1:{server.port}: "

    trouble, address = run(lambda _: answer, use)
    assert trouble.startswith(address + words) if words else trouble == ""


def test_an_outage_is_logged_when_it_begins_and_when_it_has_passed(caplog: pytest.LogCaptureFixture) -> None:
    answers = [said({}, 503), said(GOOD), said({"result": 1}), said(GOOD)]

    async def use(engine: OpaEngine, _: Server) -> None:
        engine._budget = Budget()
        engine._budget._left = 0.0  # nothing is tried again
        for answer in (0, 0, 1, 1, 2, 2, 3):
            now[0] = answers[answer]
            with contextlib.suppress(PolicyUnavailable):
                await engine.judge({"n": 1})

    now = answers[:1]
    run(lambda _: now[0], use)
    told = [record.getMessage() for record in caplog.records if record.name == "gateway.links.opa"]
    assert told == ["opa_unusable", "opa_usable_again"] * 2
