"""The store of counts that a configuration names, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable

from gateway.config import Config
from gateway.links.subjects import LocalSubjects, NoSubjects, Subjects
from gateway.links.volume_file import subjects_file


def begin_subjects(config: Config, *, alone: bool, new_id: Callable[[], str], told: Callable[[bool], None]) -> Subjects:
    """The store that a configuration names. ``alone``: this process is the whole gateway. Raises ConfigError."""
    if config.volume.redis is not None:
        # Only who shares counts needs the library for it.
        from gateway.links.redis_subjects import RedisSubjects

        return RedisSubjects(config.volume.redis, new_id, told)
    if not alone:
        return NoSubjects()
    kept = subjects_file(config.record.directory)
    return LocalSubjects(kept.counter, kept)
