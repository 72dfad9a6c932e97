"""Addresses in every known form; and what libpq itself makes of the new ones."""

from __future__ import annotations

from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.injector.address import NotAnAddress, Rewritten, rewritten


def new(value: str, name: str = "DATABASE_URL", port: int = 5432) -> str:
    return rewritten(name, value, port).value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("postgresql://db.data.svc:5432/app", "postgresql://127.0.0.1:6432/app"),
        ("postgres://u:p@db/app?connect_timeout=3", "postgres://u:p@127.0.0.1:6432/app?connect_timeout=3"),
        ("postgresql://u:$(PW)@$(HOST):$(PORT)/$(DB)", "postgresql://u:$(PW)@127.0.0.1:6432/$(DB)"),
        ("postgresql://u@a:1,b:2,[::1]:3/app", "postgresql://u@127.0.0.1:6432/app"),
        ("postgresql:///app?host=/run/postgresql&port=7", "postgresql://127.0.0.1:6432/app"),
        ("postgresql://db/app?h%6Fst=other&x=1", "postgresql://127.0.0.1:6432/app?x=1"),
        ("postgresql://db/app?hostaddr=10.0.0.1", "postgresql://127.0.0.1:6432/app"),
        ("postgresql+asyncpg://u:p@db/app", "postgresql+asyncpg://u:p@127.0.0.1:6432/app"),
        ("jdbc:postgresql://db:5432/app?user=u&ssl=true", "jdbc:postgresql://127.0.0.1:6432/app?user=u"),
        ("postgresql://db", "postgresql://127.0.0.1:6432"),
        ("postgresql://db/app?sslmode=prefer", "postgresql://127.0.0.1:6432/app?sslmode=prefer"),
        ("postgresql://db/app?a=1#f", "postgresql://127.0.0.1:6432/app?a=1#f"),
        ("host=db dbname=app", "host=127.0.0.1 port=6432 dbname=app"),
        ("dbname=app  host = db port='5432'", "host=127.0.0.1 port=6432 dbname=app"),
        (r"password='a b\' c' host=db", r"host=127.0.0.1 port=6432 password='a b\' c'"),
        ("db.data.svc", "127.0.0.1"),
        ("db.data.svc.", "127.0.0.1"),
        ("10.0.0.7:5432", "127.0.0.1:6432"),
        ("[2001:db8::1]:5432", "127.0.0.1:6432"),
        ("2001:db8::1", "127.0.0.1"),
        ("/run/postgresql", "127.0.0.1"),
        ("5432", "6432"),
    ],
)
def test_the_address_and_nothing_else(value, expected):
    assert new(value, port=6432) == expected
    assert new(expected, port=6432) == expected, "twice is once"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("postgresql://db/app?sslmode=verify-full&sslrootcert=system", "postgresql://127.0.0.1:5432/app?sslmode=disable"),
        ("postgresql://db/app?sslmode=r%65quire", "postgresql://127.0.0.1:5432/app?sslmode=disable"),
        ("postgresql://db/app?sslmode=no-verify", "postgresql://127.0.0.1:5432/app?sslmode=disable"),
        ("postgresql://db/app?ssl=require", "postgresql://127.0.0.1:5432/app"),
        ("postgresql://db/app?channel_binding=require", "postgresql://127.0.0.1:5432/app"),
        ("host=db sslmode='require'", "host=127.0.0.1 port=5432 sslmode=disable"),
    ],
)  # fmt: skip
def test_tls_that_the_database_had_to_speak_is_told(value, expected):
    assert rewritten("DATABASE_URL", value, 5432) == Rewritten(expected, without_tls=True)


@pytest.mark.parametrize("value", ["?ssl=false", "?sslmode=disable", "?channel_binding=prefer", "?sslcert=/c.pem"])
def test_tls_that_was_not_asked_for_is_not_told(value):
    assert not rewritten("DATABASE_URL", f"postgresql://db/app{value}", 5432).without_tls


def test_variables_of_libpq():
    assert new("db", "PGHOST") == "127.0.0.1"
    assert new("10.1.2.3", "PGHOSTADDR") == "127.0.0.1"
    assert new("5433", "PGPORT", 6432) == "6432"
    assert rewritten("PGSSLMODE", "verify-full", 1) == Rewritten("disable", without_tls=True)
    assert rewritten("PGSSLMODE", "prefer", 1) == Rewritten("prefer")
    for name in ("PGDATABASE", "PGPASSWORD", "PGSSLROOTCERT"):
        with pytest.raises(NotAnAddress, match="no address"):
            new("messenger", name)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "empty"),
        ("$(DB_HOST)", "reference"),
        ("a,b", "several hosts"),
        ("mysql://db/app", "neither"),
        ("jdbc:postgresql:app", "neither"),
        ("Host=db;Port=5432;Username=u", "neither"),
        ("host=db;port=5432", "neither"),
        ("host=db dbname='open", "as libpq takes them"),
        ("postgresql://u:p@ss@db/app", "%40"),
        ("postgresql://db/app\nhost=other", "neither"),
        ("db name", "neither"),
        ("123456", None),
    ],
)
def test_other_forms_are_refused_without_repeating_them(value, why):
    if why is None:  # a host of digits alone is a host
        assert new(value) == "127.0.0.1"
        return
    with pytest.raises(NotAnAddress, match=why) as caught:
        new(value)
    assert not value or value not in str(caught.value)


hosts = st.sampled_from(["db.data.svc", "10.1.2.3", "/run/postgresql", "a,b"])
words = st.text("abcdefgh %/@:'\\=&?#;é", min_size=1, max_size=8)
parameters = st.fixed_dictionaries(
    {"host": hosts, "user": words, "password": words, "dbname": words},
    optional={
        "port": st.sampled_from(["5432", "6000"]),
        "hostaddr": st.just("10.9.9.9"),
        "application_name": words,
        "sslmode": st.sampled_from(["disable", "prefer", "require", "verify-full"]),
    },
)


def expected_of(asked: dict[str, str], port: int) -> dict[str, str]:
    kept = {key: value for key, value in asked.items() if key != "hostaddr"} | {"host": "127.0.0.1", "port": str(port)}
    return kept | ({"sslmode": "disable"} if kept.get("sslmode") in ("require", "verify-full") else {})


@given(asked=parameters, port=st.integers(1024, 65535))
def test_libpq_reads_the_same_in_new_pairs_but_for_the_address(asked, port):
    value = make_conninfo("", **asked)
    try:
        found = new(value, port=port)
    except NotAnAddress:  # a semicolon outside of quotes may be another driver's
        assert ";" in value
        return
    assert conninfo_to_dict(found) == expected_of(asked, port)


@given(asked=parameters, port=st.integers(1024, 65535), in_query=st.booleans())
def test_libpq_reads_the_same_in_a_new_url_but_for_the_address(asked, port, in_query):
    def q(text: str) -> str:
        return quote(text, safe="")

    host = "" if in_query else ",".join(q(one) for one in asked["host"].split(","))
    query = {key: value for key, value in asked.items() if key not in ("user", "password", "dbname", "host")}
    query |= {"host": asked["host"]} if in_query else {}
    tail = "&".join(f"{key}={q(value)}" for key, value in query.items())
    url = f"postgresql://{q(asked['user'])}:{q(asked['password'])}@{host}/{q(asked['dbname'])}?{tail}"
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # libpq would not take it
        return
    assert conninfo_to_dict(new(url, port=port)) == expected_of(asked, port)
