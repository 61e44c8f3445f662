"""Knocks at ports of another machine as somebody who has no certificate of the run.

python -m tests.slurm.stranger CA CERTIFICATE KEY HOST:PORT… prints who answered what
"""

from __future__ import annotations

import socket
import ssl
import sys

_SECONDS = 5.0


def knock(address: tuple[str, int], context: ssl.SSLContext | None) -> bytes:
    """Connect, say something, and give what comes back: nothing, where the door is kept.

    Args:
        address: Host and port.
        context: The stranger's own TLS; None speaks plainly.
    """
    with socket.create_connection(address, timeout=_SECONDS) as plain:
        try:
            if context is None:
                return _talk(plain)
            with context.wrap_socket(plain) as wrapped:
                return _talk(wrapped)
        except (ssl.SSLError, ConnectionError, TimeoutError):
            return b""


def _talk(opened: socket.socket) -> bytes:
    opened.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return opened.recv(1000)


def main(authority: str, certificate: str, key: str, *addresses: str) -> None:
    """Knock at each address in both ways."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    # even who believes anybody must not be believed
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for address in addresses:
        host, _, port = address.rpartition(":")
        for kind, own in (("plain", None), ("foreign", context)):
            sys.stdout.write(f"{address} {kind} {knock((host, int(port)), own)!r}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
