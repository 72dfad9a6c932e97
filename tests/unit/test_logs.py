"""Logs: one JSON object a line, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from gateway import logs
from gateway.config_rules import LOG_LEVELS

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJraW0ifQ.c2lnbmF0dXJl"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log of this test goes; the logging of others is put back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    target = io.StringIO()
    logs.configure("info", target)
    yield target
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_the_event_comes_first_then_when_then_the_fields(stream):
    logging.getLogger("gateway.doors").info("session_opened", extra={"session": "s1", "door": "postgres", "n": 3})
    (line,) = lines(stream)
    assert list(line) == ["event", "at", "level", "logger", "session", "door", "n"]
    assert (line["event"], line["level"], line["session"], line["n"]) == ("session_opened", "info", "s1", 3)
    assert str(line["at"]).endswith("+00:00")


def test_a_library_s_message_is_no_event(stream):
    logging.getLogger("waitress").warning("Task queue depth is %d", 3)
    (line,) = lines(stream)
    assert (line["event"], line["message"]) == ("library_message", "Task queue depth is 3")


def test_one_event_is_one_line_whatever_is_in_it(stream):
    logging.getLogger("gateway").info("x", extra={"text": 'a\nb\r\x1b[31m\u202e\u2028"', "more": ["a\n", {"k": "v\n"}]})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "fields",
    [
        {"token": TOKEN},
        {"password": "hunter2-eyJ"},
        {"db_password": "hunter2-eyJ"},
        {"client_secret": "hunter2-eyJ"},
        {"Authorization": "hunter2-eyJ"},
        {"headers": {"authorization": "hunter2-eyJ", "cookie": "hunter2-eyJ"}},
        {"detail": f"Bearer {TOKEN}"},
        {"items": [f"x {TOKEN} y"]},
        {"error_text": ValueError(TOKEN)},
        {"dsn": "postgresql://kim:hunter2@db/x"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_secrets_do_not_get_out(stream, fields):
    logging.getLogger("gateway").info("x", extra=fields)
    text = stream.getvalue()
    assert logs.REDACTED in text
    assert "hunter2" not in text
    assert "eyJ" not in text


def test_secrets_do_not_get_out_by_message_or_traceback_either(stream):
    log = logging.getLogger("gateway")
    log.info("got %s", TOKEN)
    try:
        raise ValueError(TOKEN)
    except ValueError:
        log.exception("failed")
    first, second = lines(stream)
    assert first["event"] == f"got {logs.REDACTED}"
    assert second["error"] == "ValueError"
    assert "Traceback" in str(second["traceback"])
    assert "eyJ" not in stream.getvalue()


def test_ids_that_only_sound_like_secrets_stay(stream):
    logging.getLogger("gateway").info("x", extra={"token_id": "jti-1", "reason": "token_expired", "key_id": "k1"})
    (line,) = lines(stream)
    assert (line["token_id"], line["reason"], line["key_id"]) == ("jti-1", "token_expired", "k1")


def test_fields_cannot_take_the_place_of_the_event(stream):
    logging.getLogger("gateway").info("x", extra={"event": "y", "level": "z", "at": 0})
    (line,) = lines(stream)
    assert (line["event"], line["level"]) == ("x", "info")
    assert line["at"] != 0


def test_the_level_is_kept_and_warnings_of_python_are_logged(stream):
    logging.getLogger("gateway").debug("hidden")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", UserWarning, stacklevel=1)
    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"


def test_every_level_of_the_configuration_is_known():
    assert set(LOG_LEVELS) == set(logs.LEVELS)


def test_configuring_twice_does_not_log_twice(stream):
    logs.configure("debug", stream)
    logging.getLogger("gateway").debug("once")
    assert len(lines(stream)) == 1


def test_which_worker_says_it(stream):
    logging.getLogger("gateway").info("x")
    logs.configure("info", stream, worker=3)
    logging.getLogger("gateway").info("x")
    first, second = lines(stream)
    assert "worker" not in first
    assert second["worker"] == 3
