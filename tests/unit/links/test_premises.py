"""What a twin rests on, told in words an operator can act on. That it is looked at: `test_twin`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.config import Datasource, Twin
from gateway.errors import ConfigError
from gateway.links.premises import inspect, is_quiet

SOURCE = Datasource(id="messenger", host="/", database="x", twin=Twin(role="watcher"), profiles=())


class Scout:
    """Answers of a server."""

    def __init__(self, level: str, encoding: str, *powers: tuple[str, str]) -> None:
        self.answers: list[Any] = [[(level, encoding)], list(powers)]
        self.asked: list[str] = []

    async def rows(self, sql: str, seconds: float) -> Any:
        self.asked.append(sql)
        return self.answers[len(self.asked) - 1]


def problems(scout: Scout, *roles: str) -> list[str]:
    try:
        asyncio.run(inspect(SOURCE, scout, roles, 1.0))  # type: ignore[arg-type]
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("level", ["warning", "fatal", None])
def test_a_log_is_quiet_only_where_nothing_of_ours_could_stand_in_it(level):
    assert not is_quiet(SOURCE, level)
    assert is_quiet(SOURCE, "panic")
    assert is_quiet(replace(SOURCE, twin=replace(SOURCE.twin, accept_logged_trees=True)), level)


def test_nothing_is_wrong_where_all_of_it_holds():
    scout = Scout("panic", "UTF8")
    assert problems(scout, "o'reilly", "engineer") == []
    assert "('engineer', 'o''reilly', 'watcher')" in scout.asked[1]


def test_everything_that_is_wrong_is_told_at_once():
    found = problems(Scout("warning", "SQL_ASCII", ("engineer", "engineer"), ("engineer", "boss")), "engineer")
    assert len(found) == 4
    assert "ALTER ROLE watcher SET log_min_messages = panic" in found[0]
    assert "encoding is SQL_ASCII" in found[1]
    assert "as it may become boss" in found[3]


def test_what_the_twin_may_become_is_told_of_the_role_it_becomes():
    found = problems(
        Scout("panic", "UTF8", ("engineer", "boss"), ("watcher", "boss"), ("watcher", "watcher")), "engineer"
    )
    assert ["role engineer" in one for one in found] == [True, False]
    assert "role watcher is a superuser" in found[1]
