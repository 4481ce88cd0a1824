"""Quantification: shifts, their estimates, tests, and what a design can show."""

from mebias.quantification.compare import compare
from mebias.quantification.findings import Findings
from mebias.quantification.planted import planted_vs_found
from mebias.quantification.quantify import quantify
from mebias.quantification.revisions import revisions, unevenness

__all__ = [
    "Findings",
    "compare",
    "planted_vs_found",
    "quantify",
    "revisions",
    "unevenness",
]
