"""The engine that a configuration names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.config import Opa, Policy
from gateway.errors import ConfigError, PolicyUnavailable, Reason
from gateway.links.engines import begin_engine, engine_trouble
from gateway.links.judges import Judges
from gateway.links.opa import OpaEngine
from gateway.policy.bundle import Bundle

RULES = Bundle(
    revision="r1", modules=(("sekisho/d.rego", "package sekisho\n\ndecision := 1\n"),), data={}, roots=("sekisho",)
)
BROKEN = Bundle(revision="r1", modules=(("sekisho/d.rego", "package sekisho\n\nx := n(1)\n"),), data={}, roots=("a",))


def test_the_default_is_ready_when_it_is_given() -> None:
    async def work() -> object:
        engine = await begin_engine(Policy(), RULES)
        try:
            assert isinstance(engine, Judges)
            assert engine._idle
            return await engine.judge({})
        finally:
            await engine.aclose()

    assert asyncio.run(work()) == 1


def test_rules_that_do_not_compile_are_a_problem_of_configuration() -> None:
    with pytest.raises(ConfigError, match="policy: the policy could not be prepared"):
        asyncio.run(begin_engine(Policy(), BROKEN))


def test_an_opa_that_is_down_is_an_engine_that_denies(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    settings = Policy(engine="opa", opa=Opa(url="http://127.0.0.1:9", token_file=token))

    async def work() -> Reason:
        engine = await begin_engine(settings, RULES)
        try:
            assert isinstance(engine, OpaEngine)
            with pytest.raises(PolicyUnavailable) as caught:
                await engine.judge({})
            return caught.value.reason
        finally:
            await engine.aclose()

    assert asyncio.run(work()) is Reason.ENGINE_UNAVAILABLE
    (told,) = (record for record in caplog.records if record.getMessage() == "opa_unusable")  # once, at its start
    assert told.__dict__["url"] == "http://127.0.0.1:9"
    assert "nothing answers there" in told.__dict__["detail"]
    trouble = asyncio.run(engine_trouble(settings, RULES))
    assert trouble.startswith("OPA at http://127.0.0.1:9: nothing answers there")
    assert "sekisho bundle build" in trouble
    assert asyncio.run(engine_trouble(Policy(), RULES)) == ""
