"""libpq 18's own OAUTHBEARER, with a token from a hook: what an application does that has its tokens from elsewhere.

psycopg's binary wheel brings libpq 18 without libpq-oauth, the module that asks people to visit a web page; the
mechanism itself, its discovery and its second connection are libpq's.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_BEARER_TOKEN = 1  # PQAUTHDATA_OAUTH_BEARER_TOKEN


class _Request(ctypes.Structure):
    """PGoauthBearerRequest."""

    _fields_ = (
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("poll", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_void_p),
        ("user", ctypes.c_void_p),
    )


_HOOK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def _libpq() -> ctypes.CDLL:
    if psycopg.pq.version() < 180_000:
        message = "psycopg's libpq is older than 18 and does not speak OAUTHBEARER"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{message} (required, as CI=true)")
        pytest.skip(message)
    with Path("/proc/self/maps").open() as maps:
        found = {line.split()[-1] for line in maps if "/libpq-" in line or "/libpq.so" in line}
    return ctypes.CDLL(found.pop())


@contextmanager
def tokens(give: Callable[[str, str], str]) -> Iterator[None]:
    """Within it every connection that is asked for a token gets ``give(discovery address, scope)``."""
    library = _libpq()
    kept: list[ctypes.Array[ctypes.c_char]] = []

    def hook(kind: int, _: int | None, data: int | None) -> int:
        if kind != _BEARER_TOKEN or data is None:
            return 0
        request = ctypes.cast(data, ctypes.POINTER(_Request)).contents
        token = give((request.openid_configuration or b"").decode(), (request.scope or b"").decode())
        kept.append(ctypes.create_string_buffer(token.encode()))
        request.token = ctypes.addressof(kept[-1])
        return 1

    library.PQsetAuthDataHook.argtypes = [ctypes.c_void_p]
    callback = _HOOK(hook)
    library.PQsetAuthDataHook(ctypes.cast(callback, ctypes.c_void_p))
    try:
        yield
    finally:
        library.PQsetAuthDataHook(None)
