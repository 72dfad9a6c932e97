"""What the settings of sinks must fulfil beyond their types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.config_draft import HOST, Draft, Problem, address_problem, is_loopback, split_address
from gateway.config_sinks import KINDS

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
TABLE: Final = re.compile(r"[a-z_][a-z0-9_]{0,39}\.[a-z_][a-z0-9_]{0,39}")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_FORGED: Final = "whoever is on the way reads who read what, and can drop it"


def sinks(draft: Draft) -> Iterator[Problem]:
    """Sinks of one name, and a `remote` that none of them is."""
    given = draft.sections("sinks")
    names = [one.get("name") for one in given]
    for index, name in enumerate(names):
        if name is not None and name in names[:index]:
            yield f"sinks[{index}].name", f"`{name}` is there twice"
    remote = draft.get("remote")
    if remote is None or (wanted := remote.get("sink")) is None:
        return
    if wanted not in names:
        yield "remote.sink", f"`{wanted}` is none of `sinks`"
    elif given[names.index(wanted)].get("ocsf") is not None:
        yield "remote.sink", f"`{wanted}` writes files beside the record, which is not elsewhere"


def sink(draft: Draft) -> Iterator[Problem]:
    """One kind, and a name for files and metrics."""
    name = draft.get("name")
    if name is not None and not _NAME.fullmatch(name):
        yield "name", "small letters, digits, `_` and `-`, at most 40"
    given = [kind for kind in KINDS if draft.get(kind) is not None]
    if draft.values.keys() >= set(KINDS) and len(given) != 1:
        yield "", f"name exactly one of {', '.join(KINDS)}" + (f"; here: {', '.join(given)}" if given else "")


def kafka(draft: Draft) -> Iterator[Problem]:
    """Brokers over TLS, and a whole login."""
    for index, server in enumerate(draft.get("servers") or ()):
        try:
            host, _ = split_address(server)
        except ValueError as error:
            yield f"servers[{index}]", f"`{server}`: {error}"
        else:
            if draft.values.get("tls") is False and not is_loopback(host):
                yield "tls", f"without TLS brokers are reached on a loopback address only: {_FORGED}"
    if draft.get("servers") == ():
        yield "servers", "name at least one"
    topic = draft.get("topic")
    if topic is not None and not _TOPIC.fullmatch(topic):
        yield "topic", f"`{topic}` is no name of a topic"
    mechanism, login = draft.get("mechanism"), (draft.get("username"), draft.get("password_file"))
    if mechanism == "none" and login != (None, None):
        yield "mechanism", "missing, and a login is given"
    elif mechanism not in (None, "none") and None in login:
        yield "mechanism", f"`{mechanism}` needs `username` and `password_file`"
    yield from _pair(draft)


def postgres(draft: Draft) -> Iterator[Problem]:
    """A server over TLS, and a table's name."""
    host, tls, table = draft.get("host"), draft.get("tls"), draft.get("table")
    if host is not None:
        socket = host.startswith("/")
        if not socket and not HOST.fullmatch(host):
            yield "host", f"`{host}` is no host name, address or absolute path of a socket folder"
        elif tls == "disable" and not socket and not is_loopback(host):
            yield "tls", "`disable` is for a Unix socket or a loopback address only"
        elif tls == "verify-full" and socket:
            yield "tls", "a Unix socket carries no TLS: say `disable`"
    if table is not None and not TABLE.fullmatch(table):
        yield "table", "schema.table, each of small letters, digits and `_`, at most 40"
    yield from _pair(draft)


def posted(draft: Draft) -> Iterator[Problem]:
    """An address that is posted to."""
    url = draft.get("url")
    if url is not None and (problem := address_problem(url, _FORGED)):
        yield "url", problem


def _pair(draft: Draft) -> Iterator[Problem]:
    missing = [part for part in ("certificate", "key") if part in draft.values and draft.get(part) is None]
    if len(missing) == 1:
        yield missing[0], "missing: `certificate` and `key` go together"
