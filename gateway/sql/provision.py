"""What a superuser runs once on the database: roles, column grants, the keyed hash, the wake-up call. Text only.

The roles are the last line: what a profile's role was not granted, no mistake of the gateway can show. The script can
be run again; it grants and never takes away what others granted, and says in comments what is left to decide. It holds
no secret: passwords are set by hand, and the key of the hash is made on the server and can be read by its owner only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

SCHEMA: Final = "sekisho"
KEEPER: Final = "sekisho_keeper"  # owns the key; nobody logs in as it
CHANNEL: Final = "sekisho_epoch"  # what the twin may LISTEN to; a notification says only "look now"

WAKE_UP_IDENTITY: Final = f"{SCHEMA}.epoch_changed()"
_WAKE_UP_BODY: Final = f"""
  BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() c WHERE c.schema_name IS DISTINCT FROM 'pg_temp') THEN
      PERFORM pg_notify('{CHANNEL}', '');
    END IF;
  END """  # noqa: S608 - constants only
WAKE_UP_SOURCE_SHA256: Final = sha256(_WAKE_UP_BODY.encode()).hexdigest()

_HEAD: Final = """\
-- Printed by `sekisho provision`. Run it as a superuser, in the database {database}:
--     psql -X -v ON_ERROR_STOP=1 -d {database} -f provision.sql
-- It may be run again. Passwords are not part of it: set them with \\password in psql.
"""

_ROLE: Final = """\
DO $sekisho$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal}) THEN
    CREATE ROLE {name} {login};
  END IF;
END $sekisho$;
ALTER ROLE {name} {login} {inherit} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
"""

_TWIN: Final = """\
-- The analysis twin: it only ever has statements parsed. Their trees must not reach the server's log.
ALTER ROLE {name} SET log_min_messages = 'panic';
"""

_STRICT: Final = """\
-- A strict datasource asks the sessions of these roles what statements mean. The trees must not reach the server's log;
-- nor does anything else of theirs then, pgaudit's lines and log_statement's included: the gateway has its own record.
"""
_QUIET: Final = "ALTER ROLE {name} SET log_min_messages = 'panic';\n"

# What the twin may become it does not inherit. From 16 on that is a matter of each membership, also of one that was
# there before.
_MEMBER: Final = """\
DO $sekisho$ BEGIN
  EXECUTE pg_catalog.format('GRANT %I TO %I', {role}, {twin}) || CASE
    WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE'
    ELSE '' END;
END $sekisho$;
"""

HASH_IDENTITY: Final = f"{SCHEMA}.keyed_hash(text)"
HASH_TABLE: Final = f"{SCHEMA}.hash_key"
# Every name in full: no setting of the function's own can bend what its source says.
_HASH_BODY: Final = """
    SELECT pg_catalog.encode(pg_catalog.sha256(k.outer_pad OPERATOR(pg_catalog.||) pg_catalog.sha256(
      k.inner_pad OPERATOR(pg_catalog.||) pg_catalog.convert_to(value, 'UTF8'))), 'hex')
    FROM sekisho.hash_key k
  """
HASH_SOURCE_SHA256: Final = sha256(_HASH_BODY.encode()).hexdigest()  # the gateway lets no other hash into statements

_HASH: Final = """\
-- The keyed hash: equal values stay equal, and nobody without the key can try values out. The key is two random pads
-- made here, on the server; only {keeper}, as which nobody logs in, may read them. The statements of
-- clients name the function and never the key. Whoever changes the key changes every hash.
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.hash_key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  inner_pad bytea NOT NULL,
  outer_pad bytea NOT NULL
);
REVOKE ALL ON TABLE {schema}.hash_key FROM PUBLIC;
ALTER TABLE {schema}.hash_key OWNER TO {keeper};
INSERT INTO {schema}.hash_key (inner_pad, outer_pad)
  SELECT {pad}, {pad}
  ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION {schema}.keyed_hash(value text) RETURNS text
  LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp
  AS $hash${body}$hash$;
ALTER FUNCTION {schema}.keyed_hash(text) OWNER TO {keeper};
REVOKE ALL ON FUNCTION {schema}.keyed_hash(text) FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {keeper};
"""

# Sixteen bytes each, of which 122 bits are random: a pad has 488.
_PAD: Final = " || ".join(["pg_catalog.uuid_send(pg_catalog.gen_random_uuid())"] * 4)

_EPOCH: Final = """\
-- The wake-up call: a change of the catalogs tells the gateway to look at once, not at its next interval. The
-- notification carries nothing. Roles, memberships and settings of roles raise no event: those wait for the interval.
-- A transaction that changes the catalogs can then not be prepared for two-phase commit, as one that notifies cannot.
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE OR REPLACE FUNCTION {schema}.epoch_changed() RETURNS event_trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  AS $epoch${body}$epoch$;
CREATE OR REPLACE FUNCTION {schema}.epoch_dropped() RETURNS event_trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  AS $epoch$
  BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d WHERE NOT d.is_temporary) THEN
      PERFORM pg_notify('{channel}', '');
    END IF;
  END $epoch$;
DROP EVENT TRIGGER IF EXISTS sekisho_epoch_changed;
CREATE EVENT TRIGGER sekisho_epoch_changed ON ddl_command_end EXECUTE FUNCTION {schema}.epoch_changed();
DROP EVENT TRIGGER IF EXISTS sekisho_epoch_dropped;
CREATE EVENT TRIGGER sekisho_epoch_dropped ON sql_drop EXECUTE FUNCTION {schema}.epoch_dropped();
"""

_LEFT: Final = """\
-- Left to decide. A view is granted by hand, as are INSERT, UPDATE and DELETE: labels say what may be read.
--     GRANT SELECT ON … TO …;
-- Others may rely on what PUBLIC may do; a profile's role may do it too:
--     REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC;
--     REVOKE CREATE ON SCHEMA public FROM PUBLIC;
--     REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA … FROM PUBLIC;
-- A view reads with its owner's privileges: ALTER VIEW … SET (security_invoker = true), from PostgreSQL 15 on.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Columns of one table or view that a role may read; of none, so that ``count(*)`` needs another one.

    ``labels``: what a column holds, told in a comment beside it. ``whole``: all columns, also those that come later.
    """

    schema: str
    relation: str
    columns: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileGrants:
    """The upstream role of one profile, or of several, and what it may read. ``names``: whose role it is."""

    role: str
    names: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()


def provision_sql(
    *,
    database: str,
    twin_role: str,
    profiles: Sequence[ProfileGrants],
    keyed_hash: bool = False,
    epoch_trigger: bool = False,
    strict: bool = False,
) -> str:
    """The script for one database. Names may be any names; nothing in them ends a comment or a quote."""
    name = _identifier(database)
    parts = [_HEAD.format(database=_shown(name))]
    for profile in profiles:
        parts.append(_profile(profile, name))
    if strict:
        quiet = [_QUIET.format(name=_identifier(profile.role)) for profile in profiles]
        parts.append(_STRICT + "".join(quiet))
    parts.append(
        _role(twin_role, login="LOGIN", inherit="NOINHERIT")
        + _TWIN.format(name=_identifier(twin_role))
        + f"GRANT CONNECT ON DATABASE {name} TO {_identifier(twin_role)};\n"
    )
    parts += [_MEMBER.format(role=_literal(profile.role), twin=_literal(twin_role)) for profile in profiles]
    if keyed_hash:
        parts.append(_role(KEEPER, login="NOLOGIN", inherit="NOINHERIT"))
        parts.append(_HASH.format(schema=SCHEMA, keeper=KEEPER, pad=_PAD, body=_HASH_BODY))
        for profile in profiles:
            role = _identifier(profile.role)
            parts.append(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role};\n")
            parts.append(f"GRANT EXECUTE ON FUNCTION {SCHEMA}.keyed_hash(text) TO {role};\n")
    if epoch_trigger:
        parts.append(_EPOCH.format(schema=SCHEMA, channel=CHANNEL, body=_WAKE_UP_BODY))
    parts.append(_LEFT.format(database=_shown(name)))
    return "\n".join(parts)


def _profile(profile: ProfileGrants, database: str) -> str:
    role = _identifier(profile.role)
    lines = [f"-- {_shown(', '.join(profile.names))}\n"] if profile.names else []
    lines += [
        _role(profile.role, login="LOGIN", inherit="INHERIT"),
        f"GRANT CONNECT ON DATABASE {database} TO {role};\n",
    ]
    lines += [
        f"GRANT USAGE ON SCHEMA {_identifier(schema)} TO {role};\n"
        for schema in sorted({grant.schema for grant in profile.grants})
    ]
    for grant in sorted(profile.grants, key=lambda grant: (grant.schema, grant.relation)):
        lines += _granted(grant, role)
    return "".join(lines)


def _granted(grant: Grant, role: str) -> Iterator[str]:
    """One line for each column, so that a line less is a column less."""
    relation = f"{_identifier(grant.schema)}.{_identifier(grant.relation)}"
    if grant.whole:
        yield f"GRANT SELECT ON {relation} TO {role};\n"
    for column in grant.columns:
        label = grant.labels.get(column, "")
        comment = f"  -- {_shown(label)}" if label else ""
        yield f"GRANT SELECT ({_identifier(column)}) ON {relation} TO {role};{comment}\n"


def _role(name: str, *, login: str, inherit: str) -> str:
    return _ROLE.format(name=_identifier(name), literal=_literal(name), login=login, inherit=inherit)


def _identifier(name: str) -> str:
    if not name or "\0" in name or "$sekisho$" in name:
        raise ValueError("a name is empty or holds what no name may")
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return "E" + quoted if "\\" in text else quoted


def _shown(name: str) -> str:
    """A name inside a comment, which a line break would end."""
    return "".join(c if c.isprintable() else "?" for c in name)
