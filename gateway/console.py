"""What every command of `gateway.cli` shares: the option that names the configuration, and how problems are told."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
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
P = ParamSpec("P")


def reporting_problems(command: Callable[P, int]) -> Callable[P, None]:
    """Every problem of configuration on a line of its own, exit code 2; a stack trace is never a person's answer."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except ConfigError as error:
            code = _report(error.problems)
        except SekishoError as error:
            code = _report((error.detail or error.answer.summary,))
        except BrokenPipeError:
            raise  # nobody reads any more, and click ends it quietly
        except OSError as error:
            place = f"{error.filename}: " if error.filename is not None else ""
            code = _report((f"{place}{error.strerror or error}",))
        sys.exit(code)

    return wrapped


def quiet() -> None:
    """What goes wrong is said once, by the command itself: warnings of the parts below are for a log."""
    logging.getLogger().addHandler(logging.NullHandler())


def _report(problems: tuple[str, ...]) -> int:
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    word = click.style("error", fg="red") if colour else "error"
    for problem in problems:
        click.echo(f"{word}: {problem}", err=True)
    return CANNOT


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
