"""Events are found by id, and a misspelled id gets a suggestion."""

from __future__ import annotations

from difflib import get_close_matches

import pytest

from floodscan.errors import InputError
from floodscan.report.event_ids import check_event
from floodscan.store import RunFolder
from tests.report.outcomes import event_rows

N_EVENTS = 3_000


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Write the EVENTS of a run with many events, in batches."""
    folder = RunFolder(tmp_path_factory.mktemp("long"))
    folder.prepare()
    for first in range(0, N_EVENTS, 500):
        ids = [f"flood-{number:04}" for number in range(first, first + 500)]
        folder.events.write(f"b{first:04}", event_rows(f"b{first:04}", ids))
    return folder


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [("flood-2741x", "flood-2741"), ("flod-2999", "flood-2999"), ("Flood_1234", "flood-1234")],
)
def test_suggestion_is_the_nearest_of_all_ids(
    long_run: RunFolder, unknown: str, meant: str
) -> None:
    """An event of any batch is found, not only one of the first."""
    with pytest.raises(InputError, match=f"no event '{unknown}'; did you mean '{meant}'"):
        check_event(long_run, unknown)


def test_some_ids_are_listed_if_none_is_near(long_run: RunFolder) -> None:
    """The list starts with the ids that have most in common with the unknown one."""
    with pytest.raises(InputError, match="known: flood-0017, ") as error:
        check_event(long_run, "0017")
    assert str(error.value).count("flood-") == 20
    assert str(error.value).endswith(", …")


def test_suggestion_compares_few_ids_with_difflib(
    long_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the ids of a run of a million events it would need a minute."""
    n_compared = []

    def record(word: str, ids: list[str], n: int) -> list[str]:
        n_compared.append(len(ids))
        return get_close_matches(word, ids, n)

    monkeypatch.setattr("floodscan.report.event_ids.get_close_matches", record)
    with pytest.raises(InputError):
        check_event(long_run, "flood-2741x")
    assert 0 < sum(n_compared) < N_EVENTS / 10


def test_known_event_passes(long_run: RunFolder) -> None:
    """The last one, too."""
    check_event(long_run, f"flood-{N_EVENTS - 1}")
