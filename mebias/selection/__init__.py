"""Keyframe selection: distances, rules and their application to a cohort.

Notation, per clip: human onset O, apex A, offset F; rise r = A - O, fall q = F - A.
Candidate windows are laid around the human keyframes, their width a share ``lam`` of the
phase. The pair (onset, apex) with the largest frame distance is taken, then the offset
with the largest distance from that apex.
"""

from mebias.selection.distances import DISTANCES
from mebias.selection.nulls import nulls
from mebias.selection.reselect import reselect
from mebias.selection.rules import RULES, Gamdss, Rule, Windows

__all__ = ["DISTANCES", "RULES", "Gamdss", "Rule", "Windows", "nulls", "reselect"]
