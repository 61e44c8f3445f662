"""Assessment of the choices: empty slots, coverage, warnings, and the manifest of each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.assessment.acquired_passes import add_warnings, check_slots, describe_checks
from floodscan.assessment.manifest import ManifestWriter, dump_manifest
from floodscan.assessment.missing_passes import PASS_COLUMNS, name_missing_passes
from floodscan.assessment.outcomes import find_empty_slots, summarize_event
from floodscan.assessment.quality import assess
from floodscan.assessment.shown_rows import list_shown_rows
from floodscan.assessment.verdict_counts import count_verdicts
from floodscan.schemas import split_by_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodscan.assessment.outcomes import Outcome
    from floodscan.catalogs.base import Answer
    from floodscan.model import Recipe, Search
    from floodscan.planning.slots import EventPlan
    from floodscan.selection import Selection


def assess_events(
    plans: Sequence[EventPlan],
    selection: Selection,
    answers: Sequence[Mapping[Search, Answer]],
    *,
    recipe: Recipe,
    catalog_id: str,
) -> tuple[dict[str, bytes], list[Outcome]]:
    """Make the manifest and the outcome of each event.

    Args:
        plans: The events.
        selection: The choices for these events.
        answers: For each event the answers to its slot searches.
        recipe: The rules.
        catalog_id: STAC id of the catalog.

    Returns:
        The bytes of the manifests by event id, and the outcomes in the order of the plans.
    """
    candidates = selection.candidates
    seen = candidates.select(PASS_COLUMNS)
    of_event, no_rows = split_by_event(seen), seen.slice(0, 0)
    rows = list_shown_rows(candidates)
    assessments = assess(plans, candidates, recipe)
    verdicts = count_verdicts(candidates, recipe)
    writer, manifests, outcomes = ManifestWriter(recipe, catalog_id), {}, []
    for plan, answered in zip(plans, answers, strict=True):
        own = of_event.get(event_id := plan.event.event_id, no_rows)
        found = find_empty_slots(plan, verdicts.get(event_id, {}), answered, recipe)
        shown, more = rows.get(event_id, {}), selection.alternatives.get(event_id, {})
        checks = check_slots(plan, answered, shown, recipe)
        empty = name_missing_passes(found, plan, own, recipe, checks)
        assessed = add_warnings(assessments[event_id], checks, answered, recipe)
        manifest = writer.build(
            plan, shown, answers=answered, empty_slots=empty, assessment=assessed, alternatives=more
        )
        manifests[event_id] = dump_manifest(manifest | describe_checks(plan, checks))
        outcomes.append(summarize_event(plan, len(own), answered, empty, assessed))
    return manifests, outcomes
