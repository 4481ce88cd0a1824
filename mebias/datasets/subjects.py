"""How a subject is written: one spelling per person, whatever the table or file writes."""

from __future__ import annotations

import re

from mebias.manifests import Manifest


def canonical(text: str, manifest: Manifest) -> str:
    """A subject code in the manifest's spelling: prefix left out, zeros put back, lead added.

    Codes that are not digits, with or without a known prefix, stay as they are.

    >>> from mebias.manifests import get_manifest
    >>> canonical("6", get_manifest("samm"))
    '006'
    """
    subjects = manifest.subjects
    digits = _digits(text, (subjects.lead, *subjects.prefixes))
    if not digits:
        return text
    number = str(int(digits)).zfill(subjects.width) if subjects.width else digits
    return f"{subjects.lead}{number}"


def _digits(text: str, prefixes: tuple[str, ...]) -> str:
    """The digits of a code without its prefix; empty where it is something else."""
    for prefix in sorted(filter(None, prefixes), key=len, reverse=True):
        if text.casefold().startswith(prefix.casefold()):
            text = text[len(prefix) :].lstrip("_- ")
            break
    return text if text.isascii() and text.isdecimal() else ""


def person(session: str, manifest: Manifest) -> str:
    """The person behind a subject code that may name a session.

    >>> from mebias.manifests import get_manifest
    >>> person("S13_2nd", get_manifest("4dme"))
    'S13'
    """
    pattern = manifest.subjects.person
    match = re.fullmatch(pattern, session) if pattern else None
    return canonical(match.group(1), manifest) if match else session
