"""Small cohorts in the layout of each dataset's authors, made on the spot.

`build` writes tables and tiny images below a folder, with the quirks and errors that the
authors' own files have, on invented rows. No real table, no real image.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from authors import casme, casme3, casmesq, dfme, folder, fourdme, mmew, samm, smic
from authors.built import Built

BUILDERS: dict[str, Callable[[Built], None]] = {
    "casme": casme.build_casme,
    "casme2": casme.build_casme2,
    "casmesq": casmesq.build,
    "casme3": casme3.build_part_a,
    "casme3-c": casme3.build_part_c,
    "samm": samm.build_samm,
    "samm-long": samm.build_long,
    "smic": smic.build,
    "mmew": mmew.build,
    "4dme": fourdme.build,
    "dfme": dfme.build,
    "folder": folder.build,
}
VARIANTS: dict[str, tuple[str, ...]] = {
    "casme": ("2013", "2019", "2019+raw", "2013+shuffled", "2013+csv"),
    "casme2": ("2014", "2019", "updated", "2014+raw", "2014+cropped", "2014+relative", "2019+csv"),
    "casmesq": ("",),
    "casme3": ("micro-v2", "micro-v1", "part-a-v2", "part-a-v1", "micro-v2+flat", "micro-v2+csv"),
    "casme3-c": ("micro", "events"),
    "samm": ("micro-v2", "micro-v2+resaved", "micro-v2+flat", "micro-v2+relative", "micro-v2+csv"),
    "samm-long": ("", "+csv"),
    "smic": ("hs", "hs+b", "vis", "nir", "nir+shuffled", "raw-hs", "raw-hs+cropped"),
    "mmew": ("", "+by-emotion", "+shuffled", "+csv"),
    "4dme": ("", "+cropped", "+apostrophes", "+shuffled", "+csv"),
    "dfme": ("", "+csv"),
    "folder": ("",),
}


def build(name: str, root: Path, *, frames: bool = True, variant: str = "") -> Built:
    """Write a small cohort of dataset `name` below `root`, and tell what was planted.

    `variant` names the version of the table, then after ``+`` other unpackings and spellings:
    ``shuffled`` (columns in another order), ``csv`` (saved as CSV), and those of the dataset.
    """
    version, *options = variant.split("+")
    default = VARIANTS[name][0].partition("+")[0]
    built = Built(name, version or default, root, tuple(options), frames)
    BUILDERS[name](built)
    built.film_all()
    return built


__all__ = ["BUILDERS", "VARIANTS", "Built", "build"]
