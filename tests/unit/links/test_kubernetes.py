"""What goes wrong on the way to an API server. A real one: tests/integration/test_injector_api.py."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.links.kubernetes import Cluster, Conflict, KubernetesError, in_cluster
from tests.servers import TestCa


class _Answers(BaseHTTPRequestHandler):
    """Answers with the status in the path; whose token it is, is told back."""

    def do_GET(self) -> None:
        status = int(self.path.rpartition("/")[2])
        if status == 302:
            self.send_response(302)
            self.send_header("Location", "/200")
            self.end_headers()
            return
        self.send_response(status)
        self.end_headers()
        body = {"message": "no such thing", "token": self.headers["Authorization"]}
        self.wfile.write(b"[1]" if status == 201 else b"{" if status == 202 else json.dumps(body).encode())

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    do_PUT = do_PATCH

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def cluster(test_ca: TestCa, tmp_path: Path) -> Iterator[Cluster]:
    issued = test_ca.issue("127.0.0.1")
    (tmp_path / "token").write_text("t0ken\n")
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Cluster(url=f"https://127.0.0.1:{server.server_port}", ca=test_ca.path, token=tmp_path / "token")
        server.shutdown()
        thread.join()


def test_the_token_is_read_at_each_request(cluster: Cluster) -> None:
    assert cluster.get("/200")["token"] == "Bearer t0ken"
    cluster.token.write_text("renewed")
    assert cluster.get("/200")["token"] == "Bearer renewed"


def test_a_conflict_is_no_failure(cluster: Cluster) -> None:
    with pytest.raises(Conflict, match="no such thing"):
        cluster.put("/409", {})
    with pytest.raises(Conflict):
        cluster.patch("/422", [])
    with pytest.raises(KubernetesError, match="answered 422"):
        cluster.put("/422", {})


@pytest.mark.parametrize(
    ("path", "why"),
    [("/404", "answered 404: no such thing"), ("/302", "answered 302"), ("/201", "no object"), ("/202", "GET https")],
)
def test_what_is_refused_is_told(cluster: Cluster, path: str, why: str) -> None:
    with pytest.raises(KubernetesError, match=why) as caught:
        cluster.get(path)
    assert "t0ken" not in str(caught.value)


def test_another_authority_is_not_believed(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = TestCa(folder)
    with pytest.raises(KubernetesError, match="CERTIFICATE_VERIFY_FAILED"):
        Cluster(url=cluster.url, ca=other.path, token=cluster.token).get("/200")
    with pytest.raises(KubernetesError, match="No such file"):
        Cluster(url=cluster.url, ca=cluster.ca, token=tmp_path / "none").get("/200")


def test_in_a_cluster_its_variables_say_where() -> None:
    with pytest.raises(ConfigError, match="not in a cluster"):
        in_cluster({})
    v6 = in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"})
    assert (v6.url, v6.ca.name, v6.token.name) == ("https://[fd00::1]:6443", "ca.crt", "token")
    assert in_cluster({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}).url == "https://10.0.0.1:443"
