"""Connection strings in both forms, and what is not taken."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.draft.dsn import reach
from gateway.errors import ConfigError


@pytest.mark.parametrize(
    ("dsn", "host", "port", "database", "user"),
    [
        ("postgresql://reader@127.0.0.1:5433/messenger", "127.0.0.1", 5433, "messenger", "reader"),
        ("postgres://re%40der@localhost/mess%2Fenger", "localhost", 5432, "mess/enger", "re@der"),
        ("postgresql://reader@%2Frun%2Fpg/messenger?connect_timeout=3", "/run/pg", 5432, "messenger", "reader"),
        ("postgresql:///messenger?host=/run/pg&user=reader", "/run/pg", 5432, "messenger", "reader"),
        ("postgresql://reader@[::1]:5433/messenger", "::1", 5433, "messenger", "reader"),
        ("host=/run/pg dbname=messenger user=reader", "/run/pg", 5432, "messenger", "reader"),
        ("host='/run/p g' dbname = 'it\\'s' user=reader port=5433", "/run/p g", 5433, "it's", "reader"),
    ],
)
def test_where_and_who(dsn: str, host: str, port: int, database: str, user: str) -> None:
    found = reach(dsn, "secret")
    address = found.address
    assert (address.host, address.port, address.database, found.credentials.user) == (host, port, database, user)
    assert found.credentials.password == "secret"
    assert address.trust is None


def test_elsewhere_is_believed_only_with_a_certificate() -> None:
    assert reach("postgresql://reader@db.example/messenger", None).address.trust is not None
    assert reach("postgresql://reader@localhost/messenger?sslmode=verify-full", None).address.trust is not None


@pytest.mark.parametrize(
    ("dsn", "problem"),
    [
        ("postgresql://reader:hunter2@db/messenger", "a password there can be read by others"),
        ("host=db password=hunter2", "a password there can be read by others"),
        ("postgresql://db/messenger", "'user' is missing"),
        ("dbname=messenger user=reader", "'host' is missing"),
        ("postgresql://reader@db/messenger?sslmode=require", "'sslmode' is `verify-full`"),
        ("postgresql://reader@db/messenger?sslmode=disable", "'sslmode' is `verify-full`"),
        ("postgresql://reader@a,b/messenger", "one host"),
        ("postgresql://reader@db/messenger?options=-c", "'options' is not known here"),
        ("host=db port=x dbname=a user=b", "are numbers"),
        ("messenger", "it is read as"),
        ("postgresql://[/messenger", "no address"),
        ("postgresql://reader@db/messenger?sslrootcert=/nowhere.pem", "/nowhere.pem"),
    ],
)
def test_what_is_not_taken(dsn: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reach(dsn, None)
    assert any(problem in one for one in caught.value.problems), caught.value.problems
    assert "hunter2" not in str(caught.value.problems)


@given(st.one_of(st.text(max_size=60), st.text(max_size=60).map(lambda text: f"postgresql://{text}")))
def test_any_text_has_an_answer(dsn: str) -> None:
    with suppress(ConfigError):
        reach(dsn, None)
