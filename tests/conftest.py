"""What every test has: the fixtures of `tests.servers`, and how long Hypothesis looks.

``make test`` runs the same examples each time, ``make properties`` more of the same (CI runs both), and a fresh look is
``make fuzz``: a gate must not fail by chance, and a search must not repeat itself. No deadline: the time of one example
on a busy machine says nothing.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator

# gRPC's handlers around fork would run in every server that a test starts, and once ended one before its exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

# A shell without job control starts what is put into the background deaf to Ctrl-C, and so are its children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.servers", "tests.houses", "tests.envoys", "tests.kubernetes")

settings.register_profile("quick", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("gate", deadline=None, derandomize=True, max_examples=100)
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "2000")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quick")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Sixteen thousand tests are made, and all stay: nothing is looked for among them, neither now nor in each later
    collection of garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_unconfigure() -> None:
    """What libraries of C++ check when the process ends is theirs to find again."""
    gc.unfreeze()
