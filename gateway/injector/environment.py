"""Rewrites the database's address in the environment of the application's containers: only variables the pod names.

    sekisho.dev/rewrite-env: DATABASE_URL,PGHOST

Without the annotation nothing is rewritten. What is named and cannot be rewritten is a denial: an application that
kept the database's own address would go round the gateway, and whoever asked for this believes that it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.injector.address import NotAnAddress, Rewritten, demands_tls, rewritten
from gateway.injector.answers import Deny, Object, Refusal, items_of, replace
from gateway.injector.sidecar import CONTAINER
from gateway.model import JsonValue

REWRITE: Final = "sekisho.dev/rewrite-env"
_NAME: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]{0,252}")
_MOST: Final = 32  # names
_POSTGRES: Final = 5432  # where a client asks that is told no port


@dataclass(frozen=True, slots=True)
class Environment:
    """What is to be done about it. ``operations`` go before any that adds a container: they count them."""

    operations: tuple[Object, ...] = ()
    warnings: tuple[str, ...] = ()


def names_of(annotations: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The variables that the pod names. Raises Deny."""
    value = annotations.get(REWRITE)
    if value is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in value.split(","))) if isinstance(value, str) else ()
    if not names or len(names) > _MOST or not all(_NAME.fullmatch(name) for name in names):
        raise Deny(
            Refusal.ANNOTATION_INVALID, f"{REWRITE} is 1 to {_MOST} names of variables, with commas between them"
        )
    return names


def environment(spec: Mapping[str, JsonValue], names: tuple[str, ...], port: int) -> Environment:
    """The application's, with the sidecar's address under these names. Raises Deny."""
    operations: list[Object] = []
    warnings: list[str] = []
    missing = set(names)
    for key in ("initContainers", "containers"):
        for index, item in enumerate(items_of(spec, key)):
            if item.get("name") == CONTAINER:
                continue
            container = _Container(item, f"/spec/{key}/{index}", names, port)
            for place, name, was, new in container.rewritten():
                missing.discard(name)
                if new.value != was:
                    operations.append(replace(f"{container.path}/env/{place}/value", new.value))
            warnings += container.warnings
    if missing:
        why = f"{REWRITE}: no container has {', '.join(sorted(missing))} under `env`; what comes from `envFrom` must be"
        raise Deny(Refusal.REWRITE_IMPOSSIBLE, f"{why} written there to be rewritten")
    return Environment(tuple(operations), tuple(warnings))


class _Container:
    """One container's variables."""

    def __init__(self, item: Mapping[str, JsonValue], path: str, names: tuple[str, ...], port: int) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._item = item
        self._who = f"container {item.get('name')}"
        self._names = names
        self._port = port

    def rewritten(self) -> Iterator[tuple[int, str, str, Rewritten]]:
        """Place, name, value and new value of each variable named."""
        done: dict[str, Rewritten] = {}
        for place, variable in enumerate(items_of(self._item, "env")):
            name = variable.get("name")
            if isinstance(name, str) and name in self._names:
                was = self._literal(name, variable)
                done[name] = new = self._new(name, was)
                yield place, name, was, new
        self._tell(done)

    def _literal(self, name: str, variable: Mapping[str, JsonValue]) -> str:
        if variable.get("valueFrom") is not None:
            why = "its value comes from elsewhere (`valueFrom`), where this injector neither reads nor writes"
            how = "write the address as a `value`; a password may stay where it is, as $(NAME) in it"
            raise Deny(Refusal.REWRITE_IMPOSSIBLE, f"{self._who}: {name}: {why}: {how}")
        value = variable.get("value", "")
        if not isinstance(value, str):
            raise Deny(Refusal.POD_MALFORMED, f"{self._who}: the value of {name} is not text")
        return value

    def _new(self, name: str, value: str) -> Rewritten:
        try:
            return rewritten(name, value, self._port)
        except NotAnAddress as error:
            raise Deny(Refusal.REWRITE_IMPOSSIBLE, f"{self._who}: {name} cannot be rewritten: {error}") from error

    def _tell(self, done: Mapping[str, Rewritten]) -> None:
        for name, new in done.items():
            if new.without_tls:
                self._warn(f"{name}: TLS is asked for no more; the sidecar's own line to the database is as configured")
        if not done and self._item.get("envFrom"):
            self._warn(f"not rewritten if it comes from `envFrom`: {', '.join(self._names)}")
        if any(new.portless for new in done.values()) and self._port != _POSTGRES:
            if not any(new.value == str(self._port) for new in done.values()):
                self._warn(f"the sidecar listens on port {self._port}: name the variable of the port as well")
        mode = self._sslmode()
        if done and "PGSSLMODE" not in done and mode is not None and demands_tls(mode):
            self._warn(f"PGSSLMODE is {mode}, and on 127.0.0.1 there is no TLS: name PGSSLMODE as well")

    def _sslmode(self) -> str | None:
        for variable in items_of(self._item, "env"):
            if variable.get("name") == "PGSSLMODE" and isinstance(mode := variable.get("value"), str):
                return mode if re.fullmatch(r"[a-z-]{1,20}", mode) else "unknown"
        return None

    def _warn(self, text: str) -> None:
        self.warnings.append(f"{self._who}: {text}")
