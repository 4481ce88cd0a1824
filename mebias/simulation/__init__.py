"""Cohorts with known truth: faces, motion, and coders who err as told."""

from mebias.simulation.coders import parse_plant
from mebias.simulation.coding import CodingStudy, Spreads, simulate_coders
from mebias.simulation.simulate import simulate
from mebias.simulation.write import write_folder

__all__ = [
    "CodingStudy",
    "Spreads",
    "parse_plant",
    "simulate",
    "simulate_coders",
    "write_folder",
]
