"""What the grammar may name: relations with their columns, each column of a kind that expressions are made of.

Kinds: i integer, t text, n number, d date or timestamp, b boolean, y bytea, j jsonb.
"""

from __future__ import annotations

from dataclasses import dataclass

Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of the schema."""

    name: str
    columns: Columns
    key: str = ""  # its primary key
    view: bool = False
    written: bool = True  # the grammar writes to it
    generated: frozenset[str] = frozenset()
    since: int = 0


def _relation(name: str, columns: str, key: str = "", generated: str = "", since: int = 0, **flags: bool) -> Relation:
    pairs = tuple((word.partition("/")[0], word.partition("/")[2]) for word in columns.split())
    return Relation(name, pairs, key, generated=frozenset(generated.split()), since=since, **flags)


_USERS = "id/i display_name/t phone/t email/t country/t created_at/d phone_tail/t"
_PAYMENTS = "id/i user_id/i iban/t amount/n currency/t paid_on/d"

RELATIONS = (
    _relation("app.users", _USERS, "id", "phone_tail"),
    _relation("app.messages", "id/i sender_id/i body/t sent_at/d", "id"),
    _relation("app.images", "id/i owner_id/i content/y caption/t", "id"),
    _relation("app.payments", _PAYMENTS),
    _relation("app.payments_2025", _PAYMENTS),
    _relation("app.users_vip", _USERS + " level/i", "", "phone_tail"),
    _relation("app.stickers", "id/i name/t price_yen/i", "id"),
    _relation("app.regions", "code/t name/t", "code"),
    _relation("app.feature_flags", "key/t enabled/b", "key", written=False),  # a trigger: refused by design
    _relation("ops.metrics", "host/t metric/t value/n at/d"),
    _relation("app.audit_out", "at/d note/t"),
    _relation("app.ruled", "id/i"),
    _relation("app.v_directory", "id/i display_name/t country/t", view=True),
    _relation("app.v_contacts", "id/i label/t contact/t", view=True),
    _relation("app.v_nested", "label/t c2/t", view=True, written=False),
    _relation("app.v_filter", "id/i display_name/t", view=True),
    _relation("app.v_blob", "id/i doc/j", view=True, written=False),
    _relation("app.mv_contacts", "id/i e/t", written=False),
    _relation("app.notes", "id/i user_id/i note/t", "id"),
    _relation("app.events", "id/i kind/t at/d place/t", "", ""),
    _relation("app.virtual", "id/i secret/t tail/t", "id", "tail", since=18),
)

# Columns that hold what must not leak: relation -> column -> other values of the same type, from the same rows.
_TEXT = "'zz~' || reverse({0}) || '~'"
_BYTES = "decode(md5({0}), 'hex')"
PROTECTED: dict[str, dict[str, str]] = {
    "app.users": {"phone": _TEXT, "email": _TEXT},
    "app.messages": {"body": _TEXT},
    "app.images": {"content": _BYTES},
    "app.payments": {"iban": _TEXT},
    "app.notes": {"note": _TEXT},
    "app.virtual": {"secret": _TEXT},
}
# A generated column is changed with the one it is made of; children and partitions with their parent.
MADE_OF = {("app.users", "phone"): "phone_tail", ("app.virtual", "secret"): "tail"}
CHILDREN = {"app.users": ("app.users_vip",), "app.payments": ("app.payments_2025", "app.payments_2026")}

SENTINELS = rb"5550-000\d|secret\.example|SECRETBODY|SECRETJPG|SECRETIBAN|SECRETNOTE|534543524554"

# Columns that a view only passes on: whoever reads the view as itself needs them, asked for or not.
PASSED_ON = {
    "app.v_directory": ("app.users", ("id", "display_name", "country")),
    "app.v_contacts": ("app.users", ("id", "display_name", "phone")),
    "app.v_nested": ("app.users", ("id", "display_name", "phone")),
    "app.v_filter": ("app.users", ("id", "display_name")),
    "app.v_blob": ("app.users", ("id",)),
}
