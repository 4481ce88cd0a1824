"""Validation: how near selectors come to the truth where it is known, how far statistics hold."""

from mebias.validation.gains import validate_gains
from mebias.validation.selectors import SELECTORS, recovery, validate_selectors
from mebias.validation.statistics import calibrate_statistics

__all__ = [
    "SELECTORS",
    "calibrate_statistics",
    "recovery",
    "validate_gains",
    "validate_selectors",
]
