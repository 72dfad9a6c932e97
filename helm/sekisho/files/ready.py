"""What `helm test` asks of a gateway: HOST PORT-OF-POSTGRES URL-OF-HTTP. Needs nothing but Python."""

import json
import socket
import ssl
import struct
import sys
import urllib.request

PATIENCE = 10.0  # seconds for each answer
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
# Where PROXY headers are required of this network, one that says that nobody stands behind it (LOCAL).
HEADERS = (b"", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")


def main(host: str, port: int, url: str) -> None:
    """Ends with a word where the gateway is not as it must be."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE  # that it answers is asked here, not who it is
    with urllib.request.urlopen(f"{url}/readyz", timeout=PATIENCE, context=anyone) as answer:
        print("ready:", json.load(answer))
    if not any(answers(host, port, header, anyone) for header in HEADERS):
        sys.exit("the postgres door offers no TLS")


def answers(host: str, port: int, header: bytes, anyone: ssl.SSLContext) -> bool:
    """Whether the postgres door speaks TLS and asks who is there; not at all without a header it wants."""
    with socket.create_connection((host, port), PATIENCE) as plain:
        plain.sendall(header + SSL_REQUEST)
        if plain.recv(1) != b"S":
            return False
        with anyone.wrap_socket(plain, server_hostname=host) as door:
            print("the postgres door speaks", door.version())
            start = struct.pack("!i", 3 << 16) + b"user\0helm-test\0database\0helm-test\0\0"
            door.sendall(struct.pack("!i", len(start) + 4) + start)
            said = door.recv(1)
    # A question for a proof (R), or a refusal (E): whatever it is, it is not a session.
    if said not in (b"R", b"E"):
        sys.exit(f"the postgres door answered a stranger with {said!r}")
    print("and asks who is there" if said == b"R" else "and refuses a stranger")
    return True


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
