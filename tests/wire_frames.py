"""Messages of a server, cut by their lengths: what tests look for in bytes that a real one sent."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.pgwire.frames import HEADER_BYTES, length_at


def iter_server_frames(data: bytes, start: int = 0) -> Iterator[tuple[int, int, int]]:
    """(type, body start, end) of every complete frame."""
    position = start
    while position + HEADER_BYTES <= len(data):
        end = position + 1 + length_at(data, position + 1)
        if end > len(data):
            return
        yield data[position], position + HEADER_BYTES, end
        position = end
