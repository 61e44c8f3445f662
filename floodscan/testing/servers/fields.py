"""Include and exclude the fields of an item, as pgstac does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from floodscan.testing.servers.catalog import Json


def without_nulls(item: Json) -> Json:
    """Drop all members that are null, at any depth: pgstac does not keep them."""
    return {key: _without_nulls(member) for key, member in item.items() if member is not None}


def select_fields(item: Json, include: Collection[str], exclude: Collection[str]) -> Json:
    """Cut an item down to the fields of a search.

    Args:
        item: The whole item; it stays unchanged.
        include: Dotted paths to keep with id and collection; if empty, all are kept.
        exclude: Dotted paths to drop. A path that is, or contains, an included one is ignored.

    Returns:
        A shallow copy.
    """
    dropped = {path for path in exclude if not _contains(path, include)}
    kept = dict(item) if not include else _include(item, {*include, "id", "collection"})
    for path in dropped:
        _drop(kept, path.split("."))
    return kept


def links_wanted(include: Collection[str], exclude: Collection[str]) -> bool:
    """Return True if an answer has links: only an exclusion leaves them out."""
    return "links" not in exclude or _contains("links", include)


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return without_nulls(value)
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value


def _contains(path: str, others: Iterable[str]) -> bool:
    return any(other == path or other.startswith(f"{path}.") for other in others)


def _include(item: Json, paths: Iterable[str]) -> Json:
    kept: Json = {}
    for path in paths:
        *parents, name = path.split(".")
        # A path below a missing member leaves empty objects on its way, as in pgstac.
        node, source = kept, item
        for parent in parents:
            node = _own_child(node, parent)
            source = _member(source, parent)
        if name in source:
            node[name] = source[name]
    return kept


def _drop(kept: Json, path: list[str]) -> None:
    *parents, name = path
    node = kept
    for parent in parents:
        if not isinstance(node.get(parent), dict):
            return
        node = _own_child(node, parent)
    node.pop(name, None)


def _own_child(node: Json, name: str) -> Json:
    """Replace a member by its copy, so that changes do not reach the whole item."""
    node[name] = dict(_member(node, name))
    child: Json = node[name]
    return child


def _member(node: Json, name: str) -> Json:
    member = node.get(name)
    return member if isinstance(member, dict) else {}
