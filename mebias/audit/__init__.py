"""Audit: everything about a dataset's labels that deserves a second look.

`audit` goes through a cohort and lists what is off, each finding with a sentence, the exact
cell and what the rest of mebias does about it; nothing is repaired.
"""

from mebias.audit.audit import audit
from mebias.audit.consequences import consequences
from mebias.audit.text import summary_text

__all__ = ["audit", "consequences", "summary_text"]
