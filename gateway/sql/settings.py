"""Which settings a session may set, reset and show: those that change no meaning of a later statement.

Everything not listed is refused. ``role``, ``session_authorization``, ``standard_conforming_strings``,
``client_min_messages`` and ``debug_*`` are what the analysis stands on: a session that changed one of them would read
other rows or names than the ones that were judged. ``search_path`` is followed (`gateway.sql.assigned`). Without
``row_security`` a statement that a policy would narrow fails: no role that is served may read past one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SETTABLE: Final = frozenset(
    {
        "application_name",
        "extra_float_digits",
        "datestyle",
        "timezone",
        "intervalstyle",
        "bytea_output",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "client_encoding",
        "transaction_isolation",
        "transaction_read_only",
        "transaction_deferrable",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "default_transaction_deferrable",
        "transaction_timeout",
        "idle_session_timeout",
        "synchronize_seqscans",
        "check_function_bodies",
        "jit",
        "row_security",
        "quote_all_identifiers",
        "xmloption",
        "standard_conforming_strings",
    }
)

SHOWABLE: Final = SETTABLE | {
    "search_path",
    "server_version",
    "server_version_num",
    "server_encoding",
    "integer_datetimes",
    "is_superuser",
    "session_authorization",
    "role",
    "lc_collate",
    "lc_ctype",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "max_identifier_length",
    "max_index_keys",
    "block_size",
    "in_hot_standby",
    "client_min_messages",
    "scram_iterations",
}

TRANSACTION_OPTIONS: Final = frozenset({"transaction_isolation", "transaction_read_only", "transaction_deferrable"})

UTF8_NAMES: Final = ("utf8", "utf-8", "unicode")

# Of these the only values: what is pinned, said again.
VALUES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"client_encoding": UTF8_NAMES, "standard_conforming_strings": ("on", "true")}
)
