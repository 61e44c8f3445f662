"""Connects to ports of another machine without a certificate of the run.

python -m tests.slurm.stranger CA CERTIFICATE KEY HOST:PORT…

prints the answers.
"""

from __future__ import annotations

import socket
import ssl
import sys

_SECONDS = 5.0


def knock(address: tuple[str, int], context: ssl.SSLContext | None) -> bytes:
    """Connect, send a request, and return the answer; nothing if the connection is refused.

    Args:
        address: Host and port.
        context: Settings for TLS; None is plain TCP.
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
    """Connect to each address without TLS, and with the certificate of another authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    # the stranger trusts everybody, and still nobody may trust it
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for address in addresses:
        host, _, port = address.rpartition(":")
        for kind, own in (("plain", None), ("foreign", context)):
            sys.stdout.write(f"{address} {kind} {knock((host, int(port)), own)!r}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
