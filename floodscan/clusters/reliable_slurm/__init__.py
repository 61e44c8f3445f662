"""A SLURM cluster that keeps its size. This folder needs Dask and dask-jobqueue alone."""

import signal

_on_interrupt = signal.getsignal(signal.SIGINT)
from dask_jobqueue.slurm import SLURMJob  # noqa: E402 - it changes what Ctrl-C does

signal.signal(signal.SIGINT, _on_interrupt)

from .cluster import ReliableSLURMCluster  # noqa: E402 - it imports the same
from .commands import SlurmCommandError  # noqa: E402

__all__ = ["ReliableSLURMCluster", "SLURMJob", "SlurmCommandError"]
