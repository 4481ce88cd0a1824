"""What mebias says when something is off.

Every message names what was found, what was expected and what to do. The command
line prints the message alone and exits with code 2 (a user's mistake); anything
that is not a `MebiasError` is ours and exits with code 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from mebias.text_cells import visible


class MebiasError(Exception):
    """Base of all errors that a user can mend: one line, whatever the texts in it hold."""

    def __init__(self, message: object = "") -> None:
        text = visible(str(message))
        # A sentence may end in a suggestion, which has its own mark.
        super().__init__(text[:-1] if text.endswith("?.") else text)


class UnknownDatasetError(MebiasError):
    """A dataset that no manifest describes."""


class DataRootError(MebiasError):
    """A data root that is set but missing, empty or not this dataset."""


class ManifestError(MebiasError):
    """A manifest that does not say what it must."""


class AnnotationError(MebiasError):
    """An annotation table that cannot be read as it stands."""


class FrameError(MebiasError):
    """An image that is missing, truncated or of an unexpected kind."""


class UnusableClipError(FrameError):
    """Images that can be read and cannot be used: too few, of another size, depth or kind.

    Selection marks their clip as failed and goes on with the others.
    """


class TableError(MebiasError):
    """A table that lacks a column, repeats a key or holds an impossible value."""


class MixedDataError(MebiasError):
    """Real and simulated data in one call."""


class OutputError(MebiasError):
    """An output folder that cannot be written, or a disk that is full."""


class OptionError(MebiasError):
    """An option that has no meaning here."""


class MapError(MebiasError):
    """Maps that no model can be trained on."""


class WeightsError(MebiasError):
    """Weights that are damaged, or of another model."""


class WorkerError(MebiasError):
    """Workers that cannot be had, ran out of memory, or were killed again and again."""


class MebiasWarning(UserWarning):
    """Base of all warnings."""


class CacheWarning(MebiasWarning):
    """Results could not be kept; nothing else is lost."""


class TrainingWarning(MebiasWarning):
    """A fold that lacks a class, was trained anew, or was trained in smaller parts."""


class LeakWarning(MebiasWarning):
    """A protocol that looks at the clips it is judged on was asked for."""


class SimulatedDataWarning(MebiasWarning):
    """Results rest on a simulated cohort, not on the named dataset."""


def suggest(name: str, known: Iterable[str]) -> str:
    """A closing half-sentence that names the nearest known word, or nothing.

    >>> suggest("sam", ["samm", "4dme"])
    '; did you mean samm?'
    >>> suggest("xyz", ["samm"])
    ''
    """
    near = get_close_matches(name.casefold(), [k.casefold() for k in known], n=1, cutoff=0.5)
    if not near:
        return ""
    original = next(k for k in known if k.casefold() == near[0])
    return f"; did you mean {original}?"


def listed(items: Iterable[object], limit: int = 5) -> str:
    """Join names for a sentence, the first few and how many more.

    >>> listed(["a", "b"])
    'a, b'
    >>> listed(range(8), limit=3)
    '0, 1, 2 and 5 more'
    """
    texts = [str(item) for item in items]
    shown = ", ".join(texts[:limit])
    return shown if len(texts) <= limit else f"{shown} and {len(texts) - limit} more"


def counted(n: float, one: str, many: str = "") -> str:
    """A number of things.

    >>> counted(1, "event"), counted(2, "event"), counted(0, "row writes", "rows write")
    ('1 event', '2 events', '0 rows write')
    """
    return f"{n:.0f} {one if n == 1 else many or one + 's'}"


def per_cent(share: float, decimals: int = 0) -> str:
    """A share in a sentence.

    >>> per_cent(0.584), per_cent(0.0512, 1)
    ('58 %', '5.1 %')
    """
    return f"{100 * share:.{decimals}f} %"
