"""Documents from the wire: what is no document, what is no number, and one spelling of an address."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.doors.documents import canonical_address, count_of, flag_of, parse_json
from gateway.errors import Reason, SekishoError


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "not valid JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"token": "\xff"}', "UTF-8"),
        (b'{"token": "\xed\xa0\x80"}', "UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"token": "a", "token": "b"}', '"token" is given twice'),
        (b'{"statement": {"sql": "a", "sql": "b"}}', '"sql" is given twice'),
    ],
)
def test_text_that_is_no_document_is_refused(text: bytes, named: str) -> None:
    with pytest.raises(SekishoError) as caught:
        parse_json(text)
    assert caught.value.reason is Reason.REQUEST_INVALID
    assert named in caught.value.detail


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_has_one_spelling(text: str, spelling: str) -> None:
    assert canonical_address(text) == spelling


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 11])
def test_a_count_is_a_whole_number_within_its_bound(value: Any) -> None:
    with pytest.raises(SekishoError, match="rows must be a whole number, 0 to 10"):
        count_of(value, "rows", 10)
    assert count_of(10, "rows", 10) == 10


@pytest.mark.parametrize("value", [0, "true", None, []])
def test_a_flag_is_true_or_false(value: Any) -> None:
    with pytest.raises(SekishoError, match="it must be true or false"):
        flag_of(value, "it")
    assert flag_of(True, "it") is True
