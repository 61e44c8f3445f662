"""A certificate authority for one run.

Only its certificates give access to the scheduler and the workers.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from distributed import Security

from floodscan.clusters.private import write_private

if TYPE_CHECKING:
    from pathlib import Path

_LIFE = timedelta(days=30)
_CLOCK_SKEW = timedelta(minutes=10)


def make_security(folder: Path) -> Security:
    """Write an authority and one certificate, and return them as Dask's security settings.

    Scheduler, workers and client trust every certificate of the authority, so one certificate
    serves all three. The authority's own key is never written: nobody can sign another certificate.

    Args:
        folder: A folder that only the user can open, on a disk of all nodes.
    """
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign("floodscan authority", authority_key, authority_key, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign("floodscan", key, authority_key, is_authority=False)
    pem = serialization.Encoding.PEM
    key_bytes = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ca_file = _write(folder / "ca.pem", authority.public_bytes(pem))
    cert_file = _write(folder / "run.pem", certificate.public_bytes(pem))
    key_file = _write(folder / "run.key", key_bytes)
    roles = ("scheduler", "worker", "client")
    files = {
        f"tls_{role}_{kind}": path
        for role in roles
        for kind, path in (("cert", cert_file), ("key", key_file))
    }
    return Security(require_encryption=True, tls_ca_file=ca_file, **files)


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    authority_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    issuer = authority_key.public_key()
    # Python 3.13 and later refuse certificates without identifiers and usage
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("floodscan authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFE)
        .add_extension(
            x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .sign(authority_key, hashes.SHA256())
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    allowed = {"key_cert_sign", "crl_sign"} if is_authority else {"digital_signature"}
    return x509.KeyUsage(**{name: name in allowed for name in signature(x509.KeyUsage).parameters})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _write(path: Path, content: bytes) -> str:
    write_private(path, content)
    return str(path)
