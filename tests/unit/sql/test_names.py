"""Where a name stands in a text, and what it is given to: found and proved, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.naming import NameDeed, NameKind, NameUse
from gateway.sql.codes import IncompleteCode
from gateway.sql.gate import Refused, inspect, syntax
from gateway.sql.names import argument_query, spliced

S, C = NameKind.STATEMENT, NameKind.CURSOR
MAKE, RUN, DROP, ALL = NameDeed.MAKE, NameDeed.RUN, NameDeed.DROP, NameDeed.DROP_ALL


def use_of(text: str) -> NameUse:
    (statement,) = inspect(text, max_bytes=10_000)
    assert statement.use is not None
    return statement.use


@pytest.mark.parametrize(
    ("text", "kind", "what", "deed", "name", "token"),
    [
        ("PREPARE p AS SELECT 1", "prepare", S, MAKE, "p", "p"),
        ("EXECUTE P", "execute", S, RUN, "p", "P"),
        ('execute/**/"P"(1)', "execute", S, RUN, "P", '"P"'),
        ("EXPLAIN (ANALYZE) EXECUTE p", "explain", S, RUN, "p", "p"),
        ("DEALLOCATE p", "deallocate", S, DROP, "p", "p"),
        ("DEALLOCATE PREPARE p", "deallocate", S, DROP, "p", "p"),
        ("DEALLOCATE prepare", "deallocate", S, DROP, "prepare", "prepare"),
        ("DEALLOCATE ALL", "deallocate", S, ALL, "", ""),
        ('DEALLOCATE "all"', "deallocate", S, DROP, "all", '"all"'),
        ("DECLARE k CURSOR FOR SELECT 1", "declare", C, MAKE, "k", "k"),
        ("FETCH k", "fetch", C, RUN, "k", "k"),
        ("FETCH NEXT", "fetch", C, RUN, "next", "NEXT"),
        ("FETCH NEXT NEXT", "fetch", C, RUN, "next", "NEXT"),
        ("FETCH FORWARD 10 FROM _psql_cursor", "fetch", C, RUN, "_psql_cursor", "_psql_cursor"),
        ('FETCH ALL IN "<unnamed portal 1>"', "fetch", C, RUN, "<unnamed portal 1>", '"<unnamed portal 1>"'),
        ("MOVE -1 IN k", "move", C, RUN, "k", "k"),
        ("CLOSE k", "close", C, DROP, "k", "k"),
        ("CLOSE ALL", "close", C, ALL, "", ""),
        ("CLOSE /* k */ -- k\n k", "close", C, DROP, "k", "k"),
        ('CLOSE U&"d\\0061t"', "close", C, DROP, "dat", 'U&"d\\0061t"'),
        ("CLOSE U&\"d!0061t\"\n UESCAPE '!'", "close", C, DROP, "dat", "U&\"d!0061t\"\n UESCAPE '!'"),
        ("CLOSE " + "n" * 70, "close", C, DROP, "n" * 63, "n" * 70),
        ("CLOSE " + "é" * 40, "close", C, DROP, "é" * 31, "é" * 40),
        ("CLOSE Éa", "close", C, DROP, "Éa", "Éa"),
    ],
)
def test_the_name_and_its_place(text: str, kind: str, what: NameKind, deed: NameDeed, name: str, token: str) -> None:
    for before in ("", "SELECT 'é'; ", "\n\t"):
        statement = inspect(before + text, max_bytes=10_000)[-1]
        use = statement.use
        assert use is not None
        assert (statement.kind, use.kind, use.deed, use.name) == (kind, what, deed, name)
        assert (before + text).encode()[use.start : use.end].decode() == token
    if token.upper() == "NEXT" and text.count("NEXT") == 2:
        assert use_of(text).start == text.rindex("NEXT")


@pytest.mark.parametrize(
    ("text", "inner", "hold"),
    [
        ("DECLARE c CURSOR FOR SELECT c FROM c", "SELECT c FROM c", False),
        ("DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR (SELECT 1)", "(SELECT 1)", True),
        ("DECLARE c CURSOR WITHOUT HOLD FOR VALUES (1)", "VALUES (1)", False),
        ("PREPARE c AS WITH c AS (SELECT 1) TABLE c", "WITH c AS (SELECT 1) TABLE c", False),
        ('PREPARE "AS SELECT 2" AS SELECT 1 -- é', "SELECT 1 -- é", False),
        ("PREPARE c AS DELETE FROM t", "DELETE FROM t", False),
    ],
)
def test_what_the_name_is_given_to(text: str, inner: str, hold: bool) -> None:
    use = use_of(text)
    assert (use.text, use.hold) == (inner, hold)
    assert text.encode()[use.inner :].decode() == inner


def test_the_types_of_parameters_are_those_of_the_servers_own_catalog() -> None:
    text = 'PREPARE é(int, text, varchar(3)[], "char", char, pg_catalog.date, numeric(4, 2)) AS SELECT $1'
    use = use_of(text)
    assert use.types == (23, 25, 1015, 18, 1042, 1082, 1700)
    assert [text.encode()[place : place + 4] for place, _ in use.inserts] == [b"text", b'"cha']
    assert {words for _, words in use.inserts} == {"pg_catalog."}


@pytest.mark.parametrize(
    "text",
    [
        "PREPARE p(app.thing) AS SELECT 1",
        "PREPARE p(regclass) AS SELECT 1",
        "PREPARE p(thing) AS SELECT 1",
        "PREPARE p(SETOF int) AS SELECT 1",
        "PREPARE p AS SELECT 1 INTO t",
        "EXECUTE p($1)",
        "EXECUTE p($1 + 1)",
        "EXECUTE p((SELECT 1))",
        "EXECUTE p(1, 1 + (SELECT 1))",
        "EXECUTE p(EXISTS (SELECT 1))",
        "EXPLAIN EXECUTE p((SELECT 1))",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        inspect(text, max_bytes=10_000)
    assert caught.value.code is IncompleteCode.KIND_REFUSED


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("EXECUTE p(now())", ("now()",)),
        ("EXECUTE p(1 + 1)", ("1 + 1",)),
        ("EXECUTE p(a)", ("a",)),
        ("EXECUTE p (ARRAY[1, 2], f(1, 'a,)'), ')', (3))", ("ARRAY[1, 2]", " f(1, 'a,)')", " ')'", " (3)")),
        ("EXECUTE p(1::text)", ("1::text",)),
        ("EXECUTE p('users'::regclass, 1)", ("'users'::regclass", " 1")),
        ("EXECUTE p('1'::thing)", ("'1'::thing",)),
        ("EXECUTE p('1'::text::int)", ("'1'::text::int",)),
        ("EXECUTE p(true::int)", ("true::int",)),
        ("EXECUTE p(-1.5::numeric)", ("-1.5::numeric",)),
        ("EXECUTE /* (f(1)) */ p(f(2) /* a, b) */, g(3) -- )\n)", ("f(2) /* a, b) */", " g(3) -- ")),
        ("EXPLAIN (COSTS off) EXECUTE p(now())", ("now()",)),
    ],
)
def test_expressions_are_taken_out_as_they_are_written(text: str, arguments: tuple[str, ...]) -> None:
    use = use_of(text)
    assert (use.name, use.arguments, use.inserts) == ("p", arguments, ())
    assert text[use.start : use.end] == "p"


def test_arguments_are_cast_as_the_server_will() -> None:
    asked = argument_query(("1 -- one", "'a'"), (1016, 18, 25))
    assert asked == 'SELECT CAST(1 -- one\n AS pg_catalog."int8"[]), CAST(\'a\'\n AS pg_catalog."char")'
    assert [one.kind for one in inspect(asked, max_bytes=1000)] == ["select"]
    assert argument_query(("1", "2"), (23,)) is None
    for oid in (0, 705, 2205, 16_400):
        assert argument_query(("1",), (oid,)) is None


def test_constants_are_let_through() -> None:
    text = (
        "EXECUTE p(1, -1, 1.5, 'a', NULL, true, b'1', date '2026-01-01', '1'::int4, NULL::text, 1::int8, 1.5::numeric)"
    )
    use = use_of(text)
    assert [text[place:].partition(" ")[0] for place, _ in use.inserts] == ["date", "int4,", "text,", "int8,"]


def test_a_name_that_cannot_be_proved_is_refused() -> None:
    hidden = "CLOSE " + "".join(f"/* k{n} k */" for n in range(40)) + "k"
    with pytest.raises(Refused, match="could not be told apart"):
        inspect(hidden, max_bytes=10_000)


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
NOISE = st.sampled_from(["", " ", "\n", "/* p */", "-- k 'x\n", ' /* " */ '])


@given(
    NAMES, NOISE, NOISE, st.sampled_from(["DEALLOCATE {}", "FETCH 2 FROM {}", "EXECUTE {}", "PREPARE {} AS SELECT 1"])
)
def test_with_our_name_in_its_place_the_text_is_the_same_but_for_the_name(
    name: str, before: str, after: str, form: str
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    text = before + form.format(f" {before} {quoted} {after} ") + after
    try:
        use = use_of(text)
    except Refused:
        return  # what the noise hides is refused, and never guessed
    assert name.encode()[:63].startswith(use.name.encode())
    ours = spliced(text.encode(), [(use.start, use.end, b'"gw_1"')])
    assert ours is not None
    ((kind, body),) = syntax(ours.decode()).items()
    field = "portalname" if kind == "FetchStmt" else "name"
    ((_, whole),) = syntax(text).items()
    assert body.pop(field) == "gw_1"
    whole.pop(field)
    assert _placeless(body) == _placeless(whole)


def _placeless(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: _placeless(value) for key, value in tree.items() if key != "location"}
    return [_placeless(item) for item in tree] if isinstance(tree, list) else tree


def test_parts_that_overlap_are_not_replaced() -> None:
    assert spliced(b"abc", [(1, 2, b"X"), (0, 0, b"-")]) == b"-aXc"
    assert spliced(b"abc", [(0, 2, b"X"), (1, 3, b"Y")]) is None
    assert spliced(b"abc", [(2, 4, b"X")]) is None
