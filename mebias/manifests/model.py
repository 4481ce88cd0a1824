"""A dataset's manifest as frozen dataclasses: what its authors hand out, and how to read it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from mebias.errors import ManifestError, listed, suggest

FOLDER = "folder"
"""Id of the built-in layout for anyone's own data."""


@dataclass(frozen=True)
class Phase:
    """Length of a phase in ms, as published: log-normal with this median and log-sd."""

    median_ms: float
    log_sd: float


@dataclass(frozen=True)
class Shape:
    """The published shape of a dataset, from which a cohort is simulated."""

    n_subjects: int
    n_clips: int
    fps: float
    rise: Phase
    fall: Phase
    groups: Mapping[str, float]
    emotions: Mapping[str, float]
    known_clips_per_subject: tuple[int, ...] = ()
    clips_log_sd: float = 0.8
    note: str = ""


@dataclass(frozen=True)
class Derived:
    """A text taken out of another column by a pattern.

    The first group of ``pattern`` in the text of column ``of`` is the value; where the
    pattern does not fit, the value is blank. ``values`` renames what was found.
    """

    of: str
    pattern: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lookup:
    """A text looked up in another sheet of the same workbook, addressed by position.

    The row of sheet ``sheet`` whose column ``key`` equals the text ``of`` holds the value
    in its column ``value``; positions count from 0.
    """

    of: str
    sheet: int
    key: int
    value: int


@dataclass(frozen=True)
class Published:
    """Counts that the authors or a file state; a blank is None or empty."""

    clips: int | None = None
    subjects: int | None = None
    emotions: Mapping[str, int] = field(default_factory=dict)
    expression_types: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AnnotationFile:
    """One annotation table that the authors hand out, in one version.

    ``columns`` maps our name (subject, clip, onset, apex, apex_high, offset, emotion, aus,
    expression_type, objective_class, fps, coder, pass, ethnicity, video, and free names) to
    the headers it goes by, compared without case, spaces and punctuation. A table without
    ``apex`` among them has no human apex.

    ``positions`` takes the place of ``columns`` in a sheet without a header: our name to
    the column's place, from 0. ``sheet`` is a name, ``sheet_index`` a place from 0;
    ``only_with_sheet`` are further files that count only if they have it. ``parts`` are the
    files of a table that comes in several (name of the part to file names). ``folders`` is
    the pattern of clip folders where there is no table at all: onset is the first frame on
    disk, offset the last.

    ``more`` names further expressions in the same row (our keyframe to header). ``derive``
    and ``lookups`` make new texts, ``constants`` fixed ones. ``rounding`` is ``half-up``
    where frames are fractions. ``frames``, ``fps``, ``modality`` and ``cut_at_labels``
    override the manifest's. ``named_label`` says which emotion a clip's name states.
    """

    version: str
    files: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    key: tuple[str, ...]
    sheet: str = ""
    sheet_index: int | None = None
    only_with_sheet: tuple[str, ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folders: str = ""
    more: tuple[Mapping[str, str], ...] = ()
    derive: Mapping[str, Derived] = field(default_factory=dict)
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rounding: str = ""
    pairing: str = "key"
    default: bool = False
    tried: bool = False
    fps: float | None = None
    modality: str = ""
    cut_at_labels: str = ""
    frames: tuple[str, ...] = ()
    published: Published = Published()
    named_label: Derived | None = None
    note: str = ""

    @property
    def has_apex(self) -> bool:
        """Whether its authors coded an apex."""
        return "apex" in self.columns or "apex" in self.positions

    @property
    def names(self) -> tuple[str, ...]:
        """All names that this annotation file, or its parts, go by."""
        parts = (name for files in self.parts.values() for name in files)
        return (*self.files, *self.only_with_sheet, *parts)


@dataclass(frozen=True)
class Blinks:
    """Where the authors list eye blinks: a sheet of a workbook, by subject and recording."""

    files: tuple[str, ...]
    sheet: str
    columns: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Context:
    """Where the untrimmed recordings of cut clips are.

    ``link`` is ``same`` where clip and recording count frames alike, or ``shift`` where
    their numbers differ by a constant per recording, found by comparing the labels of both.
    ``dataset`` is the id of the dataset of the recordings, empty where it is this one.
    ``patterns`` name the recording's folder below the context root.
    """

    link: str
    patterns: tuple[str, ...]
    dataset: str = ""
    note: str = ""


@dataclass(frozen=True)
class Inclusion:
    """The authors' limits on what counts as an expression; None where no source says.

    They hold for expressions of the named ``types``, or for all where that is empty.
    """

    max_duration_ms: float | None = None
    max_rise_ms: float | None = None
    min_duration_ms: float | None = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subjects:
    """How subjects are written. See `mebias.datasets.subjects`.

    ``prefixes`` are left out before digits, ``width`` digits are written (0: as they stand),
    ``lead`` goes before them. ``person`` is a pattern whose first group is the person in a
    subject that names a session.
    """

    width: int = 0
    prefixes: tuple[str, ...] = ()
    lead: str = ""
    person: str = ""


@dataclass(frozen=True)
class Manifest:
    """A dataset's card. Text fields are ``unknown`` where no source is at hand.

    ``censored_onset``: up to this frame, an onset that equals its apex is censored (the
    recording began later than the movement). ``gaps``: frames are known to be lost amid
    recordings. ``ethnic_group``: the one group of all subjects, where a source states it.
    ``labels``: class schemes, each from emotion to class; emotions that a scheme does not
    name are left out of it.
    """

    id: str
    name: str
    citation: str
    license: str
    request: str
    modality: str
    index_base: int | None
    inclusive_offset: bool
    annotations: tuple[AnnotationFile, ...]
    frames: tuple[str, ...]
    definitions: Mapping[str, str]
    doi: str = ""
    fps: float | None = None
    gaps: bool = False
    cut_at_labels: str = "unknown"
    published: Published = Published()
    inclusion: Inclusion = Inclusion()
    demographics: str = "unknown"
    ethnic_group: str = ""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    blinks: Blinks | None = None
    context: Context | None = None
    simulation: Shape | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    censored_onset: int | None = None
    subjects: Subjects = Subjects()

    def annotation(self, version: str | None = None) -> AnnotationFile:
        """The annotation file of a version, or the default one.

        Raises
        ------
        ManifestError
            The dataset has no such version; the message lists those it has.
        """
        if version is None:
            return next((a for a in self.annotations if a.default), self.annotations[0])
        for annotation in self.annotations:
            if annotation.version == version:
                return annotation
        known = [a.version for a in self.annotations]
        raise ManifestError(
            f"{self.id} has no annotation version {version!r}; known: {listed(known)}"
            f"{suggest(version, known)}"
        )

    def _repr_html_(self) -> str:
        left = ' style="text-align: left"'  # Jupyter sets all cells to the right
        body = "".join(
            f"<tr><th{left}>{html.escape(name)}</th><td{left}>{html.escape(text)}</td></tr>"
            for name, text in card(self)
        )
        return f"<table>{body}</table>"


_SOURCES = (
    "P: its authors say so; P2: others say so of it; F: seen in the file; C: in public loader code"
)


def card(manifest: Manifest) -> list[tuple[str, str]]:
    """What is known of a dataset, as names and texts, in reading order.

    Examples
    --------
    >>> from mebias.manifests import get_manifest
    >>> dict(card(get_manifest("samm")))["frames per second"]
    '200'
    """
    counts = manifest.published
    sizes = [f"{counts.clips} clips"] * (counts.clips is not None)
    sizes += [f"{counts.subjects} subjects"] * (counts.subjects is not None)
    rows = [
        ("dataset", f"{manifest.name} ({manifest.id})"),
        ("citation", manifest.citation + (f" doi:{manifest.doi}" if manifest.doi else "")),
        ("license", manifest.license),
        ("where to ask", manifest.request),
        ("frames per second", f"{manifest.fps:g}" if manifest.fps else "a column, or --fps"),
        ("modality", manifest.modality),
        ("published", ", ".join(sizes) or "unknown"),
        ("ethnicity", manifest.demographics),
        ("clips cut at their labels", manifest.cut_at_labels),
    ]
    rows += [(f"definition of {name}", text) for name, text in manifest.definitions.items()]
    for annotation in manifest.annotations:
        files = listed(annotation.names, 4) if annotation.names else "clip folders, no table"
        tried = "" if annotation.tried else " (never tried on the real file)"
        default = ", default" if annotation.default and len(manifest.annotations) > 1 else ""
        text = f"{files}{tried}. {annotation.note}".rstrip(". ")
        rows.append((f"labels {annotation.version}{default}", text))
    rows += [("classes", f"{name}: {_classes(of)}") for name, of in manifest.labels.items()]
    rows += [("note", note) for note in manifest.notes]
    rows += [("sources", _SOURCES)] * bool(manifest.sources)
    rows += [(f"source of {name}", text) for name, text in manifest.sources.items()]
    return rows


def _classes(scheme: Mapping[str, str]) -> str:
    names = dict.fromkeys(scheme.values())
    return "; ".join(f"{n} ({', '.join(e for e, c in scheme.items() if c == n)})" for n in names)
