"""Where the record is shipped to: the classes of `record.sinks` and `record.remote`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.config_setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSink:
    """A topic of Kafka, or of what speaks its protocol."""

    servers: tuple[str, ...] = setting("host:port of brokers to begin with", required=True)
    topic: str = setting("topic; an entry's key is its chain, so that a chain keeps its order", required=True)
    tls: bool = setting("whether brokers are reached over TLS; without it only on a loopback address", True)
    ca: Path | None = setting("PEM file with the authorities that sign their certificates; none = system's")
    certificate: Path | None = setting("PEM file with a certificate chain to show to them; none = none shown")
    key: Path | None = setting("PEM file with the private key of `certificate`")
    mechanism: str = setting("how to log in: `none`, `plain`, `scram-sha-256` or `scram-sha-512`", "none")
    username: str | None = setting("who the gateway is there")
    password_file: Path | None = setting("file with the password")
    compression: str = setting("`none`, `gzip`, `lz4` or `zstd`", "lz4")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSink:
    """A table of a PostgreSQL, partitioned by month."""

    host: str = setting("host name, address, or folder of the Unix socket", required=True)
    port: int = setting("port", 5432)
    database: str = setting("name of the database", required=True)
    user: str = setting("role that may insert there, and owns the table where it is to make it", required=True)
    password_file: Path | None = setting("file with the role's password; none = the server asks for none")
    table: str = setting("the table, as schema.table", "sekisho.record")
    create: bool = setting("make the table and its months; else `sekisho audit sink-ddl` prints the SQL", False)
    tls: str = setting("`verify-full`, or `disable` (Unix socket and loopback only)", "verify-full")
    ca: Path | None = setting("PEM file with the authorities that sign the server's certificate; none = system's")
    certificate: Path | None = setting("PEM file with a certificate chain to show to the server; none = none shown")
    key: Path | None = setting("PEM file with the private key of `certificate`")
    channel_binding: str = setting("as a datasource's: `require`, `prefer` or `disable`", "require")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSink:
    """A service that takes OPA's decision logs."""

    url: str = setting("where they are posted: https, or http of a loopback address", required=True)
    ca: Path | None = setting("PEM file with the authorities that sign the service's certificate; none = system's")
    token_file: Path | None = setting("file with the bearer token it asks for; none = it asks for none")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSink:
    """An OpenTelemetry collector, or another receiver of OTLP logs (HTTP, JSON)."""

    url: str = setting(
        "whole address of its logs, such as `https://collector:4318/v1/logs`; http of a loopback address only",
        required=True,
    )
    ca: Path | None = setting("PEM file with the authorities that sign its certificate; none = system's")
    token_file: Path | None = setting("file with the bearer token it asks for; none = it asks for none")


@dataclass(frozen=True, slots=True, kw_only=True)
class OcsfSink:
    """Files of OCSF events, one a line, for whoever collects them."""

    directory: Path = setting("folder of the files; who collects them takes them away", required=True)
    file_bytes: int = setting("size at which another file is begun", 64 * 1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """One place the record is shipped to; exactly one of the kinds."""

    name: str = setting(
        "its name in metrics and in its position file; another name begins from the start", required=True
    )
    kafka: KafkaSink | None = setting("a topic of Kafka")
    postgres: PostgresSink | None = setting("a table of a PostgreSQL")
    http: HttpSink | None = setting("a service that takes OPA's decision logs")
    otlp: OtlpSink | None = setting("a receiver of OTLP logs")
    ocsf: OcsfSink | None = setting("a folder of OCSF files")
    batch_entries: int = setting("entries sent at a time, at the most", 1000)
    batch_bytes: int = setting("bytes of entries sent at a time, at the most", 1024 * 1024)
    timeout_ms: int = setting("longest time until a batch is acknowledged; it is sent again then", 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Durability `remote`: a sink has an entry before what it allows goes on."""

    sink: str = setting("name of the sink whose acknowledgement counts", required=True)
    timeout_ms: int = setting("longest wait for it; the statement is denied then", 2000)
    applies: str = setting(
        "which allowed statements wait: `policy` (where it says `remote`), `synced` (those it wants synced too), `all`",
        "synced",
    )


KINDS = ("kafka", "postgres", "http", "otlp", "ocsf")
