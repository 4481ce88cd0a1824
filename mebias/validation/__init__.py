"""Validation: how near selectors come to the truth where it is known."""

from mebias.validation.gains import validate_gains
from mebias.validation.selectors import SELECTORS, recovery, validate_selectors

__all__ = ["SELECTORS", "recovery", "validate_gains", "validate_selectors"]
