"""The other engine: a real OPA, asked over its REST API. Whatever is not its decision under our revision is a denial.

The client is opa-python-client's, with retries of its own switched off: they know no budget, and neither the deadline
nor what came of other questions. An OPA that does not answer is not asked again for a while (`gateway.links.breaker`).

Who operates the gateway is told which address was asked, what came of it and what to do: in the log, once when it
begins and once when it has passed, and by ``trouble`` for commands. Who asked for a decision is told that the engine is
down, and no address.

OPA says in each answer which bundles it was given by (``provenance``). One of them must be of the revision the gateway
believes in: what the gateway records, counts and shows is then what decided.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from opa_client import AsyncOpaClient

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.breaker import Breaker, Budget
from gateway.links.fair import Turns
from gateway.model import JsonValue
from gateway.policy.engine import ENTRY_POINT

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 64  # questions; of one asker one fewer
_LONGEST: Final = 16 * 1024 * 1024  # bytes of an answer
_AGAIN: Final = 0.05  # seconds before a retry, and between two looks at its revision
_BUSY: Final = frozenset({429, 502, 503, 504})  # of whoever stands before it, or of an OPA that is not ready
_FAILED: Final = 500  # an evaluation that failed: the document's doing, and no sign of an outage
_LOOK: Final = 2.0  # seconds that a look at it is given
_START: Final = "start one there with the gateway's bundle (`sekisho bundle build`), or correct the address"
_REFUSED: Final = frozenset({401, 403})
_PACKAGE, _, _RULE = ENTRY_POINT.removeprefix("data.").rpartition(".")


class OpaEngine:
    """An ``Engine``. ``start`` it before it is asked."""

    def __init__(
        self, url: str, revision: str, *, timeout: float, ca: Path | None = None, token: str | None = None
    ) -> None:
        """``url`` is https, or http of a loopback address: configuration takes no other."""
        self._url, self._revision = url, revision
        self._timeout = timeout
        self._failing = ""
        self._client = _Client(url, ca=ca, token=token)
        self._turns = Turns(_AT_ONCE)
        self._breaker = Breaker()
        self._budget = Budget()

    @property
    def revision(self) -> str:
        """See ``Engine``."""
        return self._revision

    async def start(self, patience: float = 0.0) -> None:
        """Be ready to ask; wait so many seconds for OPA to have our revision. It may come later: until then, denied."""
        await self._client.__aenter__()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while await self._behind():  # noqa: ASYNC110 - it is another process, which tells nobody
                    await asyncio.sleep(_AGAIN)

    async def judge(self, document: Mapping[str, JsonValue], asker: str = "") -> JsonValue:
        """See ``Engine``."""
        late = "other questions are being judged; try again in a moment"
        try:
            async with asyncio.timeout(self._timeout) as deadline, self._turns.turn(asker):
                deadline.reschedule(_now() + self._timeout)
                late = f"the policy engine took longer than {self._timeout:g} s over it"
                if pause := self._breaker.refuses(_now()):
                    raise PolicyUnavailable(
                        Reason.ENGINE_UNAVAILABLE, f"the policy engine is down; it is asked again in {pause:.1f} s"
                    )
                return await self._ask(document, asker, deadline)
        except TimeoutError:
            raise PolicyUnavailable(Reason.ENGINE_TIMEOUT, late) from None

    async def aclose(self) -> None:
        """See ``Engine``."""
        await self._client.close_connection()

    async def _ask(self, document: Mapping[str, JsonValue], asker: str, deadline: asyncio.Timeout) -> JsonValue:
        self._budget.asked()
        try:
            reply = await self._reply(document)
        except asyncio.CancelledError:
            if deadline.expired():
                self._breaker.bad(_now(), asker)
                self._tell(f"no answer within {self._timeout:g} s")
            else:  # whoever asked is gone
                self._breaker.unknown()
            raise
        except _Down as error:
            self._breaker.bad(_now(), "")
            self._tell(str(error))
            raise PolicyUnavailable(Reason.ENGINE_UNAVAILABLE, "the policy engine is down") from error
        except BaseException:
            self._breaker.good()  # it answered
            raise
        self._breaker.good()
        return self._decision(reply)

    async def _reply(self, document: Mapping[str, JsonValue]) -> Any:
        while True:
            try:
                return await self._client.query_rule(document, _PACKAGE, _RULE, {"provenance": True})
            except aiohttp.ClientResponseError as error:
                if error.status == _FAILED:
                    raise PolicyUnavailable(Reason.ENGINE_FAILED, "the policy engine failed on this request") from None
                again, why = error.status in _BUSY, _answered(error.status)
            except (_NoAnswer, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
                raise PolicyUnavailable(Reason.ENGINE_ANSWER_INVALID, "the policy engine's answer is none") from None
            except ValueError:
                raise PolicyUnavailable(Reason.ENGINE_FAILED, "the policy engine cannot read this request") from None
            except (aiohttp.ClientError, OSError) as error:
                again, why = not isinstance(error, TimeoutError), _unreachable(error)
            if not again or not self._budget.retry():
                raise _Down(why)
            await asyncio.sleep(_AGAIN)

    def _decision(self, reply: Any) -> JsonValue:
        if not isinstance(reply, dict):
            raise PolicyUnavailable(Reason.ENGINE_ANSWER_INVALID, "the policy engine's answer is none")
        if self._revision not in (found := _revisions(reply)):
            self._tell(self._other_rules(found))
            raise PolicyUnavailable(
                Reason.ENGINE_REVISION_MISMATCH, "the policy engine has other rules than the gateway"
            )
        self._tell("")
        if "result" not in reply:
            raise PolicyUnavailable(Reason.ENGINE_UNDEFINED, "the policy's answer is undefined")
        return reply["result"]  # type: ignore[no-any-return]

    async def trouble(self) -> str:
        """Ask it now, and say why it cannot be asked and what to do; empty: it can."""
        try:
            async with asyncio.timeout(_LOOK):
                why = await self._look()
        except TimeoutError:
            why = f"no answer within {_LOOK:g} s; {_START}"
        return why and f"OPA at {self._url}: {why}"

    def log_trouble(self, trouble: str) -> None:
        """What ``trouble`` said, into the log."""
        self._tell(trouble.removeprefix(f"OPA at {self._url}: "))

    async def _behind(self) -> bool:
        """Whether it cannot be asked yet, or has other rules."""
        return bool(await self._look())

    async def _look(self) -> str:
        """What is in the way of asking it."""
        try:
            found = _revisions(await self._client.query_rule({}, _PACKAGE, _RULE, {"provenance": True}))
        except aiohttp.ClientResponseError as error:
            return _answered(error.status)
        except (aiohttp.ClientError, OSError) as error:
            return _unreachable(error)
        except (ValueError, AttributeError, RecursionError, _NoAnswer):
            return f"what answers there is no OPA; {_START}"
        return "" if self._revision in found else self._other_rules(found)

    def _other_rules(self, found: set[str]) -> str:
        has = f"revision {', '.join(sorted(found))}" if found else "no bundle with a revision"
        return f"it has {has}, and the gateway {self._revision}: give both the same bundle (`sekisho bundle build`)"

    def _tell(self, why: str) -> None:
        """Once when it begins, once when it has passed."""
        if why and not self._failing:
            _log.error("opa_unusable", extra={"url": self._url, "detail": why})
        elif self._failing and not why:
            _log.warning("opa_usable_again", extra={"url": self._url})
        self._failing = why


def _answered(status: int) -> str:
    if status in _REFUSED:
        return f"it answered {status}: it wants a token (`policy.opa.token_file`), or another one"
    return f"it answered {status}; see its log"


def _unreachable(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientSSLError):
        return f"TLS with it fails ({error}); `policy.opa.ca` names the authorities that sign its certificate"
    return f"nothing answers there ({str(error) or type(error).__name__}); {_START}"


def _revisions(reply: Mapping[str, Any]) -> set[str]:
    """Of the policy in each bundle that answered; what follows a ``+`` is the registry's."""
    provenance = reply.get("provenance")
    bundles = provenance.get("bundles") if isinstance(provenance, dict) else None
    found = (
        [one.get("revision") for one in bundles.values() if isinstance(one, dict)] if isinstance(bundles, dict) else []
    )
    return {one.partition("+")[0] for one in found if isinstance(one, str)}


class _Down(Exception):
    """It could not be asked."""


class _NoAnswer(Exception):
    """One beyond all measure, or a hint that somebody else has it."""


class _Client(AsyncOpaClient):  # type: ignore[misc]  # the library has no types
    """The library's client, with a session that trusts whom it is told to trust, follows nobody elsewhere, and reads no
    answer without end."""

    def __init__(self, url: str, *, ca: Path | None, token: str | None) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        super().__init__(
            host=f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname,
            port=parts.port or (443 if secure else 80),
            ssl=secure,
            token=token,
            retries=0,
        )
        if path := parts.path.rstrip("/"):
            self.root_url = f"{self.schema}{self.host}:{self.port}{path}/{self.version}"
        self._ca = ca

    async def _init_session(self) -> None:
        tls: ssl.SSLContext | bool = True
        if self.ssl:
            tls = ssl.create_default_context(cafile=str(self._ca) if self._ca is not None else None)
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
        bounds = aiohttp.TraceConfig()
        bounds.on_request_redirect.append(_elsewhere)
        self._session = aiohttp.ClientSession(
            headers=self.headers,
            connector=aiohttp.TCPConnector(ssl=tls, limit=_AT_ONCE),
            timeout=aiohttp.ClientTimeout(),  # whoever asks has a deadline
            json_serialize=partial(json.dumps, allow_nan=False),
            response_class=_Bounded,
            trace_configs=[bounds],
        )


class _Bounded(aiohttp.ClientResponse):
    """An answer that is read up to a bound."""

    async def json(self, **_: Any) -> Any:
        """See the library."""
        body = bytearray()
        async for chunk in self.content.iter_chunked(65_536):
            body += chunk
            if len(body) > _LONGEST:
                raise _NoAnswer
        return json.loads(body)


async def _elsewhere(*_: object) -> None:
    raise _NoAnswer


def _now() -> float:
    return asyncio.get_running_loop().time()
