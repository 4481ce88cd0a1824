"""The mark of an exported simulation, and the truth that lies beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.datasets.roots import refuse_links
from mebias.errors import DataRootError
from mebias.reading import SMALL, read_plain

_TRUTH = "truth.csv"
_PLANTED = "planted_errors.csv"


@dataclass(frozen=True)
class Simulation:
    """What an exported simulation says about itself.

    ``dataset`` carries the mark; ``truth`` and ``planted`` are as in `mebias.cohort.Cohort`,
    None where their tables are not there.
    """

    dataset: str
    settings: Mapping[str, object] = field(default_factory=dict)
    truth: pd.DataFrame | None = None
    planted: pd.DataFrame | None = None


def read_simulation(root: Path) -> Simulation | None:
    """What the marker at a data root says; None where the data are real.

    Raises
    ------
    DataRootError
        The marker names no dataset.
    TableError
        A table of the truth is not of its declared form.
    """
    marker = root / tables.MARKER
    if not marker.exists():
        return None
    refuse_links(root, marker, root / _TRUTH, root / _PLANTED)
    try:
        stated = json.loads(read_plain(marker, SMALL).decode("utf-8"))
        name = str(stated["dataset"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise DataRootError(
            f"{marker} marks simulated data but does not say of which dataset; expected JSON such "
            f'as {{"dataset": "samm"}}: export the simulation anew.'
        ) from None
    marked = name if tables.is_simulated(name) else f"{tables.SIMULATED} {name}"
    settings = stated.get("settings")
    truth = tables.read_csv(root / _TRUTH, "keyframes") if (root / _TRUTH).is_file() else None
    return Simulation(
        marked,
        settings if isinstance(settings, dict) else {},
        truth,
        _planted(root / _PLANTED) if (root / _PLANTED).is_file() else None,
    )


def _planted(path: Path) -> pd.DataFrame:
    found = tables.read_text_csv(path)
    errors = pd.to_numeric(found.get("error_ms", pd.Series(dtype=str)), errors="coerce")
    if errors.empty or errors.isna().any() or not {"ethnicity", "keyframe"} <= set(found.columns):
        raise DataRootError(
            f"{path.name} does not hold the columns ethnicity, keyframe and error_ms with a number "
            f"in each row; export the simulation anew."
        )
    return found.assign(error_ms=errors.astype("float64"))
