"""Certificates, lifetimes, losses and SLURM's commands, without a cluster."""

from __future__ import annotations

import ssl
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from floodscan.clusters.reliable_slurm import SlurmCommandError, commands
from floodscan.clusters.reliable_slurm.cluster import LOSS_WINDOW_SECONDS, is_hopeless
from floodscan.clusters.script import lifetime_args
from floodscan.clusters.tls import make_security

if TYPE_CHECKING:
    from pathlib import Path


def test_certificates_satisfy_a_strict_check(tmp_path: Path) -> None:
    """A handshake in memory passes the strict rules of newer Pythons."""
    security: Any = make_security(tmp_path)
    sides = []
    for purpose in (ssl.Purpose.CLIENT_AUTH, ssl.Purpose.SERVER_AUTH):
        context = ssl.create_default_context(purpose, cafile=security.tls_ca_file)
        context.load_cert_chain(security.tls_worker_cert, security.tls_worker_key)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        sides.append(context)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = sides[0].wrap_bio(to_server, to_client, server_side=True)
    client = sides[1].wrap_bio(to_client, to_server)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert server.getpeercert()
    assert client.getpeercert()


def test_workers_end_before_their_job() -> None:
    """The last of the staggered workers does, too. A lifetime in the profile has precedence."""
    assert lifetime_args(timedelta(hours=6), ()) == [
        "--lifetime",
        "20700s",
        "--lifetime-stagger",
        "450s",
    ]
    assert lifetime_args(timedelta(minutes=6), ()) == [
        "--lifetime",
        "300s",
        "--lifetime-stagger",
        "30s",
    ]
    assert lifetime_args(timedelta(hours=6), ("--lifetime", "1h")) == []


def test_losses_are_forgotten_after_a_while() -> None:
    """Only losses within the window count, and more jobs may have more losses."""
    now = LOSS_WINDOW_SECONDS + 1
    assert not is_hopeless(deque([0.0] * 6), now=1.0, wanted=1, proven=True)
    assert is_hopeless(deque([0.0] * 7), now=1.0, wanted=1, proven=True)
    assert not is_hopeless(deque([0.0] * 7), now=1.0, wanted=2, proven=True)
    assert not is_hopeless(deque([0.0] * 7), now=now, wanted=1, proven=True)


def test_losses_are_not_forgotten_before_the_first_worker() -> None:
    """If no worker ever connects, the pool gives up, however slowly the jobs end."""
    now = 10 * LOSS_WINDOW_SECONDS
    assert not is_hopeless(deque([0.0] * 3), now=now, wanted=1, proven=False)
    assert is_hopeless(deque([0.0] * 4), now=now, wanted=1, proven=False)


def test_a_command_is_repeated_after_temporary_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy controller is asked again, but a refusal is final."""
    monkeypatch.setattr(commands, "RETRY_SECONDS", (0.0, 0.0))
    errors = [SlurmCommandError("sbatch", "Socket timed out on send/recv operation")] * 2

    def ask() -> str:
        if errors:
            raise errors.pop()
        return "accepted"

    assert commands.patiently(ask) == "accepted"
    errors.extend([SlurmCommandError("sbatch", "Invalid account")] * 2)
    with pytest.raises(SlurmCommandError, match="Invalid account"):
        commands.patiently(ask)
    assert len(errors) == 1


def test_missing_command_is_a_clear_error() -> None:
    """The message asks whether the machine belongs to a SLURM site."""
    with pytest.raises(
        SlurmCommandError, match=r"not found; is this machine part of a SLURM site\?"
    ):
        commands.call("no-such-command-of-slurm")
