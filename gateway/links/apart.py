"""A process that reads long texts and large trees. The loop's own process stays free for everybody else.

A thread would not do: the parser keeps the interpreter to itself, and a compiled reader does, too. What is more, a task
that takes too long can be ended here, and a text that ends the parser ends no gateway. The process is started when it
is first needed, sees neither configuration nor sockets, and goes when this one does.

What comes back is made of the classes in ``_CLASSES`` and nothing else: the process has read what strangers wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from enum import Enum
from struct import Struct
from types import MappingProxyType
from typing import IO, Any, Final

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.fair import Turns
from gateway.model import ColumnUse, ColumnUseKind, Confidence, Spread, StatementEffect, StatementFacts
from gateway.naming import NameDeed, NameKind, NameUse
from gateway.reading import Inspected, Proof, Rewriting, Task
from gateway.search_path import PathDeed
from gateway.sql.assigned import Assigned
from gateway.sql.catalog import Catalog
from gateway.sql.codes import IncompleteCode
from gateway.sql.gate import GateStatement

_log = logging.getLogger(__name__)

_LENGTH: Final = Struct("!Q")
_CATALOGS: Final = 8  # kept on the other side
_NICE: Final = 5  # the loop goes first where processors are few
_ENVIRONMENT: Final = ("LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME")
_TROUBLE: Final = "\0"  # no normalised text begins so
_PROGRAM: Final = "from gateway.links.apart import serve; serve()"
_CLASSES: Final = {
    (one.__module__, one.__qualname__): one
    for one in (
        ColumnUse,
        ColumnUseKind,
        Confidence,
        GateStatement,
        Assigned,
        PathDeed,
        NameDeed,
        NameKind,
        NameUse,
        IncompleteCode,
        Inspected,
        Rewriting,
        Proof,
        Spread,
        StatementEffect,
        StatementFacts,
    )
}


class _Failed(Exception):
    """The task raised on the other side."""


class Apart:
    """One process at work, one task at a time; everybody who waits has his turn. Lives on the loop."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._turns = Turns(1)
        self._thread: ThreadPoolExecutor | None = None  # it moves bytes and waits for them
        self._process: subprocess.Popen[bytes] | None = None
        self._sent: OrderedDict[int, Catalog] = OrderedDict()  # by id; kept, so that no other gets the same
        self._closed = False
        self._life = threading.Lock()  # of the process: the loop may kill what the thread starts and buries

    async def perform(self, task: Task, principal: str) -> Any:
        """What ``task.perform()`` gives. Raises PolicyUnavailable: too busy, too slow, or the process was lost."""
        late = "other long statements are being read; try again in a moment"
        try:
            async with asyncio.timeout(self._timeout), self._turns.turn(principal):
                late = f"it takes longer than {self._timeout:g} s to read: make it shorter"
                if self._thread is None:
                    self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
                answer = asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, task)
                try:
                    return await asyncio.shield(answer)
                except asyncio.CancelledError:
                    self._kill()  # nobody waits for the answer: neither must the thread, and whoever is next
                    await asyncio.wait([answer])
                    answer.exception()  # read: it says that the process is gone
                    self._bury()  # it had answered a moment before, and nobody in the thread saw it go
                    raise
        except TimeoutError:
            raise PolicyUnavailable(Reason.LIMIT_EXCEEDED, late) from None
        except (OSError, EOFError, pickle.PickleError, _Failed) as error:
            _log.warning("reading_failed", extra={"why": f"{type(error).__name__}: {error}"})
            raise PolicyUnavailable(Reason.STATEMENT_INCOMPLETE, "the statement could not be read") from error

    def close(self) -> None:
        """End the process."""
        self._closed = True
        self._kill()
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
        self._bury()

    def _kill(self) -> None:
        with self._life:
            if self._process is not None:
                self._process.kill()

    # -- in the thread --------------------------------------------------------------------------------------------

    def _exchange(self, task: Task) -> Any:
        try:
            requests, answers = self._started()
            _write(requests, self._request(task))
            answer = _Unpickler(io.BytesIO(_read(answers))).load()
        except BaseException:
            self._bury()  # the next answer of this process might be to this question
            raise
        if isinstance(answer, str) and answer.startswith(_TROUBLE):
            raise _Failed(answer[1:])
        return answer

    def _started(self) -> tuple[IO[bytes], IO[bytes]]:
        with self._life:
            if self._closed:
                raise EOFError("closed")
            if self._process is None:
                self._sent.clear()
                environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own program
                    [sys.executable, "-P", "-c", _PROGRAM],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,  # a signal to the gateway is not one to this process
                    env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
            if self._process.stdin is None or self._process.stdout is None:
                raise EOFError("the process has no pipes")
            return self._process.stdin, self._process.stdout

    def _bury(self) -> None:
        with self._life:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not written is not wanted any more
                    stream.close()

    def _request(self, task: Task) -> bytes:
        """The task, before it those of its catalogs that the other side has not seen yet, and which it may forget."""
        body = io.BytesIO()
        pickler = _Pickler(body, pickle.HIGHEST_PROTOCOL)
        pickler.dump(task)
        fresh: dict[int, bytes] = {}
        gone: list[int] = []
        for number, catalog in pickler.catalogs.items():
            if number not in self._sent:
                fresh[number] = _pickled(tuple(getattr(catalog, one.name) for one in fields(catalog)))
                self._sent[number] = catalog
            self._sent.move_to_end(number)
        while len(self._sent) > _CATALOGS:
            gone.append(self._sent.popitem(last=False)[0])
        return pickle.dumps((fresh, gone, body.getvalue()), pickle.HIGHEST_PROTOCOL)


class _Pickler(pickle.Pickler):
    """Tasks and answers; catalogs by their numbers."""

    def __init__(self, out: IO[bytes], protocol: int) -> None:
        super().__init__(out, protocol)
        self.catalogs: dict[int, Catalog] = {}

    def persistent_id(self, value: Any) -> int | None:
        if type(value) is not Catalog:
            return None
        self.catalogs[id(value)] = value
        return id(value)

    def reducer_override(self, value: Any) -> Any:
        if type(value) is MappingProxyType:
            return _read_only, (dict(value),)
        if isinstance(value, Enum):  # by its value: by its name would need getattr on the other side
            return type(value), (value.value,)
        return NotImplemented


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


def _pickled(value: Any) -> bytes:
    out = io.BytesIO()
    _Pickler(out, pickle.HIGHEST_PROTOCOL).dump(value)
    return out.getvalue()


class _Tasks(pickle.Unpickler):
    """On the other side: tasks, with the catalogs that are there."""

    def __init__(self, body: IO[bytes], catalogs: Mapping[int, Catalog]) -> None:
        super().__init__(body)
        self._catalogs = catalogs

    def persistent_load(self, number: Any) -> Catalog:
        return self._catalogs[number]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _CLASSES:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer")
        return _CLASSES[module, name]


def _write(stream: IO[bytes], body: bytes) -> None:
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError("the process is gone")
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    if len(body) < length:
        raise EOFError("the process is gone")
    return body


def serve() -> None:
    """The other side: tasks from standard input, answers to standard output, until the input ends."""
    os.nice(_NICE)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not print into an answer
    catalogs: dict[int, Catalog] = {}
    while True:
        try:
            request = _read(requests)
        except EOFError:
            return
        fresh, gone, body = pickle.loads(request)  # noqa: S301 - from the gateway itself
        for number, values in fresh.items():
            catalogs[number] = Catalog(*pickle.loads(values))  # noqa: S301 - likewise
        for number in gone:
            del catalogs[number]
        task = _Tasks(io.BytesIO(body), catalogs).load()
        try:
            answer = task.perform()
        except Exception as error:  # an edge: whatever it is, the next task is another's
            answer = f"{_TROUBLE}{type(error).__name__}"
        _write(answers, _pickled(answer))
