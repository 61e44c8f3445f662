"""A certificate for servers on loopback."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme

from floodscan.testing.servers.process import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path


def make_context(file: Path) -> ssl.SSLContext:
    """Make the TLS settings of a server, and write the certificate to trust to a file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK).configure_cert(context)
    return context
