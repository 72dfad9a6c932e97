"""The one exception carries its reason."""

from __future__ import annotations

from gateway.sql.rewrite.refused import RewriteRefused


def test_the_reason_is_the_message():
    refused = RewriteRefused("because")
    assert (refused.why, str(refused)) == ("because", "because")
