"""``sekisho catalog check`` and ``registry check --live``: the catalog's labels beside the databases, in words."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from gateway.config import Config, Datasource
from gateway.doors.postgres import nonce
from gateway.errors import ConfigError
from gateway.facts.live import Labelling
from gateway.facts.registry import Registry
from gateway.links.labels import look
from gateway.links.secret import secret
from gateway.links.server import Credentials
from gateway.links.sources import mismatches
from gateway.model import DatasourceId
from gateway.world import server_address

_MOST: Final = 50  # names without a label in the text; the document has all

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """The labels of every datasource asked about."""

    found: tuple[tuple[Datasource, Labelling], ...]
    registry: Registry

    @property
    def good(self) -> bool:
        """Whether every label is of something that is there."""
        return not any(labelling.void for _, labelling in self.found)

    def document(self) -> list[Document]:
        """For machines."""
        return [
            {
                "datasource": source.id,
                "when_unlabelled": str(self.registry.catalog[DatasourceId(source.id)].unlabelled),
                "void": list(labelling.void),
                "unlabelled": list(labelling.unlabelled),
            }
            for source, labelling in self.found
        ]

    def text(self) -> str:
        """For people."""
        lines: list[str] = []
        for one in self.document():
            void, unlabelled = one["void"], one["unlabelled"]
            lines.append(
                f"datasource {one['datasource']}: {_number(len(void), 'label')} of nothing, {len(unlabelled):,} tables "
                f"and columns without label ({one['when_unlabelled']})"
            )
            lines.extend(f"  {text}" for text in void)
            lines.extend(f"  without label: {name}" for name in unlabelled[:_MOST])
            if len(unlabelled) > _MOST:
                lines.append(f"  and {len(unlabelled) - _MOST:,} more; --json has all of them")
        return "\n".join(lines)


def check_labels(config: Config, registry: Registry, datasources: Collection[str] = ()) -> Checked:
    """Look at the databases of a configuration (none named: all of them). Raises ConfigError, UpstreamError."""
    unknown = sorted(set(datasources) - {source.id for source in config.datasources})
    problems = [f"--datasource: no datasource {name} in the configuration" for name in unknown]
    if problems := problems + mismatches(config, registry):
        raise ConfigError(problems)
    wanted = [source for source in config.datasources if not datasources or source.id in datasources]
    return Checked(asyncio.run(_look(wanted, registry)), registry)


async def _look(sources: Collection[Datasource], registry: Registry) -> tuple[tuple[Datasource, Labelling], ...]:
    """By the twin's role, which reads no table of anybody's."""
    found: list[tuple[Datasource, Labelling]] = []
    for source in sources:
        path = source.twin.password_file
        credentials = Credentials(user=source.twin.role, password=secret(path) if path is not None else None)
        found.append((source, await look(source, registry, server_address(source), credentials, nonce)))
    return tuple(found)


def _number(count: int, of: str) -> str:
    return f"{count:,} {of}{'' if count == 1 else 's'}"
