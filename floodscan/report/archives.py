"""Archives on a screen: what a build did, and what an archive has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal

from floodscan.report.screen import print_line, show

if TYPE_CHECKING:
    from rich.console import Console

    from floodscan.catalogs.archive.info import ArchiveInfo, CollectionInfo
    from floodscan.catalogs.archive_build.build import BuiltArchive

_HEADER = ("collection", "rows", "files", "size", "row groups", "rows each", "layout", "columns")


def show_build(console: Console, out: str, built: BuiltArchive) -> None:
    """Print what a build did."""
    wrote = f"{built.n_written} of {built.n_files} files written in {built.n_requests} requests"
    print_line(console, f"{out}: {built.n_items:,} items; {wrote}")
    if built.n_dropped:
        print_line(console, f"{built.n_dropped} features without an id are left out")
    print_line(console, f"Next: floodscan archive info {out}", whole=True)


def show_archive(console: Console, described: ArchiveInfo) -> None:
    """Print what an archive has."""
    copy = f", a copy of {described.catalog}" if described.catalog else ""
    size = f"{described.n_files} files, {decimal(described.n_bytes)}"
    show(
        console,
        f"{described.archive}: {size}{copy}",
        _HEADER,
        [_make_row(each) for each in described.collections],
    )
    for each in described.collections:
        area = "" if each.bbox is None else f"; area {', '.join(f'{e:.2f}' for e in each.bbox)}"
        print_line(console, f"{each.collection}: covers {each.coverage or 'any time'}{area}")
        if each.n_without_id:
            print_line(
                console, f"{each.collection}: {each.n_without_id} rows without an id are left out"
            )


def _make_row(each: CollectionInfo) -> tuple[object, ...]:
    ends = None if each.rows_per_group is None else sorted(set(each.rows_per_group))
    return (
        each.collection,
        f"{each.n_rows:,}",
        each.n_files,
        decimal(each.n_bytes),
        each.n_row_groups,
        None if ends is None else " to ".join(f"{end:,}" for end in ends),
        each.files,
        "; ".join(f"{name} {form}" for name, form in each.columns.items()) or None,
    )
