"""What an analysis twin rests on: a quiet log, a known encoding, roles without power. Looked at again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.config import Datasource
from gateway.errors import ConfigError
from gateway.links.asker import Asker

_QUIET_LEVELS: Final = frozenset({"panic"})
_PREMISES: Final = "SELECT current_setting('log_min_messages'), current_setting('server_encoding')"
# A role that may do what no client may, or that may become one that may: also with SET ROLE, also by an option it could
# give itself. `pg_read_all_data` reads past every GRANT, `pg_read_all_stats` what others ask just now.
_POWERFUL_ROLES: Final = """
SELECT DISTINCT role.rolname::text, might.rolname::text
FROM pg_catalog.pg_roles role JOIN pg_catalog.pg_roles might
  ON might.oid = role.oid OR pg_catalog.pg_has_role(role.oid, might.oid, 'MEMBER')
WHERE role.rolname IN ({roles}) AND (role.rolsuper IS FALSE OR might.oid = role.oid)
  AND (might.rolsuper OR might.rolbypassrls OR might.rolreplication OR might.rolcreaterole
    OR might.rolname ~ '^pg_(read|write)_' OR might.rolname IN (
      'pg_execute_server_program', 'pg_create_subscription', 'pg_maintain', 'pg_signal_backend'))
"""


def is_quiet(datasource: Datasource, level: str | None) -> bool:
    """Whether analysed statements stay out of the server's log, or configuration accepts that they do not."""
    return level in _QUIET_LEVELS or datasource.twin.accept_logged_trees


async def inspect(datasource: Datasource, scout: Asker, roles: Iterable[str], seconds: float) -> None:
    """What must hold before, and while, this server is served. Raises ConfigError, ServerRefused, UpstreamError."""
    where, twin = f"datasource {datasource.id}", datasource.twin.role
    problems = []
    level, encoding = (await scout.rows(_PREMISES, seconds))[0]
    if not is_quiet(datasource, level):
        problems.append(
            f"{where}: the twin's role {twin} has log_min_messages = {level}, so every analysed "
            f"statement, literals included, would reach the server's log. As a superuser: ALTER ROLE "
            f"{twin} SET log_min_messages = panic; or set twin.accept_logged_trees: true"
        )
    if encoding != "UTF8":
        problems.append(f"{where}: the database's encoding is {encoding}; only UTF8 is supported")
    names = ", ".join("'" + role.replace("'", "''") + "'" for role in sorted({*roles, twin}))
    found = await scout.rows(_POWERFUL_ROLES.format(roles=names), seconds)
    theirs = {might for role, might in found if role != twin}
    for role, might in found:
        if role == twin and might != role and might in theirs:
            continue  # it may become whatever a profile's role may, and that has been said
        how = "" if might == role else f", as it may become {might}"
        problems.append(
            f"{where}: role {role} is a superuser, or may bypass row security, replicate, make roles, read or "
            f"write past its own grants, reach the server's files or other sessions{how}: refused"
        )
    if problems:
        raise ConfigError(problems)
