"""The cluster that a Python caller gives: a Dask client, a cluster, an address, or a function.

Dask is imported where it is used, because to import it takes a second.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client

    Opener = Callable[[], AbstractContextManager[Client | None]]
    GivenClient: TypeAlias = Client | Opener | str | Any | None


@contextmanager
def prepare_given(given: GivenClient) -> Iterator[Opener]:
    """Check the client that a caller gives, before any work is done.

    Args:
        given: A Dask client; the address of a scheduler; a cluster, that is an object with
            ``scheduler_address`` or ``get_client``, such as ``LocalCluster``; a function that
            returns a context of a client; None for no client.

    Yields:
        A function that opens the client. At the end of its context, only a client that it made is
        closed. A cluster that was given goes on.

    Raises:
        InputError: No scheduler answers at the address.
        TypeError: It is none of these.
    """
    if given is None:
        yield nullcontext
    elif isinstance(given, str):
        from floodscan.clusters.local import prepare_connection  # noqa: PLC0415 - see above

        with prepare_connection(given, option="client ") as opener:
            yield opener
    elif hasattr(given, "scheduler_address"):
        yield partial(_connect, given)
    elif hasattr(given, "get_client"):
        yield lambda: nullcontext(given.get_client())
    elif callable(given):
        yield given
    else:
        yield partial(nullcontext, _check_client(given))


def _connect(cluster: object) -> Client:
    from distributed import Client  # noqa: PLC0415 - see above

    return Client(cluster)


def _check_client(given: object) -> Client:
    from distributed import Client  # noqa: PLC0415 - see above

    if isinstance(given, Client):
        return given
    kinds = "a Dask client, a cluster, the address of a scheduler, or a function"
    message = f"client: expected {kinds}, got {type(given).__name__}"
    raise TypeError(message)
