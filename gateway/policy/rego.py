"""The only importer of the Rego library. Its quirks stop at this seam; tests/unit/policy/test_rego.py shows each.

Measured: a compiled program belongs to the thread that made it, and any other thread gets a panic that derives from
``BaseException``; an undefined rule comes back as the *string* ``"<undefined>"``, and an undefined value bound with
``:=`` or put into a set travels on under that same string; error texts carry stack traces; a compiled program ends
after 25,000 instructions, which cannot be changed from Python: a document too large for that is denied, and an OPA has
no such bound. The library's interpreter has none either, and is no way out: on packs that are reached by a variable
(``data.law[name].passed``) it answered golden cases otherwise.
"""

from __future__ import annotations

import ctypes
import json
import re
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import regorus

from gateway.errors import PolicyUnavailable, Reason

if TYPE_CHECKING:  # processes that only judge start sooner without it
    from gateway.model import JsonValue

UNDEFINED: Final = "<undefined>"
_TRACE: Final = "Stack backtrace:"
_PLACE: Final = re.compile(r"-->\s*(?P<file>[^\n]*?):(?P<line>\d+):\d+")
_ERROR: Final = re.compile(r"^error: (?P<message>.*)$", re.MULTILINE)
_TOO_LONG: Final = "exceeded maximum instruction limit"
_TOO_MUCH: Final = (
    "it names more than the embedded policy engine can judge: ask for fewer columns at once (200 are always well), or "
    "let an OPA decide (`policy.engine: opa`)"
)


class RegoError(Exception):
    """A module or a set of modules does not compile. The text is one line: ``file:line: message``."""


def plain_error(text: str) -> str:
    """One line a person can use, from the library's error text: never its stack trace."""
    text = text.split(_TRACE, 1)[0]
    place, error = _PLACE.search(text), _ERROR.search(text)
    message = error["message"] if error else " ".join(text.split()) or "the module does not compile"
    return f"{place['file']}:{place['line']}: {message}" if place else message


def _survivable(problem: BaseException) -> bool:
    """True for failures of the library; a panic is a ``BaseException`` that is none of Python's own."""
    return not isinstance(problem, KeyboardInterrupt | SystemExit | GeneratorExit)


def check_syntax(path: str, text: str) -> str | None:
    """What is wrong with this one module by itself, or None."""
    try:
        regorus.Engine().add_policy(path, text)
    except BaseException as problem:
        if not _survivable(problem):
            raise
        return plain_error(str(problem))
    return None


class RegoProgram:
    """Compiled modules with their data and one entry point. Usable only in the thread that made it."""

    __slots__ = ("_entry_point", "_thread", "_vm")

    def __init__(self, modules: Sequence[tuple[str, str]], data: Mapping[str, Any], entry_point: str) -> None:
        data_json = json.dumps(data)
        self._thread = threading.get_ident()
        try:
            program = regorus.Program.compile_from_modules(data_json, list(modules), [entry_point])
            self._vm = regorus.Rvm()
            self._vm.load_program(program)
            self._vm.set_data_json(data_json)
        except BaseException as problem:
            if not _survivable(problem):
                raise
            raise RegoError(plain_error(str(problem))) from None
        self._entry_point = entry_point

    def __del__(self) -> None:
        # An engine dropped while other threads live takes their programs with it, here, in the wrong thread. The
        # library would complain loudly and free nothing; one reference more is the same without the noise.
        if threading.get_ident() != self._thread and hasattr(self, "_vm"):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._vm))

    def evaluate(self, document: JsonValue) -> JsonValue:
        """The entry point's value for this input document; ``PolicyUnavailable`` where it has none."""
        try:
            self._vm.set_input_json(json.dumps(document, allow_nan=False))
            answer = json.loads(self._vm.execute_entry_point(self._entry_point))
        except BaseException as problem:
            if not _survivable(problem):
                raise
            if _TOO_LONG in str(problem):
                raise PolicyUnavailable(Reason.ENGINE_FAILED, _TOO_MUCH) from None
            # The chain is cut: the library's text may hold a stack trace and values of the document.
            raise PolicyUnavailable(Reason.ENGINE_FAILED, "the policy engine failed on this request") from None
        if holds_undefined(answer):
            raise PolicyUnavailable(Reason.ENGINE_UNDEFINED, "the policy's answer is undefined")
        return answer  # type: ignore[no-any-return]


def holds_undefined(value: object) -> bool:
    """True where the library's word for "no value" is the value or stands anywhere inside it."""
    if isinstance(value, str):
        return value == UNDEFINED
    if isinstance(value, dict):
        return any(holds_undefined(part) for part in value.values()) or UNDEFINED in value
    if isinstance(value, list):
        return any(holds_undefined(part) for part in value)
    return False
