"""Pages of an answer, and the tokens that link them, as pgstac makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from floodscan.testing.servers.store import Rows, Store


class TokenError(ValueError):
    """A paging token that is on no page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer.

    Attributes:
        rows: The rows of the page.
        following: Token of the next page; None on the last page.
        previous: Token of the page before; None on the first page.
    """

    rows: Rows
    following: str | None
    previous: str | None


def cut_page(store: Store, rows: Rows, *, limit: int, token: str | None) -> Page:
    """Cut the page of a token out of a whole answer.

    Args:
        store: The store of the rows.
        rows: All rows of the answer, in order.
        limit: Number of rows on a page.
        token: A token from an earlier page; None is the first page.

    Returns:
        The page.

    Raises:
        TokenError: The token is of no item of this answer.
    """
    first, last = _bounds(store, rows, limit, token)
    page = rows[first:last]
    if not page.size:
        return Page(page, None, None)
    following = f"next:{_key(store, page[-1])}" if last < rows.size else None
    previous = f"prev:{_key(store, page[0])}" if token is not None and first > 0 else None
    return Page(page, following, previous)


def _bounds(store: Store, rows: Rows, limit: int, token: str | None) -> tuple[int, int]:
    if token is None:
        return 0, limit
    direction, _, key = token.lower().partition(":")
    position = _position(store, rows, key)
    if direction == "next":
        return position + 1, position + 1 + limit
    if direction == "prev":
        return max(position - limit, 0), position
    raise TokenError(f"Invalid paging token: {token}")


def _position(store: Store, rows: Rows, key: str) -> int:
    try:
        collection, item_id = (bytes.fromhex(part).decode() for part in key.split(":"))
    except ValueError as error:
        raise TokenError(f"Invalid paging token: {key}") from error
    found = np.flatnonzero(rows == store.row(collection, item_id))
    if not found.size:
        raise TokenError(f"Paging token of another search: {key}")
    return int(found[0])


def _key(store: Store, row: np.intp) -> str:
    item = store.items[row]
    return f"{item['collection'].encode().hex()}:{item['id'].encode().hex()}"
