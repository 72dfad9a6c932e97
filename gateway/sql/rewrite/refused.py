"""The one way out of this package that is no answer."""

from __future__ import annotations


class RewriteRefused(Exception):
    """The obligations cannot be carried out provably for this statement. ``why`` is told to the person."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    @classmethod
    def by_server(cls, message: str) -> RewriteRefused:
        """The server accepts the statement as it arrived, but not as rewritten; ``message`` is the server's own."""
        return cls(f"the database does not accept the statement once masks and filters are in it: {message}")
