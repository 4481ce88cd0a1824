"""Reporting: a report's page, figures, tables and methods, from findings."""

from mebias.reporting.staging import prepare_output
from mebias.reporting.write import Report, write_report

__all__ = ["Report", "prepare_output", "write_report"]
