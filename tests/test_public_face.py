"""The package's public names: complete, without clashes, and quick to import."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib.metadata import version

import pytest

import floodscan
from tests.cli.test_help import HEAVY


def test_every_public_name_can_be_imported() -> None:
    """``dir`` lists the public names and nothing else."""
    assert dir(floodscan) == sorted(floodscan.__all__)
    assert len(set(floodscan.__all__)) == len(floodscan.__all__)
    for name in floodscan.__all__:
        assert getattr(floodscan, name)
    assert floodscan.__version__ == version("floodscan")


def test_no_public_name_is_the_name_of_a_module() -> None:
    """Else the import of the module would replace the function of the same name."""
    modules = {module.name for module in pkgutil.iter_modules(floodscan.__path__)}
    assert modules.isdisjoint(floodscan.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Names are looked up when they are used, and the usual error comes if there is none."""
    with pytest.raises(AttributeError, match="module 'floodscan' has no attribute 'scam'"):
        _ = floodscan.scam  # type: ignore[attr-defined]


@pytest.mark.processes
def test_import_loads_no_heavy_package() -> None:
    """Only the use of a name loads what it needs."""
    code = "import sys, floodscan; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert HEAVY.isdisjoint(done.stdout.split())
