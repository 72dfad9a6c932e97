"""A real Kubernetes API server with the etcd behind it, of a test's own, on loopback ports: no nodes, no controllers.

==============  ========  ============================================================================================
``kubernetes``  module    an ``ApiServer``: ``.url``, ``.ca`` (PEM file), ``.token`` of an administrator, ``.ask(…)``
==============  ========  ============================================================================================

What it is for: what the API server itself checks, defaults, admits and stores (schemas, RBAC, admission webhooks,
server-side apply). Nothing is scheduled and nothing runs. People come by token; RBAC decides; admission is the API
server's own default, so that pods are read as in a cluster (a namespace that is to take pods needs a service account:
``namespace(…)`` makes both).

``with api_server(folder) as server`` is the same in a folder of the caller's.

``server.account("shop", "reader")`` gives the token of a service account, without rights until a test binds some.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.settings import free_port
from tests.servers import TestCa, require_tool

TOOL = "kubernetes"  # both programs in one: tools/go/kubernetes
HOST = "127.0.0.1"
START_SECONDS = 90.0  # four on a quiet machine
JSON = "application/json"
APPLY = "application/apply-patch+yaml"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said."""

    status: int
    body: Any

    @property
    def good(self) -> bool:
        return self.status < 300

    def wanted(self) -> Document:
        """The document, of an answer that must be a good one."""
        assert self.good, f"{self.status}: {json.dumps(self.body)[:4000]}"
        assert isinstance(self.body, dict)
        return self.body


class ApiServer:
    """One etcd and one kube-apiserver. Their logs lie in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"https://{HOST}:{self.port}"
        self.token = secrets.token_hex(16)
        authority = TestCa(folder)
        self.ca = authority.path
        self.logs = [folder / "etcd.log", folder / "kube-apiserver.log"]
        self._certificate = authority.issue("localhost", HOST, "kubernetes.default.svc")
        self._accounts = authority.issue("service-accounts")  # its key signs the tokens of service accounts
        self._context = ssl.create_default_context(cafile=str(self.ca))
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> ApiServer:
        """Both, until requests are answered."""
        etcd = f"http://{HOST}:{free_port()}"
        peers = f"http://{HOST}:{free_port()}"
        self._run(
            "etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync", "--log-level=warn",
            f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        )  # fmt: skip
        people = self.folder / "people.csv"
        people.touch(0o600)
        people.write_text(f"{self.token},administrator,administrator,system:masters\n")
        self._run(
            "kube-apiserver", f"--etcd-servers={etcd}", f"--bind-address={HOST}", f"--secure-port={self.port}",
            f"--tls-cert-file={self._certificate.certificate}", f"--tls-private-key-file={self._certificate.key}",
            f"--token-auth-file={people}", "--anonymous-auth=false", "--authorization-mode=RBAC",
            f"--service-account-issuer={self.url}", f"--service-account-key-file={self._accounts.certificate}",
            f"--service-account-signing-key-file={self._accounts.key}",
            "--service-cluster-ip-range=10.0.0.0/24", f"--advertise-address={HOST}", "--endpoint-reconciler-type=none",
            "--profiling=false",
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if time.monotonic() > deadline or any(one.poll() is not None for one in self._processes):
                said = "\n".join(log.read_text(errors="replace")[-4000:] for log in self.logs)
                raise RuntimeError(f"the API server did not start:\n{said}")
            time.sleep(0.05)  # until it is ready
        return self

    def stop(self) -> None:
        """End both at once: nothing of theirs is kept."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def ask(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        kind: str = JSON,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request as the administrator, or whose ``token`` it is; ``kind``: the document's content type."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={
                "Authorization": f"Bearer {token or self.token}",
                "Content-Type": kind,
                "Accept": JSON,
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read()
        try:
            return Answer(status, json.loads(text))
        except ValueError:
            return Answer(status, text.decode(errors="replace"))

    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """A namespace that takes pods: a controller would make its service account."""
        metadata: Document = {"name": name, "labels": dict(labels or {})}
        self.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}).wanted()
        self._make_account(name, "default")

    def account(self, namespace: str, name: str) -> str:
        """The token of a new service account."""
        self._make_account(namespace, name)
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.ask("POST", path, asked).wanted()["status"]["token"]
        assert isinstance(token, str)
        return token

    def _make_account(self, namespace: str, name: str) -> None:
        document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        self.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", document).wanted()

    def _run(self, program: str, *arguments: str | Path) -> None:
        with (self.folder / f"{program}.log").open("wb") as log:
            command = [require_tool(TOOL), program, *arguments]
            self._processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
                )
            )

    def _ready(self) -> bool:
        with contextlib.suppress(OSError):  # nobody listens yet
            return self.ask("GET", "/readyz").good
        return False


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """One in a folder of the caller's."""
    server = ApiServer(folder)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def kubernetes(log_files: list[Path]) -> Iterator[ApiServer]:
    """One for the tests of a module."""
    with tempfile.TemporaryDirectory(prefix="sekisho-kubernetes-") as folder, api_server(Path(folder)) as server:
        log_files.extend(server.logs)
        yield server
