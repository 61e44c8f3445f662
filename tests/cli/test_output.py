"""JSON and text that the commands print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet as pq
import pytest

from floodscan import Recipe
from floodscan.catalogs import open_catalog
from floodscan.catalogs.sources import plan_for
from floodscan.cli.commands.plan import _in_order
from floodscan.cli.output import print_json, print_json_list
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches
from floodscan.store import RunFolder
from tests.sweeps import make_events, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"a": 1},
        {"a": [], "b": {"c": [1, {"d": "x\ny"}], "e": {}}, "f": [{"g": [{}, [None]]}, 2]},
        [{"a": [1]}, {"b": {"c": []}}],
    ],
)
def test_json_is_indented_as_one_text(content: Any, capfdbinary: Any) -> None:  # noqa: ANN401
    """It is written entry by entry, and looks as if it were written at once."""
    print_json(content)
    printed = capfdbinary.readouterr().out
    assert printed == orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@pytest.mark.parametrize("entries", [[], [{"a": [1]}], [{}, {"b": {"c": []}}]])
def test_a_list_looks_as_if_it_were_written_at_once(
    entries: list[object], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Each entry is written before the next one is made."""
    printed = bytearray()

    def make() -> Iterator[object]:
        for number, entry in enumerate(entries):
            sys.stdout.flush()
            printed.extend(capfdbinary.readouterr().out)
            assert orjson.loads(bytes(printed) + b"]" if number else b"[]") == entries[:number]
            yield entry

    print_json_list(make())
    sys.stdout.flush()
    printed += capfdbinary.readouterr().out
    assert printed == orjson.dumps(entries, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def test_plans_are_in_the_order_of_the_events(tmp_path: Path, run: Run) -> None:
    """They are made in the order of the batches, and wait on disk."""
    events = make_events(200)
    planned = orjson.loads(run("plan", write_table(tmp_path / "e.csv", events), "--json")[1])
    assert [plan["event_id"] for plan in planned] == [event.event_id for event in events]
    assert all(len(plan["slots"]) == 9 for plan in planned)
    in_batches = cut_batches(list_events(events), run_id="")
    source = open_catalog("planetary-computer")
    plans = (plan_for(source, batch, Recipe()) for batch in in_batches)
    entries = _in_order(plans, [event.event_id for event in events], source)
    assert not isinstance(entries, list)
    assert orjson.loads(orjson.dumps(next(iter(entries)))) == planned[0]


def test_status_reads_only_the_columns_that_it_counts(
    demo_out: Path, tmp_path: Path, run: Run
) -> None:
    """Texts of warnings and the like make up most of a large table."""
    folder = RunFolder(tmp_path)
    folder.write_run(RunFolder(demo_out).read_run())
    events = pq.read_table(demo_out / "events.parquet")
    texts = ["event_id", "reason", "seconds", "joint_frac", "chips", "warnings"]
    pq.write_table(events.drop_columns(texts), tmp_path / "events.parquet")
    status, output, _ = run("status", tmp_path)
    assert status == 0
    assert "9 of 9 slots filled" in output
