"""The fields of an item, included and excluded the way pgstac does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from floodscan.testing.servers.catalog import Json


def without_nulls(item: Json) -> Json:
    """Drop every member that is null, at any depth: pgstac keeps none of them."""
    return {key: _without_nulls(member) for key, member in item.items() if member is not None}


def select_fields(item: Json, include: Collection[str], exclude: Collection[str]) -> Json:
    """Cut an item down to what was asked for.

    Args:
        item: The whole item; it is left as it is.
        include: Dotted paths to keep beside id and collection; all of them where it's empty.
        exclude: Dotted paths to drop; one that is, or contains, an included path is ignored.

    Returns:
        A shallow copy.
    """
    dropped = {path for path in exclude if not _contains(path, include)}
    kept = dict(item) if not include else _include(item, {*include, "id", "collection"})
    for path in dropped:
        _drop(kept, path.split("."))
    return kept


def links_wanted(include: Collection[str], exclude: Collection[str]) -> bool:
    """Whether an answer carries links: it does unless they are excluded, included or not."""
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
    """A copy of a member put in its place, for what is written must not reach the whole item."""
    node[name] = dict(_member(node, name))
    child: Json = node[name]
    return child


def _member(node: Json, name: str) -> Json:
    member = node.get(name)
    return member if isinstance(member, dict) else {}
