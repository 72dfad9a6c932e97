"""Configuration of data that is not PostgreSQL's: services behind a proxy that asks, their routes, and that proxy."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config_setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who may ask about a service at all: the first that fits is the profile that rules see."""

    name: str = setting("name of the profile", required=True)
    groups: tuple[str, ...] = setting("groups of the token that fit; empty = any", ())
    entities: tuple[str, ...] = setting("employers that fit; empty = any", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Data behind something else than PostgreSQL: a search engine, a REST interface. No server of it is asked."""

    id: str = setting("its name; the registry's catalog has its labels under the same id", required=True)
    profiles: tuple[Audience, ...] = setting("who may ask about it", required=True)
    max_age: int = setting(
        "seconds after which policy and registry that nobody has confirmed or renewed decide no more; 0 = never", 0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What requests of one method and path are about. The first that fits counts; what none fits is denied."""

    path: str = setting("path template: plain words and `{parameters}`, as `/{index}/_search`", required=True)
    methods: tuple[str, ...] = setting("methods it is for", ("GET",))
    host: str | None = setting("host it is for, in lower case and without port; none = any")
    datasource: str = setting("datasource or service it leads to", required=True)
    reads: str = setting(
        "how its requests are read: `opensearch`, `postgrest`, `dynamodb`, `clickhouse`, `trino`, or `fixed`: "
        "as is said here",
        "fixed",
    )
    schema: str = setting(
        "what names in requests begin with in the catalog: `public` makes `public.users` of `users`; of Trino, "
        "`catalog.schema`",
        "public",
    )
    effect: str = setting("of a `fixed` route: `read`, `write`, or `none` (touches no data)", "read")
    relations: tuple[str, ...] = setting("of a `fixed` route: every relation it touches", ())
    output: tuple[str, ...] = setting("of a `fixed` route: columns it shows, as `public.users.phone`", ())
    predicate: tuple[str, ...] = setting("of a `fixed` route: columns it chooses rows by", ())
    written: tuple[str, ...] = setting("of a `fixed` route: columns it writes", ())
    parameters: tuple[str, ...] = setting("of a `fixed` route: query parameters that may be given", ())
    body_fields: tuple[str, ...] = setting("of a `fixed` route: fields its JSON body may have; empty = no body", ())
    embeds: tuple[str, ...] = setting("of a `postgrest` route: relations that may be embedded", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyDoor:
    """Envoy's external authorization (`envoy.service.auth.v3`), on the gRPC listener."""

    networks: tuple[str, ...] = setting(
        "networks whose Envoys may ask without a certificate of a configured caller; empty = none", ()
    )
    trusted_hops: int = setting(
        "proxies in front of Envoy that are trusted to tell who came to them: so many addresses from the right of "
        "`x-forwarded-for`, to which Envoy has added its own peer (`use_remote_address`)",
        0,
    )
    jwt_payload: str | None = setting(
        "where Envoy's `jwt_authn` filter leaves the claims of a token it verified (`payload_in_metadata`): they count "
        "in place of the token, from an Envoy that is a configured caller and may assert principals; none = only the "
        "token itself does"
    )
    client_certificates: bool = setting(
        "who comes without a token is whom the certificate names that Envoy verified (`include_peer_certificate`), as "
        "`certificates` says; from an Envoy that is a configured caller and may assert principals",
        False,
    )
    timeout_ms: int = setting("longest time a check may take; Envoy's own, where it says so and it is shorter", 1000)
