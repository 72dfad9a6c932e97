"""What errors and notices lose: whatever may quote data, whatever they are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pgwire.actions import Judgement
from gateway.pgwire.conditions import conditions
from gateway.pgwire.guard import Guard, guard_of, guarded
from gateway.pgwire.messages import decode_fields

E, N = ord("E"), ord("N")
ROW = "(1, Hanako, +81-90-5550-0001)"
EVERYTHING = {
    "S": "FEHLER",
    "V": "ERROR",
    "C": "23514",
    "M": f"new row for relation users violates check: {ROW}",
    "D": f"Failing row contains {ROW}.",
    "H": f"Try another {ROW}",
    "P": "42",
    "p": "7",
    "q": f"SELECT {ROW}",
    "W": f"COPY users, line 1: {ROW}",
    "s": "public",
    "t": "users",
    "c": "phone",
    "d": "phone_number",
    "n": "users_phone_check",
    "F": "execMain.c",
    "L": "2056",
    "R": "ExecConstraints",
    "z": f"of a later version {ROW}",
}
MINIMAL = {"S": "ERROR", "V": "ERROR", "C": "XX000", "M": "internal error"}


def body(fields: dict[str, str]) -> bytes:
    return b"".join(code.encode() + text.encode() + b"\0" for code, text in fields.items()) + b"\0"


def sanitised(fields: dict[str, str], kind: int = E) -> dict[str, str]:
    return decode_fields(guarded(kind, body(fields), Guard.WORDS))


@pytest.mark.parametrize(
    ("judgement", "guard"),
    [
        (Judgement("t"), Guard.NONE),
        (Judgement("t", guarded=True), Guard.WORDS),
        (Judgement("t", guarded=True, lasting=True), Guard.WORDS | Guard.LASTING),
        (Judgement("t", lasting=True), Guard.NONE),
        (Judgement("t", text="SELECT 1"), Guard.POSITIONS),
        (Judgement("t", text="SELECT 1", guarded=True), Guard.WORDS | Guard.POSITIONS),
    ],
)
def test_the_guard_of_a_judgement(judgement: Judgement, guard: Guard) -> None:
    assert guard_of(judgement) == guard


@pytest.mark.parametrize("guard", [Guard.NONE, Guard.LASTING])
def test_without_a_guard_every_byte_stays(guard: Guard) -> None:
    for given_ in (body(EVERYTHING), b"", b"\0", b"noise", body(EVERYTHING)[:-1]):
        assert guarded(E, given_, guard) is given_


def test_what_programs_act_upon_stays_in_the_servers_order_and_nothing_else_does() -> None:
    assert list(sanitised(EVERYTHING).items()) == [
        ("S", "FEHLER"),
        ("V", "ERROR"),
        ("C", "23514"),
        ("M", "check violation"),
        ("P", "42"),
        ("s", "public"),
        ("t", "users"),
        ("c", "phone"),
        ("d", "phone_number"),
        ("n", "users_phone_check"),
    ]


def test_drivers_still_know_that_a_prepared_statement_is_outdated() -> None:
    said = {**EVERYTHING, "C": "0A000", "R": "RevalidateCachedQuery"}
    found = sanitised(said)
    assert (found["M"], found["R"]) == ("cached plan must not change result type", "RevalidateCachedQuery")
    assert ROW not in str(found)
    for other in ({**said, "C": "0A001"}, {**said, "R": "RevalidateCachedQuer"}, {**said, "R": ROW}):
        assert "R" not in sanitised(other)


def test_positions_go_alone_where_the_text_was_rewritten() -> None:
    left = {code: text for code, text in EVERYTHING.items() if code not in "Ppq"}
    assert guarded(E, body(EVERYTHING), Guard.POSITIONS) == body(left)
    plain = {"S": "ERROR", "C": "22012", "M": "division by zero"}
    assert guarded(E, body(plain), Guard.POSITIONS) == body(plain)


def test_both_guards_together() -> None:
    said = decode_fields(guarded(E, body(EVERYTHING), Guard.WORDS | Guard.POSITIONS))
    assert said == {code: text for code, text in sanitised(EVERYTHING).items() if code != "P"}


@pytest.mark.parametrize("code", "stcdn")
def test_a_name_that_is_longer_than_names_are_is_none(code: str) -> None:
    """RAISE … USING COLUMN = phone || … takes any text."""
    assert sanitised({**EVERYTHING, code: "x" * 63})[code] == "x" * 63
    assert code not in sanitised({**EVERYTHING, code: "x" * 64})


@pytest.mark.parametrize("position", ["", "-1", "1 Hanako", "12345678901", "\u0661"])
def test_a_position_is_a_number(position: str) -> None:
    assert "P" not in sanitised({**EVERYTHING, "P": position})


@pytest.mark.parametrize("state", ["", "2351", "23514 ", "phone", "2351\u0664"])
def test_an_sqlstate_that_is_none_becomes_internal(state: str) -> None:
    """PgBouncer CVE-2026-6666 leaves it out."""
    assert (sanitised({**EVERYTHING, "C": state})["C"], sanitised({"C": state})["M"]) == ("XX000", "internal error")


def test_severities_that_are_none_are_replaced() -> None:
    assert sanitised({}) == MINIMAL
    assert sanitised({"S": "Hanako" * 20, "V": "Hanako", "C": "00000"}, N) == {
        "S": "WARNING",
        "V": "WARNING",
        "C": "00000",
        "M": "successful completion",
    }
    assert sanitised({"V": "FATAL", "C": "57P01"}) == {"S": "FATAL", "V": "FATAL", "C": "57P01", "M": "admin shutdown"}


MALFORMED = [
    b"",
    b"S",
    b"SERROR",
    b"SERROR\0",
    b"SERROR\0C23514\0Mtext",
    b"\0\0",
    b"SERROR\0\0trailing\0",
    b"SERROR\0\0\0",
    b"SERROR\0SERROR\0\0",
    b"Mfirst\0Msecond\0\0",
]


@pytest.mark.parametrize("given_", MALFORMED)
@pytest.mark.parametrize("guard", [Guard.WORDS, Guard.POSITIONS])
def test_what_cannot_be_read_is_replaced_whole(given_: bytes, guard: Guard) -> None:
    assert decode_fields(guarded(E, given_, guard)) == MINIMAL
    assert decode_fields(guarded(N, given_, guard)) == {**MINIMAL, "S": "WARNING", "V": "WARNING"}


# Marks that are in no word of ours, so that each byte of them in an answer came from the message.
_MARKED = st.text(alphabet="§¤∎\U0001f4de", min_size=1, max_size=40)
_FIELDS = st.dictionaries(
    st.characters(min_codepoint=1, max_codepoint=127), _MARKED | st.text(max_size=80), max_size=12
)


@given(fields=_FIELDS, kind=st.sampled_from([E, N]), guard=st.sampled_from([Guard.WORDS, Guard(7)]))
def test_of_any_message_only_the_kept_fields_come_through(fields: dict[str, str], kind: int, guard: Guard) -> None:
    clean = {code: text.replace("\0", "") for code, text in fields.items()}
    said = _read(guarded(kind, body(clean), guard))
    assert set(said) <= set("SVCMPstcdn")
    assert {"S", "V", "C", "M"} <= set(said)
    assert said["M"] in {*conditions().values(), "error"}
    for code, text in said.items():
        if code in "Pstcdn":
            assert text == clean[code]
    quoted = "".join(text for code, text in said.items() if code not in "Sstcdn")
    assert not set(quoted) & set("§¤∎\U0001f4de")


@given(st.binary(max_size=200), st.sampled_from([E, N]), st.sampled_from([Guard(g) for g in range(8)]))
def test_any_bytes_give_a_message_that_can_be_read(given_: bytes, kind: int, guard: Guard) -> None:
    said = guarded(kind, given_, guard)
    if guard & Guard.WORDS:
        assert {"S", "V", "C", "M"} <= set(_read(said))
    if guard & (Guard.WORDS | Guard.POSITIONS):
        assert guarded(kind, said, guard) == said  # nothing is left to lose
    else:
        assert said == given_


def _read(message: bytes) -> dict[str, str]:
    """As strictly as a client could."""
    assert message.endswith(b"\0\0")
    parts = message[:-2].split(b"\0")
    assert all(parts)
    found = {part[:1].decode(): part[1:].decode() for part in parts}
    assert len(found) == len(parts)
    return found
