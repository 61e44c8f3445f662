"""The nouns of a run: events, phases, sensors, windows, recipes and searches."""

from __future__ import annotations

from floodscan.model.acquired import (
    AcquiredScene,
)
from floodscan.model.decision import Decision
from floodscan.model.event import (
    ACTIVATION_GUARD_MINUTES,
    DEMO,
    PHASES,
    DateKind,
    Event,
    Phase,
)
from floodscan.model.recipe import (
    DEFAULT_LADDER,
    DEFAULT_PHASE_OFFSET_DAYS,
    DEFAULT_SENSORS,
    CloudScope,
    Policy,
    Recipe,
    Relaxation,
    SearchPrices,
    Sensor,
    SensorRecipe,
    SensorRules,
)
from floodscan.model.search import (
    Search,
    TimeWindow,
)

__all__ = [
    "ACTIVATION_GUARD_MINUTES",
    "DEFAULT_LADDER",
    "DEFAULT_PHASE_OFFSET_DAYS",
    "DEFAULT_SENSORS",
    "DEMO",
    "PHASES",
    "AcquiredScene",
    "CloudScope",
    "DateKind",
    "Decision",
    "Event",
    "Phase",
    "Policy",
    "Recipe",
    "Relaxation",
    "Search",
    "SearchPrices",
    "Sensor",
    "SensorRecipe",
    "SensorRules",
    "TimeWindow",
]
