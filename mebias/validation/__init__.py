"""Validation: how near selectors come to the truth where it is known."""

from mebias.validation.recovery import validate_recovery
from mebias.validation.selectors import SELECTORS, recovery, validate_selectors

__all__ = ["SELECTORS", "recovery", "validate_recovery", "validate_selectors"]
