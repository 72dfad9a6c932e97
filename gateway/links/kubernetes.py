"""A few requests to a Kubernetes API server, as the service account of the pod we are in. Blocks.

No client library: what is asked is three kinds of requests on two objects, and Kubernetes' own takes 20 MB and as many
packages. Under the rules of `gateway.links.get`: https, checked by the cluster's own authority; no redirect, and bounds
on size and time.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.links.get import opener, read_within

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
_WITHIN: Final = 10.0
_MOST: Final = 4 * 1024 * 1024


class Conflict(Exception):
    """The object has changed since it was read."""


class KubernetesError(Exception):
    """The API server refused, or was not there. Says why, for operators."""

    def __init__(self, what: str, status: int | None = None) -> None:
        super().__init__(what)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the API server is, and who we are there."""

    url: str
    ca: Path
    token: Path  # read at each request: it is renewed within the hour

    def get(self, path: str) -> dict[str, Any]:
        """An object. Raises KubernetesError."""
        return self._ask("GET", path)

    def put(self, path: str, document: object) -> dict[str, Any]:
        """An object in place of the one of the same `resourceVersion`. Raises Conflict, KubernetesError."""
        return self._ask("PUT", path, document)

    def patch(self, path: str, operations: object) -> dict[str, Any]:
        """A JSON Patch. Raises Conflict where its `test` fails, KubernetesError."""
        return self._ask("PATCH", path, operations, JSON_PATCH)

    def _ask(self, method: str, path: str, document: object = None, kind: str = JSON) -> dict[str, Any]:
        what = f"{method} {self.url}{path}"
        deadline = time.monotonic() + _WITHIN
        try:
            token = self.token.read_text(encoding="ascii").strip()
            request = urllib.request.Request(  # noqa: S310 - https: `in_cluster` and the command see to it
                self.url + path,
                method=method,
                data=None if document is None else json.dumps(document).encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": JSON},
            )
            with opener(self.url, self.ca).open(request, timeout=_WITHIN) as response:
                answer = json.loads(read_within(response, deadline, _MOST, "answer"))
        except urllib.error.HTTPError as error:
            with error:
                said = _message(error.read(_MOST))
            # 422 is what a failed `test` of a JSON Patch is answered with.
            if error.code == 409 or (error.code == 422 and kind == JSON_PATCH):
                raise Conflict(said) from error
            raise KubernetesError(f"{what}: answered {error.code}: {said}", error.code) from error
        except (OSError, HTTPException, ValueError) as error:
            raise KubernetesError(f"{what}: {getattr(error, 'reason', None) or error}") from error
        if not isinstance(answer, dict):
            raise KubernetesError(f"{what}: answered no object")
        return answer


def in_cluster(environ: Any, account: Path = ACCOUNT) -> Cluster:
    """The API server of the cluster we run in. Raises ConfigError outside of one."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigError(["KUBERNETES_SERVICE_HOST is not set: not in a cluster; name the API server with --server"])
    bracketed = f"[{host}]" if ":" in host else host
    return Cluster(url=f"https://{bracketed}:{port}", ca=account / "ca.crt", token=account / "token")


def _message(body: bytes) -> str:
    try:
        status = json.loads(body)
    except ValueError:
        return "in no words of Kubernetes"
    return str(status.get("message", "without a word"))[:500] if isinstance(status, dict) else "without a word"
