"""Tables are checked where they are made, and are cut without a look at each row."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pyarrow as pa
import pytest

from floodscan.assessment.labels import Reason
from floodscan.assessment.outcomes import EmptySlot, Outcome, give_up, tabulate_outcomes
from floodscan.assessment.quality import ChoiceWarning
from floodscan.catalogs import Answer, open_catalog
from floodscan.inputs.event_files import load_events
from floodscan.model import Recipe
from floodscan.pipeline import Run, ask, tabulate_searches
from floodscan.planning.slots import BatchPlan, plan_event
from floodscan.schemas import (
    CANDIDATES,
    EVENTS,
    SEARCHES,
    check_candidates,
    check_table,
    make_table,
    split_by,
    split_by_event,
)
from floodscan.selection.candidates import score
from floodscan.store import RunFolder

RECIPE = Recipe()
(EVENT,) = load_events("demo", phase_offset_days={})
PLAN = plan_event(EVENT, RECIPE)


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    """The demo catalog's answers to the searches of its event."""
    run = Run(
        catalog=open_catalog("demo"), catalog_id="demo", recipe=RECIPE, folder=RunFolder(Path())
    )
    return ask(run, PLAN.searches)


@pytest.fixture(scope="module")
def scored(answers: list[Answer]) -> pa.Table:
    """The demo's candidates, not ranked yet."""
    return score(pa.concat_tables([each.items for each in answers]), PLAN.slots, RECIPE)


def test_a_table_is_cut_by_event() -> None:
    """Each part holds its event's rows in their order, whatever chunks they came in."""
    parts = [
        pa.table({"event_id": ids, "n": numbers})
        for ids, numbers in ((["b", "a"], [1, 2]), (["a", "c"], [3, 4]))
    ]
    cut = split_by_event(pa.concat_tables(parts))
    assert {event_id: part["n"].to_pylist() for event_id, part in cut.items()} == {
        "b": [1],
        "a": [2, 3],
        "c": [4],
    }


def test_a_table_without_rows_has_no_event() -> None:
    """Nothing to cut."""
    assert split_by_event(CANDIDATES.empty_table()) == {}


def test_a_table_whose_equal_rows_are_not_adjacent_is_not_cut() -> None:
    """No row is dropped: the stage that made such a table has a bug."""
    with pytest.raises(ValueError, match=r"event_id = \('a',\) are not adjacent"):
        split_by("event_id", pa.table({"event_id": ["a", "b", "a"], "n": [1, 2, 3]}))


def test_candidates_of_a_slot_are_adjacent(scored: pa.Table) -> None:
    """Rows in another order are refused, whichever column of the slot is torn apart."""
    assert check_candidates(scored) is scored
    reversed_halves = pa.concat_tables([scored.slice(40), scored.slice(0, 40)])
    with pytest.raises(ValueError, match="are not adjacent"):
        check_candidates(reversed_halves)


@pytest.mark.parametrize("name", [field.name for field in CANDIDATES if not field.nullable])
def test_a_null_in_a_column_that_allows_none_is_refused(name: str, scored: pa.Table) -> None:
    """The message names the column."""
    place = CANDIDATES.get_field_index(name)
    nulls = scored.set_column(
        place, CANDIDATES.field(name), pa.nulls(len(scored), CANDIDATES.field(name).type)
    )
    with pytest.raises(TypeError, match=f"nulls in columns that allow none: {name}$"):
        check_table(nulls, CANDIDATES)


def test_a_null_inside_a_list_of_structs_is_refused() -> None:
    """The message names the column and the field; nulls that are allowed pass."""
    kind = pa.struct([pa.field("code", pa.string(), nullable=False), pa.field("text", pa.string())])
    schema = pa.schema([pa.field("reasons", pa.list_(kind))])
    good = pa.Table.from_pylist([{"reasons": [{"code": "a"}]}, {"reasons": None}], schema=schema)
    assert check_table(good, schema) is good
    bad = pa.Table.from_pylist([{"reasons": [{"text": "why"}]}], schema=schema)
    with pytest.raises(TypeError, match=r"allow none: reasons\.code$"):
        check_table(bad, schema)


@pytest.mark.parametrize("row", [{"n": 1, "more": 2}, {}])
def test_a_row_fits_its_schema_or_is_refused(row: dict[str, int]) -> None:
    """A field that the schema lacks would vanish; a missing one would become null."""
    schema = pa.schema([("n", pa.int64())])
    with pytest.raises(TypeError, match="fields that only the row or only the schema has"):
        make_table([{"n": 1}, row], schema)


def test_an_outcome_fits_the_table_of_events() -> None:
    """Every column of EVENTS is written, and no field of an outcome is lost."""
    outcome = give_up(PLAN, Reason.WORKER_LOST, detail="crashed", hint="try again")
    (row,) = tabulate_outcomes("batch", [outcome]).to_pylist()
    texts = {"reason", "warnings", "batch"}
    assert row.keys() == set(EVENTS.names) == {f.name for f in fields(Outcome)} | texts


@pytest.mark.parametrize(
    ("column", "kind"), [("reasons", EmptySlot), ("choice_warnings", ChoiceWarning)]
)
def test_reasons_and_warnings_fit_their_columns(
    column: str, kind: type[EmptySlot | ChoiceWarning]
) -> None:
    """Every field of their classes is a field of the structs, in the same order."""
    structs = EVENTS.field(column).type.value_type
    assert [field.name for field in structs] == [f.name for f in fields(kind)]


def test_an_answer_fits_the_table_of_searches(answers: list[Answer]) -> None:
    """What a search cost is a row of SEARCHES, as the answer has it."""
    part = BatchPlan("batch", (PLAN,))
    costly = [replace(each, n_retries=number) for number, each in enumerate(answers)]
    rows = tabulate_searches(part, dict(zip(PLAN.searches, costly, strict=True)))
    assert rows.schema == SEARCHES
    assert rows["n_retries"].to_pylist() == list(range(len(PLAN.searches)))
