"""Optional packages: pip installs them with an extra, such as ``floodscan[plot]``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from floodscan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRAS = {
    "archive": frozenset({"stac_geoparquet"}),
    "clearsky": frozenset({"rasterio"}),
    "excel": frozenset({"python_calamine"}),
    "explore": frozenset({"folium"}),
    "plot": frozenset({"matplotlib", "PIL"}),
    "slurm": frozenset({"cryptography", "dask_jobqueue"}),
}
"""For each extra, the modules that its packages provide."""


@contextmanager
def needs_extra(extra: str, feature: str) -> Iterator[None]:
    """Name the missing extra if an import inside the context fails for lack of it.

    Args:
        extra: One of ``EXTRAS``.
        feature: The command or option that needs the extra.

    Raises:
        InputError: A package of the extra is not installed; the message has the pip command.
    """
    try:
        yield
    except ModuleNotFoundError as err:
        missing = (err.name or "").partition(".")[0]
        if missing not in EXTRAS[extra]:
            raise
        message = f"{feature}: needs {missing}; run: pip install 'floodscan[{extra}]'"
        raise InputError(message) from err
