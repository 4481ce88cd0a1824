"""Small cohorts in the layout of each dataset's authors, made on the spot.

`build` writes tables and tiny images below a folder, with the quirks and errors that the
authors' own files have, on invented rows. No real table, no real image.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from authors import casme, casme3, casmesq
from authors.built import Built

BUILDERS: dict[str, Callable[[Built], None]] = {
    "casme": casme.build_casme,
    "casme2": casme.build_casme2,
    "casmesq": casmesq.build,
    "casme3": casme3.build_part_a,
    "casme3-c": casme3.build_part_c,
}
VARIANTS: dict[str, tuple[str, ...]] = {
    "casme": ("2013", "2019"),
    "casme2": ("2014", "2019", "updated"),
    "casmesq": ("",),
    "casme3": ("micro-v2", "micro-v1", "part-a-v2", "part-a-v1"),
    "casme3-c": ("micro", "events"),
}


def build(name: str, root: Path, *, frames: bool = True, variant: str = "") -> Built:
    """Write a small cohort of dataset `name` below `root`, and tell what was planted.

    `variant` names the version of the table, then after ``+`` other unpackings and spellings:
    ``shuffled`` (columns in another order), ``csv`` (saved as CSV), and those of the dataset.
    """
    version, *options = variant.split("+")
    built = Built(name, version or VARIANTS[name][0], root, tuple(options), frames)
    BUILDERS[name](built)
    built.film_all()
    return built


__all__ = ["BUILDERS", "VARIANTS", "Built", "build"]
