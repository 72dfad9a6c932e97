"""The two entries of every further execution, as the canonical text that `gateway.audit.chain` would make of them.

Nothing but numbers and names of our own stands in them, so the text is put together at once. A test holds them to
`gateway.audit.record`, whose builders say what the fields mean.
"""

from __future__ import annotations

import json

from gateway.audit.record import SCHEMA_VERSION


class Repeats:
    """Further executions in one session under one decision that was recorded in full."""

    __slots__ = ("_end", "of")

    def __init__(self, of: str, session: str) -> None:
        self.of = of
        names = f'"of":{_name(of)},"schema_version":{SCHEMA_VERSION},"session":{_name(session)}'
        self._end = f',"kind":"repeat",{names}'

    def text(self, decision_id: str, at_us: int, epoch_age_ms: int | None, statement_hash: str) -> str:
        """See `record.repeat_entry`."""
        age = "null" if epoch_age_ms is None else str(epoch_age_ms)
        other = "}"
        if statement_hash:
            digest, _, sealed = statement_hash.partition(" ")
            other = f',"statement_hash":"{digest}"' + (f',"statement_sealed":"{sealed}"}}' if sealed else "}")
        return f'{{"at_us":{at_us},"decision_id":"{decision_id}","epoch_age_ms":{age}{self._end}{other}'


class Completions:
    """Ends of statements in one session."""

    __slots__ = ("_end",)

    def __init__(self, session: str) -> None:
        self._end = f',"schema_version":{SCHEMA_VERSION},"session":{_name(session)},"sqlstate":null}}'

    def text(self, decision_id: str, at_us: int, duration_us: int, rows: int, sent_bytes: int) -> str:
        """See `record.completion_entry`: one that ended without an error."""
        ended = f'"duration_us":{duration_us},"kind":"completion","rows":{rows}'
        return f'{{"at_us":{at_us},"bytes":{sent_bytes},"decision_id":"{decision_id}",{ended}{self._end}'


def traced(entry: str, trace_id: str) -> str:
    """See `record.traced_entry`: of a repeat, whose other keys all come before this one."""
    return f'{entry[:-1]},"trace_id":"{trace_id}"}}'


def _name(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
