"""Logs: one JSON object per line, the event's name first, ids as fields. A log is not the record.

Write ``log.info("session_opened", extra={"session": id})`` with a fixed name as message. Fields whose names promise a
secret, and texts that look like a token, are replaced: a mistake at a call must not put a credential on disk.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TextIO

REDACTED: Final = "[redacted]"
LEVELS: Final = MappingProxyType(
    {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
)
_OWN: Final = "gateway"
_SECRET_NAME: Final = re.compile(r"(?i)password|passwd|secret|token$|^jwt$|authorization|cookie|private_?key")
# Three base64url parts joined by dots, the first a JSON object: a JWT wherever it appears.
_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_URI_PASSWORD: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON. ``worker``: which of a gateway's several processes says it."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """``event``, ``at``, ``level``, ``logger``, then the fields in the order given."""
        message = redact_text(record.getMessage())
        own = record.name == _OWN or record.name.startswith(f"{_OWN}.")
        line: dict[str, Any] = {
            "event": message if own else "library_message",
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if self._worker is not None:
            line["worker"] = self._worker
        if not own:
            line["message"] = message
        for name, value in record.__dict__.items():
            if name not in _STANDARD and name not in line:
                line[name] = _field(name, value)
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = redact_text(self.formatException(record.exc_info))
        return json.dumps(line)  # ASCII: no control or direction characters of a peer reach a terminal


def redact_text(text: str) -> str:
    """The text without anything that looks like a token or a password in a URI."""
    return _URI_PASSWORD.sub(rf"\1:{REDACTED}@", _TOKEN.sub(REDACTED, text))


def _field(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, str):
        return redact_text(str(value))
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _field(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_field("", item) for item in value]
    return redact_text(str(value))


def configure(level: str, stream: TextIO, *, worker: int | None = None) -> None:
    """Send every log of this process to ``stream``; warnings of Python too. Replaces what was configured before."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(worker))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    logging.captureWarnings(True)
