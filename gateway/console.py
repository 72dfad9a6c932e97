"""What every command of `gateway.cli` shares: the option that names the configuration, and how problems are told."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec

import click

from gateway.errors import ConfigError, SekishoError

if TYPE_CHECKING:
    from gateway.config import Config

GOOD: Final = 0  # done
NO: Final = 1  # done, and the answer is no
CANNOT: Final = 2  # could not be done
_LONG: Final = 64 * 1024 * 1024  # bytes of which reading takes so long that somebody wants to know how far it is
P = ParamSpec("P")


def reporting_problems(command: Callable[P, int]) -> Callable[P, None]:
    """Every problem of configuration on a line of its own, exit code 2; a stack trace is never a person's answer."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except ConfigError as error:
            code = told(error.problems)
        except SekishoError as error:
            code = told((error.detail or error.answer.summary,))
        except BrokenPipeError:
            raise  # nobody reads any more, and click ends it quietly
        except OSError as error:
            place = f"{error.filename}: " if error.filename is not None else ""
            code = told((f"{place}{error.strerror or error}",))
        sys.exit(code)

    return wrapped


def quiet() -> None:
    """What goes wrong is said once, by the command itself: warnings of the parts below are for a log."""
    logging.getLogger().addHandler(logging.NullHandler())


def say_engine_trouble(config: Config) -> None:
    """Where nobody could decide: which OPA was asked, what came of it, and what to do."""
    import asyncio

    from gateway.links.engines import engine_trouble
    from gateway.links.sources import load_all

    if config.policy.opa is not None and (
        trouble := asyncio.run(engine_trouble(config.policy, load_all(config)[0].bundle))
    ):
        click.echo(f"  {trouble}", err=True)


@contextmanager
def counting(directory: Path) -> Iterator[Callable[[int], None] | None]:
    """Progress over the record in a folder, on a terminal and for long ones only; nowhere else."""
    size = sum(path.stat().st_size for path in directory.glob("*.jsonl")) if directory.is_dir() else 0
    if size < _LONG or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=size, label=f"{size >> 20} MiB", file=sys.stderr) as bar:
        yield bar.update


def told(problems: tuple[str, ...], code: int = CANNOT) -> int:
    """Say what is wrong; the exit code."""
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    word = click.style("error", fg="red") if colour else "error"
    for problem in problems:
        click.echo(f"{word}: {problem}", err=True)
    return code


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("sekisho.yaml"),
        show_default=True,
        envvar="SEKISHO_CONFIG",
        help="The configuration file.",
    )(command)


def unrecorded_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--unrecorded", is_flag=True, help="Read without recording it: of a copy that must stay as it is, say."
    )(command)


def load_config(path: Path) -> Config:
    from gateway.config_load import load

    environ = {name: value for name, value in os.environ.items() if name != "SEKISHO_CONFIG"}
    return load(path, environ)
