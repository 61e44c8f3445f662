"""Many STAC items as rows of stac-geoparquet, written at once.

No rule of ``stac_items`` is spelled a second time. A sample item has values that occur nowhere
else, such as a pass in 1987. A text in which one of them is found is a pattern, and the rows get it
with their own values. All columns that depend on the place alone are made once for each place, and
taken from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from stac_geoparquet.arrow import parse_stac_items_to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.testing.stac_items import Item

    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spelling:
    """A text that differs from row to row.

    Attributes:
        spell: Makes the text of a number.
        sample: The number in the sample item.
        numbers: The numbers of the rows, shape (n,).
    """

    spell: Callable[[int], str]
    sample: int
    numbers: Integers

    def texts(self) -> pa.Array:
        """Return the texts of the rows, shape (n,); a number that comes often is spelled once."""
        numbers, places = np.unique(self.numbers, return_inverse=True)
        return pa.array(map(self.spell, numbers.tolist()), pa.string()).take(pa.array(places))


@dataclass(frozen=True, slots=True)
class Places:
    """What rows take from their place.

    Attributes:
        table: A row for each place; texts that are patterns are null.
        samples: The sample items, one for each kind of item.
    """

    table: pa.Table
    samples: pa.Table


def make_places(
    samples: Sequence[Item], items: Sequence[Item], spellings: Iterable[Spelling]
) -> Places:
    """Make the columns of places.

    Args:
        samples: The sample items. A text that is a pattern in any of them is one in the first.
        items: An item for each place, of any pass.
        spellings: Which texts are patterns.
    """
    whole = parse_stac_items_to_arrow([*samples, *items]).read_all().combine_chunks()
    blank = pa.nulls(len(whole), pa.string())
    table = _Writer(_marks(spellings), lambda _: blank).rewrite_table(whole, whole)
    # a slice would keep all rows in memory
    first = whole.take(pa.array(np.arange(len(samples))))
    return Places(table.slice(len(samples)), first)


def make_rows(
    places: Places,
    rows: Integers,
    *,
    sample: int = 0,
    spellings: Sequence[Spelling],
    columns: Mapping[str, Any],
) -> pa.Table:
    """Make the rows of items.

    Args:
        places: The places, and the sample items.
        rows: Number of the place of each row, shape (n,).
        sample: Number of the sample item.
        spellings: Texts of the rows.
        columns: Values of shape (n,) that replace those of whole columns.

    Returns:
        A table with n rows and the schema of the places.
    """
    marks = _marks(spellings)
    texts = {each.spell(each.sample): each.texts() for each in spellings}

    def write(text: str) -> pa.Array:
        pieces = [texts.get(piece, piece) for piece in marks.split(text) if piece]
        return pc.binary_join_element_wise(*pieces, "") if len(pieces) > 1 else pieces[0]

    taken = places.table.take(pa.array(rows)).combine_chunks()
    table = _Writer(marks, write).rewrite_table(taken, places.samples.slice(sample, 1))
    for name, values in columns.items():
        number = table.schema.get_field_index(name)
        field = table.schema.field(number)
        table = table.set_column(number, field, _as_array(values).cast(field.type))
    return table


def parse_columns(items: Sequence[Item], names: Sequence[str]) -> pa.Table:
    """Read some columns of items, but neither assets nor links."""
    bare = [{**item, "assets": {}, "links": []} for item in items]
    return parse_stac_items_to_arrow(bare).read_all().select(names)


def _as_array(values: Any) -> pa.Array | pa.ChunkedArray:  # noqa: ANN401 - of numpy or Arrow
    return pa.array(values) if isinstance(values, np.ndarray) else values


def _marks(spellings: Iterable[Spelling]) -> re.Pattern[str]:
    """Match the texts of the sample items, the longest first, as a group of their own."""
    found = sorted((each.spell(each.sample) for each in spellings), key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, found))})")


@dataclass(frozen=True, slots=True)
class _Writer:
    """Replaces the texts that are patterns in the first row of a sample, at any depth.

    Attributes:
        marks: Found in a pattern, and in no other text.
        write: Returns the texts for a pattern, one for each row.
    """

    marks: re.Pattern[str]
    write: Callable[[str], pa.Array]

    def rewrite_table(self, table: pa.Table, sample: pa.Table) -> pa.Table:
        """Rewrite a table of one chunk."""
        columns = [
            self._rewrite(table[name].chunk(0), sample[name].chunk(0))
            for name in table.column_names
        ]
        return pa.table(columns, schema=table.schema)

    def _rewrite(self, values: pa.Array, sample: pa.Array) -> pa.Array:
        kind = values.type
        if pa.types.is_struct(kind):
            members = [
                self._rewrite(values.field(i), sample.field(i)) for i in range(kind.num_fields)
            ]
            mask = values.is_null() if values.null_count else None
            return pa.StructArray.from_arrays(members, fields=list(kind), mask=mask)
        if pa.types.is_list(kind) and self.marks.search(str(sample[0])):
            return self._rewrite_list(values, sample.slice(0, 1).flatten())
        text = sample[0].as_py() if pa.types.is_string(kind) else None
        return self.write(text) if text and self.marks.search(text) else values

    def _rewrite_list(self, values: pa.ListArray, sample: pa.Array) -> pa.Array:
        """Rewrite the first members of all rows, then the second ones, and so on.

        All rows have as many members as the sample.
        """
        n_rows, n_members, members = len(values), len(sample), values.flatten()
        firsts = np.arange(n_rows) * n_members
        columns = [
            self._rewrite(members.take(pa.array(firsts + i)), sample.slice(i, 1))
            for i in range(n_members)
        ]
        order = np.arange(n_rows * n_members).reshape(n_members, n_rows).T.ravel()
        offsets = pa.array(np.arange(n_rows + 1) * n_members, pa.int32())
        joined = pa.concat_arrays(columns).take(pa.array(order))
        return pa.ListArray.from_arrays(offsets, joined, type=values.type)
