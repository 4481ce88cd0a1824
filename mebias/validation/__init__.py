"""Validation: how near selectors come to the truth where it is known, how far statistics hold."""

from mebias.validation.gains import validate_gains
from mebias.validation.recovery import validate_recovery
from mebias.validation.selectors import SELECTORS, selector_recovery, validate_selectors
from mebias.validation.statistics import calibrate_statistics

__all__ = [
    "SELECTORS",
    "calibrate_statistics",
    "selector_recovery",
    "validate_gains",
    "validate_recovery",
    "validate_selectors",
]
