"""What a configuration must fulfil where several gateways count together."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config_draft import Draft, Problem, is_loopback, split_address


def shared(draft: Draft) -> Iterator[Problem]:
    """Where counts are shared, and how it is reached."""
    if (address := draft.get("address")) is not None:
        try:
            host, _ = split_address(address)
        except ValueError as error:
            yield "address", f"`{address}`: {error}"
        else:
            if draft.values.get("tls") is False and not is_loopback(host):
                yield (
                    "tls",
                    "without TLS Redis is reached on a loopback address only: whoever changes counts lifts limits",
                )
    if draft.get("ca") is not None and draft.values.get("tls") is False:
        yield "ca", "is never looked at without `tls`"
    if draft.get("username") is not None and draft.get("password_file") is None:
        yield "password_file", "missing, and a `username` is given"
    prefix = draft.get("prefix")
    if prefix is not None and ("{" in prefix or "}" in prefix):
        yield "prefix", "must not have braces in it: Redis would tear an employer's keys apart"
