"""Real stores: a folder, a web server that takes PUT, and an S3-compatible server with object lock."""

from __future__ import annotations

import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from defusedxml import ElementTree

from gateway.audit.chain import canonical
from gateway.config import Anchor, S3Store
from gateway.demo.settings import free_port
from gateway.errors import ConfigError
from gateway.links.stores import AnchorError, FolderStore, HttpStore, LockedStore, Store, open_store
from tests.servers import require_tool
from tests.unit.audit.chains import WRITER, sample_lines
from tests.unit.audit.signing import heads_of, signer

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # of the signer

LINES = [signer().line(head) for head in heads_of(sample_lines())]


class Shelf:
    """A web server that keeps what is put, once."""

    def __init__(self) -> None:
        shelf = self
        self.kept: dict[str, bytes] = {}
        self.failing = 0

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if shelf.failing or self.headers.get("Authorization") != "Bearer sesame":
                    self._say(shelf.failing or 401, b"go away")
                elif self.headers.get("If-None-Match") == "*" and self.path in shelf.kept:
                    self._say(412)
                else:
                    shelf.kept[self.path] = body
                    self._say(201)

            def do_GET(self) -> None:
                if shelf.failing:
                    self._say(shelf.failing)
                elif self.path in shelf.kept:
                    self._say(200, shelf.kept[self.path])
                else:
                    self._say(404)

            def _say(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/heads"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.close()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Store]:
    """versitygw over a folder, with a bucket made with object lock."""
    from aws_request_signer import AwsRequestSigner

    program = require_tool("versitygw")
    root = tmp_path_factory.mktemp("s3")
    for name in ("data", "versions"):
        (root / name).mkdir()
    port = free_port()
    command = [str(program), "--quiet", "--port", f"127.0.0.1:{port}", "--access", "key-id", "--secret", "key-secret"]
    process = subprocess.Popen(
        [*command, "posix", "--versioning-dir", str(root / "versions"), str(root / "data")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    signing = AwsRequestSigner("us-east-1", "key-id", "key-secret", "s3")
    try:
        headers = {"x-amz-bucket-object-lock-enabled": "true"}
        waiting = threading.Event()
        for _ in range(200):
            signed = signing.sign_with_headers("PUT", f"{endpoint}/vault", headers, sha256(b"").hexdigest())
            request = urllib.request.Request(f"{endpoint}/vault", method="PUT", headers={**headers, **signed}, data=b"")
            try:
                urllib.request.urlopen(request).close()
                break
            except OSError:
                waiting.wait(0.05)
        (root / "id").write_text("key-id\n")
        (root / "secret").write_text("key-secret\n")
        yield S3Store(
            endpoint=endpoint,
            bucket="vault",
            access_key_file=root / "id",
            secret_key_file=root / "secret",
            mode="GOVERNANCE",
            retention_days=1,
        )
    finally:
        process.kill()
        process.wait()


def _holds(store: Store) -> None:
    assert store.get(WRITER, 0) is None
    for number in (0, 1):
        store.put(WRITER, number, LINES[number])
    assert store.get(WRITER, 0) == LINES[0]
    assert store.get(WRITER, 1) == LINES[1]
    assert store.get(WRITER, 2) is None
    assert store.get("other", 0) is None
    store.put(WRITER, 0, LINES[0])  # again, after a crash
    assert store.get(WRITER, 0) == LINES[0]


def test_a_folder(tmp_path: Path) -> None:
    _holds(FolderStore(tmp_path / "vault"))
    (tmp_path / "file").write_text("")
    with pytest.raises(AnchorError, match="file"):
        FolderStore(tmp_path / "file").put(WRITER, 0, LINES[0])
    with pytest.raises(AnchorError, match="file"):
        FolderStore(tmp_path / "file").get(WRITER, 0)


def test_a_web_server(shelf: Shelf) -> None:
    _holds(HttpStore(shelf.url, None, "sesame"))
    assert set(shelf.kept) == {f"/heads/{WRITER}/00000000.json", f"/heads/{WRITER}/00000001.json"}
    with pytest.raises(AnchorError, match="401 go away"):
        HttpStore(shelf.url).put(WRITER, 5, LINES[0])
    shelf.failing = 503
    for ask in (lambda store: store.put(WRITER, 5, LINES[0]), lambda store: store.get(WRITER, 0)):
        with pytest.raises(AnchorError, match="503"):
            ask(HttpStore(shelf.url, None, "sesame"))


def test_nobody_there() -> None:
    store = HttpStore(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(AnchorError, match="refused"):
        store.put(WRITER, 0, LINES[0])


@pytest.mark.needs("versitygw")
def test_a_bucket_with_object_lock(bucket: S3Store) -> None:
    store = LockedStore(bucket, None)
    _holds(store)
    address = f"{bucket.endpoint}/vault/sekisho/{WRITER}/00000000.json"

    def ask(method: str, query: str = "", body: bytes = b"") -> bytes:
        signed = store._signer.sign_with_headers(method, address + query, {}, sha256(body).hexdigest())
        request = urllib.request.Request(address + query, method=method, headers=signed, data=body or None)
        with urllib.request.urlopen(request) as response:
            return bytes(response.read())

    assert b"GOVERNANCE" in ask("GET", "?retention=")
    # Whoever has the gateway's keys puts another head over it, and hides it: the first one is found all the same.
    ask("PUT", body=canonical({"forged": True}).encode())
    assert b"forged" in ask("GET")
    assert store.get(WRITER, 0) == LINES[0]
    ask("DELETE")
    with pytest.raises(urllib.error.HTTPError):
        ask("GET")
    assert store.get(WRITER, 0) == LINES[0]
    found = ElementTree.fromstring(store._ask("GET", f"{bucket.endpoint}/vault?prefix=sekisho&versions=", {}) or b"")
    (version, *_) = [one for one in found.iter() if one.tag.endswith("VersionId")][::-1]
    with pytest.raises(urllib.error.HTTPError):
        ask("DELETE", f"?versionId={version.text}")  # locked
    assert store.get(WRITER, 0) == LINES[0]
    (bucket.access_key_file.parent / "wrong").write_text("no\n")
    wrong = S3Store(**{**_fields(bucket), "secret_key_file": bucket.access_key_file.parent / "wrong"})
    with pytest.raises(AnchorError, match="403"):
        LockedStore(wrong, None).put(WRITER, 9, LINES[0])


def _fields(settings: S3Store) -> dict:
    return {name: getattr(settings, name) for name in S3Store.__dataclass_fields__}


def test_what_a_configuration_names(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesame\n")
    assert isinstance(open_store(Anchor(name="a", directory=tmp_path)), FolderStore)
    store = open_store(Anchor(name="a", url="http://127.0.0.1/x", token_file=tmp_path / "token"))
    assert isinstance(store, HttpStore)
    with pytest.raises(ConfigError):
        open_store(Anchor(name="a"))
