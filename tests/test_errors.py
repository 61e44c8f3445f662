"""Errors travel from workers and keep their text."""

from __future__ import annotations

import pickle

import pytest

from floodscan import errors
from floodscan.errors import InputProblem, suggest

SAMPLES = [
    errors.FloodscanError("text"),
    errors.InputError("text"),
    errors.EventError("f.csv", [InputProblem("row 1", "bbox", "has no area")]),
    errors.RecipeError(
        "r.toml", [InputProblem("", "policy", "is unknown"), InputProblem("", "", "text")]
    ),
    errors.ProfileError("p.yaml", [InputProblem("", "account", "is missing")]),
    errors.OutputError("text"),
    errors.CatalogError("demo", "is away"),
    errors.MissingCollectionError("demo", "has no collection"),
    errors.ClusterError("text"),
    errors.ManifestError("m.json", "is none"),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error: errors.FloodscanError) -> None:
    """Kind, text and arguments are the same after a journey."""
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(arrived) is type(error)
    assert (str(arrived), arrived.args) == (str(error), error.args)


def test_every_error_is_tried() -> None:
    """The samples hold one of each public error."""
    public = {
        kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and not name.startswith("_")
    }
    assert {type(error) for error in SAMPLES} == {
        kind for kind in public if issubclass(kind, errors.FloodscanError)
    }


def test_problem_names_its_place() -> None:
    """Row and field come first."""
    assert str(SAMPLES[2]) == "f.csv: row 1, field 'bbox': has no area"


def test_suggestion_is_the_nearest_spelling() -> None:
    """A near miss is corrected, anything else gets the list."""
    assert suggest("polcy", ["policy", "sensors"]) == "did you mean 'policy'?"
    assert suggest("x", ["policy", "sensors"]) == "known: policy, sensors"
