"""waitress as it is set up here. What it does with bytes is asked over real sockets in test_door."""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import cast

import pytest
from waitress.task import Task

from gateway.doors.http.server import workers


def stack_size() -> int:
    """Bytes of stack the calling thread has, as the C library knows it."""
    library = ctypes.CDLL(None)
    attributes, size = ctypes.create_string_buffer(256), ctypes.c_size_t()
    assert library.pthread_getattr_np(ctypes.c_ulong(threading.get_ident()), attributes) == 0
    assert library.pthread_attr_getstacksize(attributes, ctypes.byref(size)) == 0
    library.pthread_attr_destroy(attributes)
    return size.value


class Measuring:
    """A task of a worker."""

    def __init__(self) -> None:
        self.size = 0
        self.done = threading.Event()

    def service(self) -> None:
        self.size = stack_size()
        self.done.set()

    def cancel(self) -> None:
        self.done.set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks glibc")
def test_workers_have_a_deep_stack_and_later_threads_the_usual_one() -> None:
    before = threading.stack_size()
    dispatcher, task = workers(1), Measuring()
    dispatcher.add_task(cast(Task, task))
    assert task.done.wait(10)
    dispatcher.shutdown(timeout=10)
    assert task.size >= 16 * 1024 * 1024
    assert threading.stack_size() == before
