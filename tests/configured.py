"""A configuration that names the demo's registry, for commands that serve nobody."""

from __future__ import annotations

from pathlib import Path

from tests.worlds import REGISTRY


def configuration(folder: Path, record: Path | None = None) -> Path:
    """Nothing else of it is there; the record is in the folder itself, unless another is named."""
    (folder / "jwks.json").write_text("{}")
    path = folder / "sekisho.yaml"
    path.write_text(f"""\
listeners: {{postgres: [{{address: "127.0.0.1:5439", plaintext: loopback}}]}}
issuers: [{{issuer: https://id.line.example, audience: sekisho, keys: jwks.json}}]
datasources:
  - id: messenger
    host: {folder}
    database: messenger
    tls: disable
    twin: {{role: twin}}
    profiles: [{{name: engineer, role: engineer}}]
registry: {{directory: {REGISTRY}, delivery: edited}}
record: {{directory: {record or folder}}}
""")
    return path
