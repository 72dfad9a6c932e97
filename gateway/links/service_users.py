"""Service users: names, verifiers, groups and dates, from one YAML file.

    users:
    - name: svc_report                    # begins with one of service_users.prefixes
      subject: report-job                 # of the principal; none = the name
      verifier: SCRAM-SHA-256$4096:…      # as PostgreSQL keeps it in pg_authid
      groups: [engineer]
      from: 2026-01-01
      to: 2027-01-01                      # first day it is no longer good

Whether a name exists must not show: every name begins with a prefix that is asked for SCRAM whoever it is, all
verifiers have one iteration count, and a name nobody has is given a salt that stays the same, drawn from a secret key.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway import config
from gateway.errors import ConfigError
from gateway.facts.fields import Problems, Section
from gateway.facts.period import DAY, Period, day_of
from gateway.facts.yaml_tree import MAX_BYTES, TreeProblem, read_tree
from gateway.pgwire.scram_server import DEFAULT_ITERATIONS, Verifier, mock_verifier

_MAX_NAME: Final = 63  # PostgreSQL's


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """One service or break-glass user."""

    name: str
    subject: str
    verifier: Verifier
    groups: tuple[str, ...]
    period: Period

    def expires_at(self, at: int, lifetime: int) -> int:
        """When a login of this moment is no longer good."""
        end = at + lifetime
        return end if self.period.end is None else min(end, self.period.end * DAY)


class ServiceUsers:
    """All users of one file. Frozen; a new file makes a new one."""

    def __init__(self, settings: config.ServiceUsers, users: Mapping[str, ServiceUser], mock_key: bytes) -> None:
        self.issuer = settings.issuer
        self._prefixes = settings.prefixes
        self._users = dict(users)
        self._mock_key = mock_key
        self._iterations = next((user.verifier.iterations for user in users.values()), DEFAULT_ITERATIONS)

    def asked(self, name: str) -> bool:
        """Whether SCRAM is asked of this name. It depends on the name's beginning only, not on who exists."""
        return name.startswith(self._prefixes)

    def find(self, name: str, at: int) -> tuple[ServiceUser, bool]:
        """The user of this name, and whether there is one and it is good at this moment; else the login is doomed.

        A name nobody has is given a stand-in, which is always made: both ways cost the same.
        """
        mock = mock_verifier(self._mock_key, name, self._iterations)
        nobody = ServiceUser(name, name, mock, (), Period())
        user = self._users.get(name, nobody)
        return user, user is not nobody and user.period.covers(day_of(at))

    def good(self, name: str, subject: str, at: int) -> bool:
        """Whether a user who logged in earlier still could."""
        user = self._users.get(name)
        return user is not None and user.subject == subject and user.period.covers(day_of(at))


def load_service_users(settings: config.ServiceUsers, mock_key: bytes) -> ServiceUsers:
    """The users of a file. Raises ConfigError with every problem, each with its place."""
    problems = Problems()
    users = _read(settings, settings.file, problems)
    if found := problems.listed():
        raise ConfigError(found)
    return ServiceUsers(settings, users, mock_key)


def mock_key(secret: bytes) -> bytes:
    """The key for salts of names nobody has, out of a secret that is also used for something else."""
    return hmac.digest(secret, b"sekisho scram mock key", "sha256")


def _read(settings: config.ServiceUsers, path: Path, problems: Problems) -> dict[str, ServiceUser]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        root = Section(read_tree(data), str(path), problems)
    except OSError as error:
        problems.add(str(path), 0, f"cannot be read: {error.strerror or error}")
        return {}
    except TreeProblem as problem:
        problems.add(str(path), problem.line, problem.text)
        return {}
    users: dict[str, ServiceUser] = {}
    subjects: set[str] = set()
    for section in root.sections("users"):
        user = _user(section, settings)
        if user is None:
            continue
        if user.name in users:
            section.problem(f"'{user.name}' for the second time", "name")
        if user.subject in subjects:
            section.problem(f"subject '{user.subject}' is another user's too: two users would be one principal")
        users[user.name] = user
        subjects.add(user.subject)
        if user.verifier.iterations != next(iter(users.values())).verifier.iterations:
            section.problem("another iteration count than the first user's: it would tell names apart", "verifier")
    root.done()
    return users


def _user(section: Section, settings: config.ServiceUsers) -> ServiceUser | None:
    name = section.text("name")
    text = section.text("verifier")
    subject = section.optional_text("subject") or name
    groups, period = section.texts("groups"), section.period()
    section.done()
    if name and (not name.startswith(settings.prefixes) or len(name.encode()) > _MAX_NAME):
        prefixes = " or ".join(settings.prefixes)
        section.problem(
            f"a name begins with {prefixes} (service_users.prefixes) and has up to {_MAX_NAME} bytes", "name"
        )
    if not name or not text:
        return None
    try:
        verifier = Verifier.parse(text)
    except ValueError as error:
        section.problem(f"'verifier' {error}", "verifier")
        return None
    return ServiceUser(name, subject, verifier, groups, period)
