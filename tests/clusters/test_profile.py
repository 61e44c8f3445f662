"""Profiles: mistakes are reported with file and field before anything is submitted."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from dask import config

from floodscan.clusters.profile import is_configured, load_profile
from floodscan.clusters.slurm import preview_script
from floodscan.errors import ProfileError

GOOD = {
    "queue": "cpu",
    "account": "p200123",
    "walltime": "1-06:00:00",
    "cores": 128,
    "processes": 64,
    "memory": "480GB",
    "interface": "ib0",
}


def write(folder: Path, section: object) -> Path:
    """Write a profile."""
    path = folder / "p.yaml"
    path.write_text(yaml.safe_dump({"jobqueue": {"slurm": section}}))
    return path


def test_reads_what_dask_jobqueue_reads(tmp_path: Path) -> None:
    """Keys may have dashes or underscores, and null counts as missing."""
    profile = load_profile(
        write(tmp_path, GOOD | {"job_extra_directives": ["--qos=short"], "job-cpu": None})
    )
    assert profile.walltime == timedelta(hours=30)
    assert profile.values["job-extra-directives"] == ["--qos=short"]
    assert "job-cpu" not in profile.values


def test_takes_the_file_that_dask_jobqueue_ships(tmp_path: Path) -> None:
    """A user can fill in the missing values of that file without removing a key."""
    spec = find_spec("dask_jobqueue")  # to import it would change what Ctrl-C does
    assert spec is not None
    assert spec.origin is not None
    shipped = yaml.safe_load(Path(spec.origin).with_name("jobqueue.yaml").read_text())["jobqueue"][
        "slurm"
    ]
    profile = load_profile(
        write(tmp_path, shipped | GOOD | {"shared-temp-directory": str(tmp_path)})
    )
    assert f"-m {profile.values['worker-command']}" in str(preview_script(profile))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"account": None},
            "field 'jobqueue.slurm.account': is missing: your project's account, such as p200123",
        ),
        (
            {"account": "p200xxx"},
            "field 'jobqueue.slurm.account': is still the placeholder p200xxx",
        ),
        ({"walltime": 21600}, "field 'jobqueue.slurm.walltime': 21600 must be \"HH:MM:SS\""),
        ({"cores": "many"}, "field 'jobqueue.slurm.cores': must be a whole number above 0"),
        ({"processes": 129}, "field 'jobqueue.slurm.processes': must not be above cores (128)"),
        (
            {"memory": "lots"},
            "field 'jobqueue.slurm.memory': 'lots' must be an amount such as 480GB",
        ),
        (
            {"interface": None},
            "field 'jobqueue.slurm.interface': is missing: the network interface",
        ),
        ({"qos": "short"}, "field 'jobqueue.slurm.qos': unknown"),
        ({"walltme": "1"}, "did you mean 'walltime'?"),
        (
            {"job-script-prologue": "set -e"},
            "field 'jobqueue.slurm.job-script-prologue': must be a list of texts",
        ),
    ],
)
def test_mistakes_are_named(change: dict[str, object], text: str, tmp_path: Path) -> None:
    """The message has the file, the field and a valid value."""
    path = write(tmp_path, GOOD | change)
    with pytest.raises(ProfileError) as wanting:
        load_profile(path)
    assert str(wanting.value).startswith(str(path))
    assert text in str(wanting.value)


def test_mistakes_in_the_configuration_of_dask_are_named_too() -> None:
    """Without a file, the section ``jobqueue.slurm`` that Dask has read is the profile."""
    section = {f"jobqueue.slurm.{key}": value for key, value in GOOD.items()}
    with config.set(section | {"jobqueue.slurm.walltime": 21600}):
        with pytest.raises(ProfileError, match=r"Dask's configuration: field .*walltime': 21600"):
            load_profile(None)
        with config.set({"jobqueue.slurm.walltime": "1-06:00:00"}):
            assert load_profile(None).values["account"] == "p200123"
            assert is_configured()


def test_an_address_may_replace_an_interface(tmp_path: Path) -> None:
    """The driver's address is enough if no interface is known."""
    section = {key: value for key, value in GOOD.items() if key != "interface"}
    assert (
        load_profile(write(tmp_path, section | {"scheduler-options": {"host": "10.0.0.1"}})).host
        == "10.0.0.1"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, "can't be read"), ("a: [", "is not YAML"), ("a: 1", "field 'jobqueue.slurm'")],
)
def test_file_that_is_no_profile(content: str | None, text: str, tmp_path: Path) -> None:
    """Missing, broken and other files have different messages."""
    path = tmp_path / "p.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ProfileError, match=text):
        load_profile(path)
