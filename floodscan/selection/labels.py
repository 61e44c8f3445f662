"""The words of the column ``verdict``."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Why a candidate fills its slot, or why it does not."""

    SELECTED = "selected"
    """It fills the slot, alone or as part of a mosaic."""

    ELIGIBLE = "eligible"
    """It could fill the slot, but another candidate is better."""

    NO_OVERLAP = "no_overlap"
    """It covers nothing of the target."""

    MISSING_ASSETS = "missing_assets"
    """It lacks an asset that the recipe asks for; see the column ``missing_assets``."""

    MISSING_POLARIZATIONS = "missing_polarizations"
    """It lacks a polarisation that the recipe asks for."""

    TOO_CLOUDY = "too_cloudy"
    """Its cloud cover is not below the recipe's limit."""

    OUTSIDE_WINDOW = "outside_window"
    """Only a wider window of the recipe's ladder admits it."""

    INCOMPLETE_ANSWER = "incomplete_answer"
    """The catalog held back part of the answer, so nothing of it is chosen."""

    NOT_COVERED = "not_covered"
    """The archive covers only a part of the window, so nothing of it is chosen."""

    NO_TIME = "no_time"
    """Its acquisition time is unknown, so it may be from before or after the onset."""

    WRONG_SIDE_OF_ONSET = "wrong_side_of_onset"
    """A pre-flood phase needs a scene from before the onset, a later phase one from after it."""

    SUPERSEDED = "superseded"
    """The same scene exists in a newer processing; see the column ``superseded_by``."""

    REDUNDANT = "redundant"
    """It is of the chosen pass, but other scenes of that pass cover the same."""

    OTHER_TRACK = "other_track"
    """It is of another track than the chosen SAR scenes."""

    OUT_OF_ORDER = "out_of_order"
    """With it the phases would not follow one another in time."""

    COVERS_TOO_LITTLE = "covers_too_little"
    """Its pass covers less of the target than the recipe's ``min_coverage``."""

    DECIDED_OTHERWISE = "decided_otherwise"
    """A person decided for another pass or another track."""

    USED_IN_OTHER_PHASE = "used_in_other_phase"
    """Its pass fills another phase."""
