"""The sample rows are the same on every run, fit their tables, and name nobody who could exist."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter

from gateway.demo.sample import Rows, picture, tables


def table(name: str) -> Rows:
    return next(rows for rows in tables() if rows.table == name)


def test_every_run_gives_the_same_rows():
    assert tables() == tables()


def test_there_are_86_users_most_of_them_in_japan():
    users = table("users").rows
    assert [row[0] for row in users] == list(range(1, 87))
    assert Counter(row[4] for row in users) == {"JP": 60, "KR": 9, "TW": 9, "TH": 8}


def test_every_row_has_a_value_for_every_column():
    for rows in tables():
        assert rows.rows
        assert {len(row) for row in rows.rows} == {len(rows.columns)}


def test_phones_and_mailboxes_belong_to_one_user_each_and_to_nobody_real():
    users = table("users").rows
    assert len({row[2] for row in users}) == len({row[3] for row in users}) == 86
    for row in users:
        assert re.fullmatch(r"[a-z.\-]+\.\d+@mail\.example\.(jp|com|net|org)", str(row[3]))
        assert re.fullmatch(r"\+(81 90-0000-|82 10-0000-|886 900-00|66 80-000-)\d{4}", str(row[2]))


def test_nobody_writes_to_themselves():
    assert all(row[1] != row[2] for row in table("messages").rows)


def test_the_rows_that_the_story_counts_on():
    assert len([row for row in table("payments").rows if row[1] == 6]) == 2
    assert len([row for row in table("timeline_images").rows if row[0] == 4]) == 1


def test_a_picture_is_a_whole_png():
    data = picture((10, 200, 30), side=4)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks: dict[bytes, bytes] = {}
    position = 8
    while position < len(data):
        (size,) = struct.unpack_from(">I", data, position)
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + size]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + size)
        assert checksum == zlib.crc32(kind + body)
        chunks[kind] = body
        position += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (4, 4, 8, 2, 0, 0, 0)
    assert zlib.decompress(chunks[b"IDAT"]) == (b"\x00" + bytes((10, 200, 30)) * 4) * 4
