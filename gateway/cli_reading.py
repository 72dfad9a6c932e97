"""What every command of `gateway.cli` shares that reads the record, or what is known of people: first it asks."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.console import CANNOT, NO, config_option, load_config, quiet, say_engine_trouble, unrecorded_option
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.inquiry import Reading
    from gateway.links.sources import Sources

_UNRECORDED = "--unrecorded reads a copy without asking and without an entry"


def record_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """DIRECTORY, --config and --unrecorded, for `readable`."""
    folder = click.Path(path_type=Path, file_okay=False)
    return click.argument("directory", type=folder, required=False)(config_option(unrecorded_option(command)))


@dataclass(frozen=True, slots=True)
class Readable:
    """A record that may be read, and until when the rules have said so."""

    folder: Path
    until: float


def readable(directory: Path | None, config_path: Path, unrecorded: bool, reading: Reading, asked: str) -> Readable:
    """The record, once the rules have allowed to read it and that is recorded. Ends the program where they do not;
    raises ConfigError where they cannot be asked."""
    if unrecorded:
        if directory is None:
            raise ConfigError(["--unrecorded: name the folder of the copy that is to be read"])
        if directory.exists() and _is_our_record(directory, config_path):
            raise ConfigError([f"{directory} is the gateway's own record, and no copy: to read it is recorded"])
        click.echo("nobody was asked, and this is not recorded (--unrecorded)", err=True)
        return Readable(_there(directory), math.inf)
    if not config_path.exists():
        raise ConfigError([f"{config_path}: there is no configuration, whose rules say who may read; {_UNRECORDED}"])
    config = load_config(config_path)
    folder = _there(directory or config.record.directory)
    elsewhere = "" if directory is None else f" of {directory}"
    return Readable(folder, allowed(config, reading, asked + elsewhere))


def allowed(config: Config, reading: Reading, asked: str, sources: Sources | None = None) -> int:
    """Until when the rules allow it; where they do not, say why and end the program."""
    from gateway.asking import NotAllowed, ask
    from gateway.errors import Reason

    quiet()
    try:
        return ask(config, reading, asked, sources=sources)
    except NotAllowed as error:
        outcome = error.outcome
        click.echo(f"denied: {outcome.message.removeprefix('access denied: ')}", err=True)
        for line in (*outcome.detail.splitlines(), *outcome.hint.splitlines()):
            click.echo(f"  {line}", err=True)
        if outcome.reason is Reason.RECORD_UNAVAILABLE:
            click.echo(f"  {_UNRECORDED}", err=True)
        if outcome.reason is not Reason.POLICY_DENIED:
            say_engine_trouble(config)
        sys.exit(NO if outcome.reason is Reason.POLICY_DENIED else CANNOT)


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError([f"{folder}: there is no such folder"])
    return folder


def _is_our_record(directory: Path, config_path: Path) -> bool:
    try:
        ours = load_config(config_path).record.directory
    except (ConfigError, OSError):
        return False  # no gateway here
    return ours.exists() and ours.samefile(directory)
