"""The words of statuses, reasons and warnings, as tables and manifests have them."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How an event ended: the column ``status`` of EVENTS."""

    COMPLETE = "complete"
    """Every slot is filled."""

    PARTIAL = "partial"
    """Some slots are filled."""

    FAILED = "failed"
    """No slot is filled."""


class Reason(StrEnum):
    """Why a slot is empty."""

    NO_CANDIDATES = "no_candidates"
    """The catalog has no scene of the slot."""

    ALL_REJECTED = "all_rejected"
    """The catalog has scenes of the slot, but the rules reject each of them."""

    INCOMPLETE = "incomplete"
    """The catalog held back part of its answer, so nothing of it is chosen."""

    NOT_COVERED = "not_covered"
    """The archive does not cover the whole window, so nothing of it is chosen."""

    SEARCH_FAILED = "search_failed"
    """The catalog did not answer."""

    WORKER_LOST = "worker_lost"
    """Every worker that ran the event crashed."""

    INTERNAL_ERROR = "internal_error"
    """A bug stopped the batch of the event."""


class WarningCode(StrEnum):
    """What to know about a choice before it is used."""

    WRONG_SIDE_OF_ONSET = "wrong_side_of_onset"
    """A scene of a pre-flood phase is not before the onset, or a later one is before it."""

    ONSET_ASSUMED = "onset_assumed"
    """A scene of ``event`` is from the day of an onset without an hour: it may be before it."""

    DECISION_NOT_KEPT = "decision_not_kept"
    """A person decided for a pass or a track that the rules don't admit."""

    NO_TIME = "no_time"
    """The acquisition time of a scene is unknown."""

    REUSED_SCENE = "reused_scene"
    """A scene fills two phases."""

    REUSED_PASS = "reused_pass"  # noqa: S105 - the pass of a satellite
    """Scenes of one pass fill two phases."""

    OUT_OF_ORDER = "out_of_order"
    """The scene of a phase is not later than the scene of the phase before it."""

    MIXED_TRACKS = "mixed_tracks"
    """The SAR phases are of several tracks."""

    UNCALIBRATED = "uncalibrated"
    """A scene of Sentinel-1C is from before its calibration."""

    NO_VV_OR_VH = "no_vv_or_vh"
    """A SAR scene has neither VV nor VH."""

    LOW_SUN = "low_sun"
    """The sun was less than 20° above the horizon."""

    LATE_EVENT = "late_event"
    """The scene of ``event`` is from later than 96 hours after the onset."""

    TWIN = "twin"
    """The catalog has the scene more than once, with different ids."""

    MIXED_PLATFORMS = "mixed_platforms"
    """The phases of a sensor are from several satellites."""

    MIXED_OFFSETS = "mixed_offsets"
    """Sentinel-2 phases are of processing baselines with and without an offset of the pixels."""

    NOT_IN_COLLECTION = "not_in_collection"
    """A pass was acquired for the slot, but the collection of its scenes lacks it."""

    NOT_CHECKED = "not_checked"
    """The collection ``acquired_in`` gave no complete answer, so missing passes are not known."""

    LOW_COVERAGE = "low_coverage"
    """The scenes of a slot cover less of the target than the recipe's ``warn_coverage_below``."""

    CLEAR_GROUND_UNKNOWN = "clear_ground_unknown"
    """A scene was not read, or only shares of its clear ground are known, so it may be cloudy."""

    LOW_CLEAR_COVERAGE = "low_clear_coverage"
    """The scenes of a slot, or all together, show less clear than ``warn_coverage_below``."""

    LOW_JOINT_COVERAGE = "low_joint_coverage"
    """All chosen scenes together cover less of the target than ``warn_coverage_below``."""


TRANSIENT = (
    Reason.INCOMPLETE,
    Reason.NOT_COVERED,
    Reason.SEARCH_FAILED,
    Reason.WORKER_LOST,
    Reason.INTERNAL_ERROR,
    WarningCode.NOT_CHECKED,
)
"""Reasons and warnings that may be gone at the next try."""
