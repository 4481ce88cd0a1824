"""Clips to draw, and what is read from their pictures."""

from dataclasses import replace

import numpy as np
from matplotlib.text import Text

import mebias

PLOTS = {
    "distances": mebias.plot_distances,
    "motion": mebias.plot_motion,
    "film": mebias.plot_film,
}
WIDTHS = (89.0, 183.0)


def simulated(name="samm", **options):
    return mebias.simulate(name, **{"n_subjects": 2, "n_clips": 2, "size": (64, 64)} | options)


def frames_of(table, clip, source):
    own = table[(table["clip"] == clip) & (table["source"] == source)]
    return own.set_index("keyframe")["frame"].to_dict()


def artist(part, gid):
    (found,) = part.findobj(lambda a: a.get_gid() == gid)
    return found


def count(part, gid):
    return len(part.findobj(lambda a: str(a.get_gid() or "").startswith(gid)))


def words(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]


def without(cohort, keyframe):
    lacking = cohort.keyframes["keyframe"] == keyframe
    keyframes = cohort.keyframes.copy()
    keyframes.loc[lacking, "frame"] = np.nan
    keyframes.loc[lacking, "status"] = "missing"
    return replace(cohort, keyframes=keyframes)
