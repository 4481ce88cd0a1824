"""Motion: where the movement itself says that onset, apex and offset are, and how surely.

The frames of a clip are reduced to the courses in time of the patterns that move in it
(`courses`); a posterior over the three keyframes comes from templates of free shape
(`posterior`); the rules ``motion`` and ``motion-blind`` (`rules`) are two priors on one
likelihood: ``motion`` is centered on the human labels and chooses frames, ``motion-blind``
knows nothing of them and is the only one that may judge them.
"""

from mebias.selection.motion.courses import Courses, reduce_clip
from mebias.selection.motion.posterior import Phases, Posterior, Prior, locate
from mebias.selection.motion.rules import MOTION, MOTION_BLIND, Motion, usual_phases
from mebias.selection.motion.templates import Definition

__all__ = [
    "MOTION",
    "MOTION_BLIND",
    "Courses",
    "Definition",
    "Motion",
    "Phases",
    "Posterior",
    "Prior",
    "locate",
    "reduce_clip",
    "usual_phases",
]
