"""An address of a database in one variable of an application, written anew: the sidecar's in place of the database's.

Known forms, told by the value itself: a URL (`postgresql://…`, with a driver's name behind a `+`, or JDBC's), libpq's
`key=value` pairs, a host, a host with its port, a port, the folder of a socket. Only the address changes: user,
password, database and every other parameter stay as they were written, byte for byte.

One thing goes with the address: that the server must speak TLS (`sslmode=verify-full`). It was said of the database's
own address, and in the pod nobody could keep it: on 127.0.0.1 there is no name to verify, and no line to listen on. The
sidecar's own line to the database is as its configuration says. What is not one of these forms is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

LOOPBACK: Final = "127.0.0.1"

_URL: Final = re.compile(r"(?P<scheme>(?:jdbc:)?postgres(?:ql)?(?:\+[a-z0-9_]+)?://)(?P<authority>[^/?#]*)(?P<rest>.*)")
_PAIR: Final = re.compile(r"\s*([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\;]|\\.)*)(?=\s|$)", re.DOTALL)
_PORT: Final = re.compile(r"[0-9]{1,5}")
_HOST: Final = re.compile(
    r"(?P<host>[A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?"
)
_BARE_V6: Final = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
_ELSEWHERE: Final = frozenset({"host", "hostaddr", "port"})
# Of use with TLS only, and beside `sslmode=disable` some clients take them for a mistake.
_OF_TLS: Final = frozenset(
    "ssl sslrootcert sslcert sslkey sslpassword sslcrl sslcrldir sslcertmode sslnegotiation requiressl sslfactory "
    "sslhostnameverifier channel_binding channelbinding".split()
)
_DEMANDING: Final = frozenset({"ssl", "requiressl", "sslnegotiation", "channel_binding", "channelbinding"})
_NOT_DEMANDED: Final = frozenset({"", "0", "false", "off", "disable", "allow", "prefer", "postgres"})
_LENIENT: Final = frozenset({"disable", "allow", "prefer"})
# Variables of libpq that hold an address. Its others are spoiled by one, whatever their values look like.
_LIBPQ: Final = frozenset({"PGHOST", "PGHOSTADDR", "PGPORT"})
_NO_ADDRESS: Final = frozenset(
    "PGDATABASE PGUSER PGPASSWORD PGPASSFILE PGREQUIREAUTH PGCHANNELBINDING PGSERVICE PGSERVICEFILE PGOPTIONS "
    "PGAPPNAME PGREQUIRESSL PGSSLCOMPRESSION PGSSLCERT PGSSLKEY PGSSLCERTMODE PGSSLROOTCERT PGSSLCRL PGSSLCRLDIR "
    "PGSSLSNI PGSSLNEGOTIATION PGREQUIREPEER PGGSSENCMODE PGKRBSRVNAME PGGSSLIB PGGSSDELEGATION PGCONNECT_TIMEOUT "
    "PGCLIENTENCODING PGTARGETSESSIONATTRS PGLOADBALANCEHOSTS PGSSLMINPROTOCOLVERSION PGSSLMAXPROTOCOLVERSION".split()
)


class NotAnAddress(ValueError):
    """The value is of no known form. Says why, without the value."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The new value, and what should be known of it."""

    value: str
    without_tls: bool = False  # TLS was demanded, and is not any more
    portless: bool = False  # a host alone: whoever uses it takes the port from elsewhere


def demands_tls(mode: str) -> bool:
    """Whether an `sslmode` refuses a server without TLS."""
    return mode.strip() not in _LENIENT


def rewritten(name: str, value: str, port: int) -> Rewritten:
    """The value of the variable ``name`` with the sidecar's address. Raises NotAnAddress."""
    if name in _NO_ADDRESS:
        raise NotAnAddress("PostgreSQL's clients take no address from a variable of this name")
    if name == "PGSSLMODE":
        return Rewritten("disable", without_tls=True) if demands_tls(value) else Rewritten(value)
    if name not in _LIBPQ and (url := _URL.fullmatch(value)):
        return _url(url, port)
    if name not in _LIBPQ and _PAIR.match(value):
        return _pairs(value, port)
    if _PORT.fullmatch(value):
        return Rewritten(str(port))
    if value.startswith("/") or _BARE_V6.fullmatch(value):
        return Rewritten(LOOPBACK, portless=True)
    if found := _HOST.fullmatch(value):
        return Rewritten(f"{LOOPBACK}:{port}") if found["port"] else Rewritten(LOOPBACK, portless=True)
    raise NotAnAddress(_why(value))


def _why(value: str) -> str:
    if not value:
        return "it is empty"
    if value.startswith("$("):
        return "it is a reference to another variable: name that one"
    if "," in value:
        return "several hosts: write them as a URL, or keep one"
    return "neither a PostgreSQL URL, nor libpq's key=value pairs, nor a host, a host:port or a port"


def _url(found: re.Match[str], port: int) -> Rewritten:
    user, at, _ = found["authority"].rpartition("@")
    if "@" in user:
        raise NotAnAddress("its user and host cannot be told apart: write an @ of the password as %40")
    path, mark, query = found["rest"].partition("?")
    query, hash, fragment = query.partition("#")
    kept, without_tls = [], False
    for parameter in query.split("&") if query else []:
        key, _, value = parameter.partition("=")
        stays, demanded = _parameter(unquote(key).lower(), unquote(value))
        without_tls = without_tls or demanded
        if stays:
            kept.append(f"{key}=disable" if demanded else parameter)
    tail = f"{mark if kept else ''}{'&'.join(kept)}{hash}{fragment}"
    return Rewritten(f"{found['scheme']}{user}{at}{LOOPBACK}:{port}{path}{tail}", without_tls)


def _pairs(value: str, port: int) -> Rewritten:
    kept, without_tls, position = [f"host={LOOPBACK}", f"port={port}"], False, 0
    while position < len(value.rstrip()):
        pair = _PAIR.match(value, position)
        if pair is None:
            raise NotAnAddress("its key=value pairs are not written as libpq takes them")
        key, text = pair[1], pair[2]
        stays, demanded = _parameter(key, text.strip("'"))
        without_tls = without_tls or demanded
        if stays:
            kept.append(f"{key}=disable" if demanded else f"{key}={text}")
        position = pair.end()
    return Rewritten(" ".join(kept), without_tls)


def _parameter(key: str, value: str) -> tuple[bool, bool]:
    """Whether a parameter stays, and whether it demanded TLS."""
    if key in _ELSEWHERE:  # a client would believe it before the address in front
        return False, False
    if key == "sslmode":
        return True, demands_tls(value)
    if key in _OF_TLS:
        return False, key in _DEMANDING and value.lower() not in _NOT_DEMANDED
    return True, False
