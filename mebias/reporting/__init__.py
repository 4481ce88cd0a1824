"""Reporting: a report's page, figures, tables and methods, from findings."""

from mebias.reporting.changes import Earlier, read_earlier
from mebias.reporting.shareable import with_large_groups
from mebias.reporting.staging import prepare_output
from mebias.reporting.write import Report, write_report

__all__ = [
    "Earlier",
    "Report",
    "prepare_output",
    "read_earlier",
    "with_large_groups",
    "write_report",
]
