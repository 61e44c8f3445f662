"""The files in the folder of a run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from floodscan.errors import ManifestError, OutputError
from floodscan.model import Decision
from floodscan.schemas import CANDIDATES, EVENTS, READS, SEARCHES, check_table
from floodscan.store.atomic import write_files, written
from floodscan.store.candidate_files import write_candidates
from floodscan.store.ledger import Ledger, check_columns

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from pathlib import Path

    Json = dict[str, Any]

FILES, PACKED = "files", "packed"
"""How a run stores its manifests: one file per event, or one file per batch."""

_PACK = pa.schema([pa.field("event_id", pa.string()), pa.field("manifest", pa.binary())])


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The output folder of a run.

    Attributes:
        path: Path of the folder.
        packed: Whether manifests are written to one file per batch instead of one per event.
    """

    path: Path
    packed: bool = False

    @property
    def candidates_path(self) -> Path:
        """Folder of the CANDIDATES: one GeoParquet file per batch."""
        return self.path / "candidates"

    @property
    def manifests_path(self) -> Path:
        """Folder of manifests."""
        return self.path / "manifests"

    def manifest_path(self, event_id: str) -> Path:
        """JSON file of one event, if manifests are not packed."""
        return self.manifests_path / f"{event_id}.json"

    @property
    def events(self) -> Ledger:
        """EVENTS; a batch with rows here is complete."""
        return Ledger(self.path / "events", EVENTS)

    @property
    def searches(self) -> Ledger:
        """SEARCHES."""
        return Ledger(self.path / "searches", SEARCHES)

    @property
    def reads(self) -> Ledger:
        """READS, if scenes were read."""
        return Ledger(self.path / "reads", READS)

    @property
    def scratch_path(self) -> Path:
        """Folder of what was read, for the time of the run."""
        return self.path / ".reads"

    @property
    def run_path(self) -> Path:
        """JSON file that describes the run: recipe, catalog, versions and counts."""
        return self.path / "run.json"

    @property
    def decisions_path(self) -> Path:
        """JSON file of the decisions of persons; it exists if there are any."""
        return self.path / "decisions.json"

    def read_decisions(self) -> dict[str, Decision]:
        """Read the decisions of persons, by event id.

        Raises:
            OutputError: The file can't be read.
        """
        try:
            facts: dict[str, Json] = orjson.loads(self.decisions_path.read_bytes())
            return {event_id: Decision.from_dict(fact) for event_id, fact in facts.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise OutputError(f"{self.decisions_path}: can't be read: {err}") from err

    def write_decisions(self, decisions: Mapping[str, Decision]) -> None:
        """Write the decisions of persons, by event id; without any, there is no file."""
        if not decisions:
            self.decisions_path.unlink(missing_ok=True)
            return
        facts = {event_id: decisions[event_id].to_dict() for event_id in sorted(decisions)}
        with written(self.decisions_path) as temporary:
            temporary.write_bytes(
                orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            )

    def has_run(self) -> bool:
        """Return whether the folder holds a run.

        Raises:
            OutputError: The folder can't be looked into, or its path is too long.
        """
        try:
            return self.run_path.exists()
        except OSError as err:
            raise OutputError(
                f"{self.path}: can't be used: {err.strerror}; choose another --out"
            ) from err

    def prepare(self) -> None:
        """Create the folders that workers write to.

        Raises:
            OutputError: They can't be created, or the folder has files that are not of a run.
        """
        try:
            # a start that failed or was killed may have left empty folders
            if not self.has_run() and any(
                path not in self._folders or any(path.iterdir()) for path in self.path.glob("[!.]*")
            ):
                raise OutputError(f"{self.path}: holds other files; choose another --out")
            for folder in self._folders:
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.path / f".{uuid.uuid4().hex}.tmp"
            probe.touch()
            probe.unlink()
        except OSError as err:
            raise OutputError(
                f"{self.path}: can't be written: {err.strerror}; choose another --out"
            ) from err

    def remove_scraps(self) -> None:
        """Delete the temporary files of killed writers; no other process may be writing."""
        for folder in (self.path, *self._folders):
            for path in folder.glob(".*.*.tmp"):
                path.unlink(missing_ok=True)
        for kind in ("trial", "join"):
            for scrap in self.path.glob(f".*.{kind}"):
                rmtree(scrap, ignore_errors=True)

    def write_candidates(self, batch: str, candidates: pa.Table) -> None:
        """Write the CANDIDATES of a batch as GeoParquet 1.1 with a bbox column."""
        with written(self._part(batch)) as temporary:
            write_candidates(candidates, temporary)

    def write_reads(self, batch: str, reads: pa.Table) -> None:
        """Write the READS of a batch; a run that reads nothing has no such files."""
        if len(reads):
            self.reads.folder.mkdir(exist_ok=True)
            names = pa.repeat(pa.scalar(batch), len(reads))
            self.reads.write(batch, reads.set_column(0, READS.field("batch"), names))

    def write_manifests(self, batch: str, manifests: Mapping[str, bytes]) -> None:
        """Write the manifests of a batch, by event id."""
        if self.packed:
            pack = pa.table([list(manifests), list(manifests.values())], schema=_PACK)
            with written(self._pack(batch)) as temporary:
                pq.write_table(pack, temporary, compression="zstd")
            return
        files = {self.manifest_path(key).name: content for key, content in manifests.items()}
        write_files(self.manifests_path, files)

    def drop_manifests(self, event_ids: Iterable[str]) -> None:
        """Delete manifests of an earlier try, of events that have no manifest now."""
        for event_id in event_ids:
            self.manifest_path(event_id).unlink(missing_ok=True)

    def write_run(self, run: Json) -> None:
        """Write the description of the run."""
        with written(self.run_path) as temporary:
            temporary.write_bytes(
                orjson.dumps(run, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            )

    def keep(self, batches: Container[str]) -> None:
        """Delete the files of all other batches.

        Manifests in files of their own stay, because every event of a run gets a new one.
        """
        self.events.keep(batches)
        self.searches.keep(batches)
        self.reads.keep(batches)
        for path in [
            *self.candidates_path.glob("*.parquet"),
            *self.manifests_path.glob("*.parquet"),
        ]:
            if path.stem not in batches:
                path.unlink(missing_ok=True)

    def merge(self) -> None:
        """Merge the rows of events, searches and reads into one file each, at the end."""
        if self.reads.folder.exists():
            self.reads.merge()
        rmtree(self.scratch_path, ignore_errors=True)
        self.searches.merge()
        self.events.merge()

    def read_candidates(self, event_id: str | None = None) -> pa.Table:
        """Read the CANDIDATES of one event, or of all events in the order of their batches.

        Raises:
            OutputError: The folder has no candidates.
        """
        self.check_candidates()
        batches = sorted(path.stem for path in self.candidates_path.glob("*.parquet"))
        if event_id is None:
            return pa.concat_tables(map(self.read_part, batches))
        batch = self._batch_of(event_id)
        rows = CANDIDATES.empty_table() if batch is None else self.read_part(batch)
        return rows.filter(pc.field("event_id") == event_id)

    def check_candidates(self) -> None:
        """Refuse a folder without candidates.

        Raises:
            OutputError: The folder has no candidates.
        """
        if not any(self.candidates_path.glob("*.parquet")):
            raise OutputError(f"{self.path}: holds no candidates; is it the output of a scan?")

    def read_part(self, batch: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read the CANDIDATES of a batch, or some columns of them."""
        names = CANDIDATES.names if columns is None else [*columns]
        schema = pa.schema([CANDIDATES.field(name) for name in names])
        path = self._part(batch)
        if not path.exists():
            return schema.empty_table()
        check_columns(path, pq.read_schema(path), schema)
        found = pq.read_table(path, columns=names)
        return check_table(found.replace_schema_metadata(None).cast(schema), schema)

    def has_clear_ground(self) -> bool:
        """Return whether the clear ground of any candidate was read, by the files' footers."""
        return any(map(_has_clear_ground, sorted(self.candidates_path.glob("*.parquet"))))

    def replace_event(
        self, batch: str, event_id: str, candidates: pa.Table, manifest: bytes
    ) -> None:
        """Replace the CANDIDATES and the manifest of one event of a batch."""
        held = self.read_part(batch)
        own = pc.equal(held["event_id"], event_id)
        first = pc.index(own, value=True).as_py()
        end = first + pc.sum(own).as_py() if first >= 0 else len(held)
        first = first if first >= 0 else len(held)
        parts = [held.slice(0, first), candidates, held.slice(end)]
        self.write_candidates(batch, pa.concat_tables(parts))
        pack = self._read_pack(batch)
        self.write_manifests(batch, {**pack, event_id: manifest})

    def read_manifest(self, event_id: str) -> bytes:
        """Read the bytes of an event's manifest, packed or not.

        Raises:
            ManifestError: The event has no manifest.
        """
        alone = self.manifest_path(event_id)
        try:
            if alone.exists():
                return alone.read_bytes()
        except OSError as err:
            raise ManifestError(str(alone), err.strerror or str(err)) from err
        batch = self._batch_of(event_id)
        pack = {} if batch is None else self._read_pack(batch)
        if event_id not in pack:
            raise ManifestError(str(alone), self._why_none(event_id))
        return pack[event_id]

    def read_manifests(self, batch: str, event_ids: Iterable[str]) -> list[bytes]:
        """Read the manifests of some events of a batch, in their order.

        Packed manifests are read once for all events.

        Raises:
            ManifestError: An event has no manifest.
        """
        pack = self._read_pack(batch)
        return [
            pack[event_id] if event_id in pack else self.read_manifest(event_id)
            for event_id in event_ids
        ]

    def read_run(self) -> Json:
        """Read the description of the run.

        Raises:
            OutputError: The folder has no run.
        """
        try:
            run: Json = orjson.loads(self.run_path.read_bytes())
        except (OSError, ValueError) as err:
            raise OutputError(
                f"{self.path}: holds no run.json; is it the output of a scan?"
            ) from err
        return run

    def read_events(self) -> pa.Table:
        """Read the EVENTS of the finished batches.

        Raises:
            OutputError: The table is missing or damaged.
        """
        self.check_events()
        return self.events.read()

    def check_events(self) -> None:
        """Refuse a folder whose EVENTS are missing or damaged.

        Raises:
            OutputError: The table is missing or damaged.
        """
        whole = self.events.whole
        try:
            if not self.events.folder.exists() and not whole.exists():
                message = "holds no events.parquet; is it the output of a scan?"
                raise OutputError(f"{self.path}: {message}")
            if whole.exists():
                pq.read_metadata(whole)
        except (OSError, pa.ArrowInvalid) as err:
            raise OutputError(f"{whole}: can't be read: {err}") from err

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.candidates_path, self.manifests_path, self.events.folder, self.searches.folder

    def _part(self, batch: str) -> Path:
        return self.candidates_path / f"{batch}.parquet"

    def _pack(self, batch: str) -> Path:
        return self.manifests_path / f"{batch}.parquet"

    def _read_pack(self, batch: str) -> dict[str, bytes]:
        """Read the packed manifests of a batch, by event id."""
        path = self._pack(batch)
        if not path.exists():
            return {}
        try:
            pack = pq.read_table(path, schema=_PACK)
        except OSError as err:
            raise ManifestError(str(path), err.strerror or str(err)) from err
        return dict(zip(*(pack[name].to_pylist() for name in _PACK.names), strict=True))

    def _batch_of(self, event_id: str) -> str | None:
        rows = self.events.read(["event_id", "batch"]).filter(pc.field("event_id") == event_id)
        return str(rows["batch"][0]) if len(rows) else None

    def _why_none(self, event_id: str) -> str:
        rows = self.events.read(["event_id", "reason"]).filter(pc.field("event_id") == event_id)
        why = rows["reason"][0] if len(rows) else f"no event '{event_id}' is finished"
        return f"there is no manifest: {why}"


def _has_clear_ground(path: Path) -> bool:
    metadata = pq.read_metadata(path)
    if "clear_source" not in metadata.schema.names:
        return False
    column = metadata.schema.names.index("clear_source")
    chunks = (metadata.row_group(group).column(column) for group in range(metadata.num_row_groups))
    return any(chunk.statistics.null_count < chunk.num_values for chunk in chunks)
