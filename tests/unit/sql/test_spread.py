"""How many rows stand behind one of the result, as a real server understands the statement."""

from __future__ import annotations

import pytest

from gateway.model import Spread


def found(analyst, text: str) -> dict[str, Spread]:
    return {one.relations[0]: one for one in analyst.analyse(text).spread}


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("SELECT id, phone FROM app.users", {("id", 0), ("phone", 1)}),
        ("SELECT 1, upper(phone), id FROM app.users WHERE id = 1 ORDER BY email LIMIT 3", {("id", 2)}),
        ("SELECT s.x, s.y FROM (SELECT id AS x, phone || '' AS y FROM app.users) s", {("id", 0)}),
        ("WITH c AS (SELECT phone, id FROM app.users) SELECT id FROM c WHERE phone = 'x'", {("id", 0)}),
        ("SELECT m.body, u.id FROM app.users u JOIN app.messages m ON m.sender_id = u.id", {("id", 1)}),
        ("SELECT id FROM app.users LEFT JOIN app.regions r ON r.name = phone", {("id", 0)}),
        ("UPDATE app.users SET phone = 'x' WHERE id = 1 RETURNING phone, id", {("phone", 0), ("id", 1)}),
        ("DELETE FROM app.users WHERE id = -1 RETURNING id", {("id", 0)}),
    ],
)
def test_one_row_of_users_stands_behind_each_of_the_result(analyst, text: str, outputs: set[tuple[str, int]]):
    users = found(analyst, text)["app.users"]
    assert users.times == 1
    assert set(users.outputs) == outputs
    assert users.relations == ("app.users", "app.users_vip"), "and of its children"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM app.users",
        "SELECT max(phone) FROM app.users GROUP BY email",
        "SELECT phone FROM app.users GROUP BY phone",
        "SELECT row_number() OVER (ORDER BY phone) FROM app.users",
        "SELECT lag(phone) OVER (ORDER BY id) FROM app.users",
        "SELECT id FROM app.users UNION SELECT 1",
        "SELECT id FROM app.users UNION ALL SELECT id FROM app.users",
        "SELECT s.name FROM app.stickers s WHERE EXISTS (SELECT FROM app.users WHERE phone = s.name)",
        "SELECT (SELECT string_agg(phone, ',') FROM app.users)",
        "SELECT array(SELECT phone FROM app.users)",
        "SELECT phone FROM (SELECT DISTINCT phone FROM app.users) s",
        "SELECT u.id FROM app.users u WHERE u.id IN (SELECT max(id) FROM app.users)",
        "WITH RECURSIVE r AS (SELECT id FROM app.users UNION ALL SELECT id + 1 FROM r WHERE id < 3) SELECT * FROM r",
        "SELECT u.id, v.id FROM app.users u, app.users_vip v",
    ],
)
def test_any_number_of_users_may_stand_behind_one_of_the_result(analyst, text: str):
    facts = analyst.analyse(text)
    assert facts.complete
    assert "app.users" in facts.relations
    assert "app.users" not in found(analyst, text)


def test_a_relation_that_is_there_twice_shows_two(analyst):
    users = found(analyst, "SELECT a.id, b.id FROM app.users a JOIN app.users b ON a.phone = b.email")["app.users"]
    assert (users.times, users.outputs) == (2, ())
    doubled = "WITH c AS (SELECT * FROM app.users) SELECT a.id FROM c a, c b, c d"
    assert found(analyst, doubled)["app.users"].times == 3


def test_distinct_rows_are_merged(analyst):
    assert found(analyst, "SELECT DISTINCT phone FROM app.users")["app.users"].merged
    assert not found(analyst, "SELECT DISTINCT ON (phone) phone FROM app.users")["app.users"].merged


def test_what_doubles_itself_is_followed_no_further(analyst):
    steps = ["c0 AS (SELECT id FROM app.users)"]
    steps += [f"c{n} AS (SELECT a.id FROM c{n - 1} a, c{n - 1} b)" for n in range(1, 14)]
    assert found(analyst, f"WITH {', '.join(steps)} SELECT id FROM c13") == {}


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("SELECT phone FROM app.users", True),
        ("INSERT INTO app.stickers (id) SELECT id FROM app.users", False),
        ("UPDATE app.users SET phone = 'x'", False),
        ("UPDATE app.users SET phone = 'x' RETURNING phone", True),
        ("EXPLAIN SELECT phone FROM app.users", False),
    ],
)
def test_whether_rows_go_out(analyst, text: str, shows: bool):
    assert analyst.analyse(text).shows is shows
