"""Configuration: one YAML file, ``SEKISHO_*`` for scalars, secrets only as file paths, unknown key = error.

The frozen classes below are the whole vocabulary: a field's name is the YAML key, its type what is accepted, its
``help`` metadata the row in README. `gateway.config_load` reads a file into them and lists every problem in one run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.config_http import AdminToken as AdminToken
from gateway.config_http import Trino as Trino
from gateway.config_record import Anchor as Anchor
from gateway.config_record import RawStatements as RawStatements
from gateway.config_record import Record as Record
from gateway.config_record import Retention as Retention
from gateway.config_record import S3Store as S3Store
from gateway.config_record import Signing as Signing
from gateway.config_services import EnvoyDoor as EnvoyDoor
from gateway.config_services import Route as Route
from gateway.config_services import Service as Service
from gateway.config_setting import setting
from gateway.config_telemetry import MetricsSettings as MetricsSettings
from gateway.config_telemetry import Traces as Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServer:
    """A certificate this gateway shows."""

    certificate: Path = setting("PEM file with the certificate chain", required=True)
    key: Path = setting("PEM file with the private key", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTls(TlsServer):
    """The certificate of a postgres listener, and whose certificates it takes from clients."""

    client_ca: Path | None = setting("PEM file with the authorities that sign clients' certificates; none = none asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresListener:
    """One address of the postgres door."""

    address: str = setting("host:port to listen on", required=True)
    tls: PostgresTls | None = setting("certificate to offer; none = no TLS on this listener")
    authentication: tuple[str, ...] = setting(
        "how clients log in: `token` (as password) or `oauthbearer` (not both), `scram` (service users), `certificate`",
        ("token",),
    )
    oauth_issuer: str | None = setting("issuer that `oauthbearer` clients are sent to; none = the only one configured")
    oauth_scope: str = setting("scope that `oauthbearer` clients are told to ask for", "openid")
    plaintext: str = setting("`never` or `loopback`: take tokens without TLS from loopback peers", "never")
    edges: tuple[str, ...] = setting("networks whose PROXY protocol v2 header is required and believed", ())
    site: str | None = setting("site of the registry this listener is bound to: every peer here stands there")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerTls(TlsServer):
    """The certificate of a listener, and whose certificates it takes from callers."""

    client_ca: Path | None = setting(
        "PEM file with the authorities that sign callers' certificates; none = none asked. The gRPC door then refuses "
        "connections without one, the HTTP door takes both"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcListener:
    """The gRPC door."""

    address: str = setting("host:port to listen on", required=True)
    tls: CallerTls | None = setting("certificate to offer; without it only a loopback address is accepted")
    edges: tuple[str, ...] = setting("networks whose callers may assert a person's address", ())
    envoy: EnvoyDoor | None = setting("Envoy's external authorization beside it; none = not offered")
    reflection: bool = setting("server reflection, as `grpcurl` uses it: anybody sees which calls there are", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpListener:
    """The HTTP door."""

    address: str = setting("host:port to listen on", required=True)
    tls: CallerTls | None = setting("certificate to offer; none = plain HTTP")
    edges: tuple[str, ...] = setting("networks whose callers may assert a person's address", ())
    threads: int = setting("worker threads", 4)
    query_rows: int = setting("most rows of one answer of `/v1/query`; 0 = it is not served", 10_000)
    query_bytes: int = setting("most bytes of one, as the database sends them", 16 * 1024 * 1024)
    query_timeout_ms: int = setting("longest time its login, and its statement, may take", 30_000)
    trino: Trino | None = setting("Trino's OPA access control, at `/v1/data/sekisho/trino/`; none = it may not ask")
    forward_auth_bodiless: bool = setting(
        "the proxies that ask at `/v1/forward-auth` pass on no bodies of requests; else no request is understood there",
        False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminListener:
    """The admin port: reload, block, unblock, drain, status."""

    tokens: tuple[AdminToken, ...] = setting("who may use it", required=True)
    address: str = setting("host:port to listen on", "127.0.0.1:9902")
    tls: TlsServer | None = setting("certificate to offer; without it only a loopback address is accepted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Where requests arrive."""

    postgres: tuple[PostgresListener, ...] = setting("addresses of the postgres door", ())
    grpc: GrpcListener | None = setting("the gRPC door")
    http: HttpListener | None = setting("the HTTP door, with health, readiness, metrics and configuration")
    admin: AdminListener | None = setting("the admin port; none = there is none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who may vouch for a principal."""

    issuer: str = setting("the `iss` a token must carry, exactly", required=True)
    audience: str = setting("the `aud` a token must carry", required=True)
    keys: Path | None = setting("JWKS file with the issuer's public keys, watched; or `jwks_url`")
    jwks_url: str | None = setting("https address of the issuer's JWKS, fetched in the background; or `keys`")
    jwks_ca: Path | None = setting(
        "PEM file with the authorities that sign the certificate of `jwks_url`; none = system's"
    )
    jwks_refresh: int = setting("seconds between fetches at the most: a key the issuer removes works no longer", 300)
    jwks_min_interval: int = setting("seconds between fetches at the least, also after a failure or an unknown key", 10)
    jwks_max_age: int = setting("seconds without a good fetch after which the issuer's tokens are refused", 86_400)
    algorithms: tuple[str, ...] = setting("asymmetric algorithms accepted", ("ES256", "RS256", "EdDSA"))
    user_claim: str = setting("claim that names the database user the token maps to", "preferred_username")
    groups_claim: str = setting("claim that lists the person's groups", "groups")
    purpose_claim: str | None = setting("claim that carries the purpose of access")
    ticket_claim: str | None = setting("claim that names the piece of work, such as a ticket, that access is for")
    request_claim: str | None = setting("claim that holds an authority's request for somebody's data, as an object")
    country_claim: str | None = setting("claim that carries the person's country (then `declared`)")
    employer_claim: str | None = setting("claim that names the person's employer, an entity's id or LEI (`declared`)")
    residence_claim: str | None = setting("claim that carries the country the person lives in (`declared`)")
    country_max_age: int = setting("seconds after `iat` for which a country claim counts", 900)
    leeway: int = setting("seconds of clock difference tolerated", 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUsers:
    """Programs and break-glass people that log in with a password (SCRAM), which the gateway does not know."""

    file: Path = setting("YAML file of service users and their verifiers, watched", required=True)
    issuer: str = setting("issuer they have as principals; the registry names them by it", "sekisho:service")
    prefixes: tuple[str, ...] = setting(
        "beginnings of their names: SCRAM is asked of these names and no others", ("svc_",)
    )
    mock_key_file: Path | None = setting(
        "secret that salts of names nobody has are drawn from; none = the record's hash key. Replicas share it", None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What a client's certificate says of who it is: its subject alternative name, never its common name."""

    issuer: str = setting("issuer that principals of certificates have; the registry names them by it", required=True)
    san: str = setting("kind of subject alternative name that names the principal: `uri`, `dns` or `email`", "uri")
    user: str = setting("pattern (regular expression) of the whole name; its one group is the database user", "(.+)")
    groups: tuple[str, ...] = setting("groups that principals of certificates are in", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A program that asks for other people at the gRPC and HTTP doors: it passes on their tokens, or its own word."""

    name: str = setting("name of it in the record and for rules", required=True)
    certificate: str | None = setting(
        "subject alternative name of its client certificate, with its kind: `uri:…`, `dns:…` or `email:…`; "
        "or `issuer` and `subject`"
    )
    issuer: str | None = setting("issuer of its token, one of `issuers`")
    subject: str | None = setting("subject of its token, exactly")
    datasources: tuple[str, ...] = setting("datasources it may ask about", required=True)
    may_assert: tuple[str, ...] = setting(
        "what it may say of a person without proof: `address`, `principal` (then `declared`)", ()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Which upstream role a person gets: the first profile that fits."""

    name: str = setting("name of the profile", required=True)
    role: str = setting("upstream login role; never a superuser", required=True)
    groups: tuple[str, ...] = setting("groups of the token that fit; empty = any", ())
    entities: tuple[str, ...] = setting("employers that fit; empty = any", ())
    password_file: Path | None = setting("file with the role's password; none = the server asks for none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The analysis twin of one datasource."""

    role: str = setting("login role of the twin, member of every profile's role", required=True)
    password_file: Path | None = setting("file with the twin's password")
    connections: int = setting("connections per profile, and per worker", 4)
    statement_timeout_ms: int = setting("longest time one analysis may take on the server", 2000)
    lock_timeout_ms: int = setting("longest time one analysis may wait for a lock", 500)
    epoch_interval_ms: int = setting("how often the catalogs are looked at for changes", 1000)
    accept_logged_trees: bool = setting("start although trees, literals included, reach the server's log", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasource:
    """One database behind the gateway. Its labels are in the registry's catalog, under the same id."""

    id: str = setting("name clients give as database", required=True)
    host: str = setting("host name, address, or folder of the Unix socket", required=True)
    port: int = setting("port", 5432)
    database: str = setting("name of the database on the server", required=True)
    tls: str = setting("`verify-full`, or `disable` (Unix socket and loopback only)", "verify-full")
    ca: Path | None = setting("PEM file with the authorities that sign the server's certificate; none = system's")
    certificate: Path | None = setting("PEM file with a certificate chain to show to the server; none = none shown")
    key: Path | None = setting("PEM file with the private key of `certificate`")
    channel_binding: str = setting(
        "bind password logins to the server's certificate (SCRAM-SHA-256-PLUS): `require`, `prefer` or `disable`",
        "require",
    )
    search_path: tuple[str, ...] = setting("schemas, in order; pg_temp is always added last", ("public",))
    search_paths: tuple[str, ...] = setting(
        "others that clients may ask for at start-up, each as SQL writes it: `app, public`; SET takes any", ()
    )
    connect_timeout_ms: int = setting("longest time to reach and log in at the server", 5000)
    max_age: int = setting(
        "seconds after which policy and registry that nobody has confirmed or renewed decide no more; 0 = never", 0
    )
    strict: bool | None = setting(
        "ask the client's own session what a statement means, and hold what runs to it; "
        "none = where a rule names a relation of this datasource"
    )
    twin: Twin = setting("the analysis twin", required=True)
    profiles: tuple[Profile, ...] = setting("who gets which role", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """People, entities, networks, catalog, disclosures."""

    directory: Path = setting("folder of the registry's files", required=True)
    delivery: str = setting(
        "what says that the folder is whole: `manifest` (made by `sekisho registry seal`), `symlink` (a link that is "
        "turned to the next one), or `edited` (nothing: for a folder edited by hand)",
        "manifest",
    )
    countries: Path | None = setting(
        "country database (`.mmdb`) for addresses that an edge vouches for; watched; never `attested`"
    )
    blocks: Path | None = setting(
        "file of what `sekisho block` blocks, kept by Sekisho; none = `admin-blocks.yaml` in the record's folder"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opa:
    """An OPA that is asked instead of the gateway's own evaluation, and holds the same rules."""

    url: str = setting("address of its REST API: https, or http of a loopback address", required=True)
    ca: Path | None = setting("PEM file with the authorities that sign its certificate; none = system's")
    token_file: Path | None = setting("file with the bearer token it asks for; none = it asks for none")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSource:
    """A web server that has policy, and perhaps the registry, as a bundle (`sekisho bundle build`)."""

    url: str = setting("address of the bundle: https, or http of a loopback address", required=True)
    directory: Path = setting(
        "folder in which the last good one is kept; its `current/registry` may be `registry.directory`", required=True
    )
    ca: Path | None = setting("PEM file with the authorities that sign the server's certificate; none = system's")
    token_file: Path | None = setting("file with the bearer token the server asks for; none = it asks for none")
    key: Path | None = setting("PEM file with the public key that bundles must be signed with")
    algorithm: str = setting("algorithm of that signature; what a bundle says of it does not count", "ES256")
    scope: str | None = setting("scope the signature must be for; none = for none")
    accept_unsigned: bool = setting("take bundles without looking at a signature", False)
    accept_older: bool = setting(
        "take a bundle whose number is lower than that of the one in force, or that has none", False
    )
    poll_ms: int = setting("how often the server is asked whether there is another", 250)
    wait: int = setting("seconds the server is asked to hold a request until there is, if it can; 0 = not asked", 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which rules decide."""

    directory: Path | None = setting(
        "folder of Rego packs and their data; none = the bundle's, or else the packs that come with Sekisho"
    )
    bundle: BundleSource | None = setting("a web server that has the packs as a bundle")
    engine: str = setting(
        "who evaluates them: `embedded`, the gateway itself in processes of its own, or `opa`", "embedded"
    )
    timeout_ms: int = setting("longest time one decision may take the engine; it is denied then", 1000)
    opa: Opa | None = setting("the OPA to ask, where `engine` is `opa`")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedVolume:
    """A Redis in which several gateways, and several workers of one, count people together."""

    address: str = setting("its host:port", required=True)
    database: int = setting("number of the database in it", 0)
    tls: bool = setting("whether it is reached over TLS; without it only on a loopback address", True)
    ca: Path | None = setting("PEM file with the authorities that sign its certificate; none = system's")
    username: str | None = setting("who the gateway is there (ACL); none = the default user")
    password_file: Path | None = setting("file with the password; none = it asks for none")
    prefix: str = setting("what its keys begin with", "sekisho")
    timeout_ms: int = setting("longest time one question to it may take; what needs a count is denied then", 500)
    key_file: Path | None = setting(
        "file with the key that people's keys are hashed with; none = the record's hash key. All that share the "
        "Redis have the same: with another, one person counts twice"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Where it is counted how many people's data went out."""

    redis: SharedVolume | None = setting("a Redis, shared by several gateways; none = beside the record, alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on everything a peer could push on."""

    sessions: int = setting("postgres sessions at once, of each worker where there are several", 1000)
    sessions_per_principal: int = setting("the same, of one principal", 200)
    login_timeout_ms: int = setting("longest time from connection to logged in", 10_000)
    login_lifetime: int = setting("seconds for which a login by SCRAM or certificate is good", 28_800)
    expiry_grace_ms: int = setting("time a running statement is left when the login has expired", 5000)
    idle_timeout_ms: int = setting("longest time a session may do nothing; 0 = no limit", 3_600_000)
    idle_in_transaction_timeout_ms: int = setting("the same, in an open transaction; 0 = no limit", 600_000)
    statement_timeout_ms: int = setting(
        "longest time a statement may run; it is cancelled then; 0 = no limit", 3_600_000
    )
    cancel_timeout_ms: int = setting("longest time it may go on when cancelled; its session is ended then", 5000)
    refusals: int = setting("refused logins recorded one by one in a minute, in all; further ones are counted", 600)
    refusals_per_address: int = setting("the same, of one address (of one /64 with IPv6)", 30)
    guess_delay_ms: int = setting(
        "time a login waits after a wrong password of the same user and address; doubled by each; 0 = none", 250
    )
    guess_delay_max_ms: int = setting("the most of it; who would wait for half the login's time is refused", 60_000)
    cancels: int = setting("cancel requests heeded in a minute, in all", 6000)
    cancels_per_address: int = setting("the same, of one address (of one /64 with IPv6)", 600)
    statement_bytes: int = setting("longest statement text", 131_072)
    message_bytes: int = setting("longest Query, Parse, Bind or CopyData message", 16 * 1024 * 1024)
    waiting_bytes: int = setting(
        "bytes of large messages that have not come in whole yet, of all sessions", 256 * 1024 * 1024
    )
    statements: int = setting("prepared statements and portals of one session", 1000)
    tree_bytes: int = setting("largest analysed tree that is read", 8 * 1024 * 1024)
    known_statements: int = setting("statement facts kept for reuse; a long text counts as one for each kB", 10_000)
    known_decisions: int = setting("decisions kept for reuse; counted alike", 10_000)
    unknown_per_second: int = setting("statements of one principal per second that the gateway must analyse", 200)
    unknown_burst: int = setting("how many of them may come at a time", 500)
    unknown_waiting: int = setting("how many of them may wait for their analysis at once", 64)
    unknown_delay_ms: int = setting("longest time one over that rate is delayed for; it is denied beyond it", 2000)
    sighting_window: int = setting("seconds within which one person in two countries is taken to be in both", 600)
    sightings: int = setting("people whose places are remembered for that; others are at no certain place", 100_000)
    reading_timeout_ms: int = setting("longest time for reading a long text or a large tree", 5000)
    drain_timeout_ms: int = setting("longest wait for open statements at shutdown", 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration."""

    listeners: Listeners = setting("where requests arrive", required=True)
    issuers: tuple[Issuer, ...] = setting("who may vouch for a principal", required=True)
    service_users: ServiceUsers | None = setting("who logs in with a password (SCRAM)")
    certificates: Certificates | None = setting("what clients' certificates say of who they are")
    callers: tuple[Caller, ...] = setting("programs that ask for other people", ())
    datasources: tuple[Datasource, ...] = setting("the databases behind the gateway", ())
    services: tuple[Service, ...] = setting("data behind a proxy that asks the gateway, which is not PostgreSQL's", ())
    routes: tuple[Route, ...] = setting("what HTTP requests that a proxy asks about touch", ())
    registry: Registry = setting("people, entities, networks, catalog, disclosures", required=True)
    policy: Policy = setting("which rules decide", factory=Policy)
    record: Record = setting("where the record lies", required=True)
    metrics: MetricsSettings = setting("what metrics tell apart", factory=MetricsSettings)
    traces: Traces | None = setting("OpenTelemetry traces; none = there are none")
    volume: Volume = setting("where it is counted how many people's data went out", factory=Volume)
    limits: Limits = setting(
        "bounds on what a peer can push on; each of several workers (`serve --workers`) has its own", factory=Limits
    )
    log_level: str = setting("`debug`, `info`, `warning` or `error`", "info")
