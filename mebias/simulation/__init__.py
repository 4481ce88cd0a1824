"""Cohorts with known truth: faces, motion, and coders who err as told."""

from mebias.simulation.coders import parse_plant
from mebias.simulation.simulate import simulate
from mebias.simulation.write import write_folder

__all__ = ["parse_plant", "simulate", "write_folder"]
