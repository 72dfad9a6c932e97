"""Of the modules below a folder, those that the gateway imports: ``python imported.py compile|prune FOLDER``.

``compile`` makes their bytecode. The image's root is read-only, so what is not compiled now is compiled at every start;
all there is would be 30 MB. By the hash of the source and not by its time, so that two builds are the same, and
unchecked, since nothing changes there. ``prune`` removes generated messages (``*_pb2.py``) that are not among them: of
the contracts of Envoy and Google few are used.
"""

from __future__ import annotations

import importlib
import pkgutil
import py_compile
import sys
from pathlib import Path

import gateway

LATE = ("datasketches", "confluent_kafka", "aws_request_signer")  # loaded when they are needed first


def imported() -> set[Path]:
    """The source of every module that the gateway brings, but for parts whose extra is not in the image."""
    for name in [module.name for module in pkgutil.walk_packages(gateway.__path__, "gateway.")] + [*LATE]:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in {"gateway", *LATE}:
                raise
    return {Path(file) for one in [*sys.modules.values()] if (file := getattr(one, "__file__", None)) is not None}


def main(what: str, folder: Path) -> None:
    """As it is called."""
    used = imported()
    if what == "prune":
        for path in folder.rglob("*_pb2*.py"):
            if path not in used:
                path.unlink()
        return
    for path in sorted(used):
        if path.suffix == ".py" and path.is_relative_to(folder):
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(str(path), doraise=True, invalidation_mode=mode, quiet=2)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
