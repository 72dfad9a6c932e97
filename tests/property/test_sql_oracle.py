"""The server as judge: random statements run with just the columns their facts claim, and with the rest changed.

What is asked, and what makes it strict, stands in ``oracle/judge.py``. ``-s`` prints the counts; they are kept in the
cache of pytest under ``sekisho/oracle``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.majors import MAJORS, major  # noqa: F401 - a fixture
from tests.property.oracle.judge import Judge
from tests.property.oracle.tally import Tally
from tests.property.oracle.writes import Statements
from tests.servers import Postgres

_FUZZ = settings.default is not None and settings.default.max_examples > 1000
_EXAMPLES = settings.default.max_examples if _FUZZ and settings.default else 300
_WANTED = 0.9
_ENOUGH = 100  # statements, before a share of them says anything


@pytest.fixture(scope="module", params=MAJORS if _FUZZ else (18,))
def judge(
    request: pytest.FixtureRequest,
    major: Callable[..., Postgres],  # noqa: F811 - the fixture
) -> Iterator[Judge]:
    """A judge for each major; in ``make test`` for one."""
    server = request.getfixturevalue("postgres") if request.param == 18 else major(request.param)
    tally = Tally(f"grammar, PostgreSQL {request.param}")
    made = Judge(server, "sql_oracle", tally)
    yield made
    made.close()
    _keep(request.config, f"grammar-{request.param}", tally)


def _keep(config: pytest.Config, name: str, tally: Tally) -> None:
    print("\n" + "\n".join(tally.lines()))  # noqa: T201 - for -s
    cache = getattr(config, "cache", None)  # absent where pytest runs without one
    if cache is not None:
        cache.set(f"sekisho/oracle/{name}", tally.as_json())


@settings(max_examples=_EXAMPLES)
@given(seed=st.integers(0, 2**64 - 1), size=st.integers(2, 60))
def test_facts_are_all_the_server_asks_for(judge: Judge, seed: int, size: int) -> None:
    chance = random.Random(seed)
    writer = Statements(chance, judge.major, size=size)
    text = writer.statement()
    for feature in writer.features:
        event(feature)
    found = judge.play(text, chance, writer.features)
    assert found is None, f"{found}\n{text}"


def test_most_statements_are_understood(judge: Judge) -> None:
    tally = judge.tally
    if tally.accepted < _ENOUGH:
        pytest.skip("needs the statements of the test above")
    assert tally.completeness >= _WANTED, "\n".join(tally.lines())
    assert tally.tight["42501"] > tally.tight["not needed"], "claims are far too wide"
    assert tally.compared.total() > 0


# Found by the above and by looking; what the server asks for in ways a grammar seldom hits.
EXACT = [
    "INSERT INTO app.users (id, display_name, country) VALUES (1, 'a', 'JP') "
    "ON CONFLICT ON CONSTRAINT users_pkey DO NOTHING",
    "INSERT INTO app.stickers (name) VALUES ('a') ON CONFLICT ON CONSTRAINT stickers_pkey DO NOTHING",
    "INSERT INTO app.stickers (name) VALUES ('a') ON CONFLICT (id) DO NOTHING",
    "INSERT INTO app.stickers AS a (id) SELECT v.id FROM app.v_directory v "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE excluded.price_yen > a.id",
    "INSERT INTO app.audit_out VALUES (NULL, DEFAULT)",
    "SELECT count(*) FROM app.users",
    "SELECT 1 FROM app.users u NATURAL JOIN app.v_directory d",
    "SELECT u FROM app.users u UNION SELECT v FROM app.users v",
    "SELECT (array_agg(u))[1].phone FROM app.users u",
    "SELECT 1 FROM app.users GROUP BY GROUPING SETS ((country), ()) HAVING grouping(country) = 0",
    "SELECT country, sum(count(*)) OVER (ORDER BY country) FROM app.users GROUP BY country",
    "SELECT id FROM app.users ORDER BY phone USING >",
    "SELECT json_agg(u), json_object_agg(id, phone) FROM app.users u",
    "SELECT t.x FROM (VALUES ((SELECT phone FROM app.users LIMIT 1))) t(x)",
    "SELECT * FROM app.users WHERE ctid = '(0,1)'",
    "SELECT id, display_name FROM app.v_filter",
    "SELECT label FROM app.v_nested",
    "DELETE FROM ONLY app.users USING app.messages m WHERE m.id = users.id RETURNING m.body",
    "UPDATE app.v_contacts SET label = 'x' WHERE contact LIKE '+81%'",
    "SELECT * FROM app.notes",
    "UPDATE app.notes SET note = 'y' WHERE id = 1",
    "UPDATE app.notes SET id = 7 WHERE user_id = 1",
    "SELECT lag(phone) OVER w, first_value(email) OVER (w ROWS UNBOUNDED PRECEDING) FROM app.users "
    "WINDOW w AS (PARTITION BY country ORDER BY id)",
    "SELECT rank('a') WITHIN GROUP (ORDER BY phone) FROM app.users",
    "SELECT generate_series(1, id), unnest(ARRAY[phone]) FROM app.users",
    "WITH x AS (DELETE FROM app.messages RETURNING *) SELECT count(*) FROM x",
    "SELECT current_setting('server_version'), to_tsvector('english', body) @@ to_tsquery('a') FROM app.messages",
]


@pytest.mark.parametrize("text", EXACT)
def test_exact_statements(judge: Judge, text: str) -> None:
    facts = judge.facts(text)
    assert facts.complete, facts.detail
    for seed in range(4):  # which column stands for none is drawn
        found = judge.play(text, random.Random(seed))
        assert found is None, found


UNDERSTOOD_NEVER = [
    "SELECT app.phone_of(1)",
    "SELECT app.phone_of_plpgsql(id) FROM app.stickers",
    "SELECT app.leak_agg(id) FROM app.stickers",
    "SELECT id OPERATOR(app.=~~) 'x' FROM app.stickers",
    "SELECT * FROM app.all_users()",
    "SELECT query_to_xml('select phone from app.users', true, true, '')",
    "INSERT INTO app.feature_flags VALUES ('x', true)",
    "SELECT ROW(1)::app.uref::text",
]


@pytest.mark.parametrize("text", UNDERSTOOD_NEVER)
def test_what_cannot_be_seen_into_is_never_complete(judge: Judge, text: str) -> None:
    assert not judge.facts(text).complete


def test_the_judge_finds_what_is_missing(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that never objects proves nothing: facts that leave something out must be found out, each in its way."""
    told = judge.facts("SELECT id FROM app.users")
    chance = random.Random(0)
    monkeypatch.setattr(judge, "tally", Tally("lies"))
    for lie in (
        "SELECT phone FROM app.users",
        "SELECT id FROM app.users WHERE phone LIKE '+81%'",
        "SELECT id FROM app.users ORDER BY email",
        "SELECT u.id FROM app.users u JOIN app.messages m ON m.sender_id = u.id",
        "SELECT id FROM app.users WHERE EXISTS (SELECT FROM app.messages WHERE body <> '')",
        "SELECT app.phone_of(1)",
    ):
        assert judge.sound(lie, told, chance), lie
    for lie in (
        "SELECT app.phone_of(1)",  # a definer's function, which privileges do not reach
        "SELECT upper(reverse(phone)) FROM app.users",
        "SELECT count(*) FROM app.v_filter",
        "SELECT id FROM app.users ORDER BY phone = '+81-90-5550-0002', id",
        "UPDATE app.notes SET id = 7 WHERE user_id = 1",  # its CHECK reads the note
    ):
        assert judge.deaf(lie, told), lie
