"""A dataset's manifest: one TOML file, read into a frozen dataclass.

A manifest states only what a source states; each section names its sources. A new
dataset is a new TOML file, no code.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mebias.errors import ManifestError, UnknownDatasetError, listed, suggest

FOLDER = "folder"
"""Id of the built-in layout for anyone's own data."""

_KEYS = {
    "id", "name", "citation", "doi", "license", "request", "modality", "fps", "index_base",
    "inclusive_offset", "cut_at_labels", "definitions", "published", "annotations", "frames",
    "demographics", "simulation", "sources", "notes", "censored", "subjects",
}  # fmt: skip


@dataclass(frozen=True)
class AnnotationFile:
    """One annotation table that the authors hand out, in one version.

    ``columns`` maps our name (subject, clip, onset, apex, offset, emotion, aus,
    expression_type, objective_class, fps, coder, pass, ethnicity, video) to the headers it
    goes by, compared without case, spaces and punctuation.
    """

    version: str
    files: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    key: tuple[str, ...]
    sheet: str = ""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pairing: str = "key"
    default: bool = False
    note: str = ""


@dataclass(frozen=True)
class Phase:
    """Length of a phase in ms, as published: log-normal with this median and log-sd."""

    median_ms: float
    log_sd: float

    @classmethod
    def from_toml(cls, section: Mapping[str, Any], origin: str) -> Phase:
        """A phase from its TOML section, in either spelling."""
        if {"median_ms", "log_sd"} <= section.keys():
            return cls(float(section["median_ms"]), float(section["log_sd"]))
        if {"mean_ms", "sd_ms"} <= section.keys():
            mean, sd = float(section["mean_ms"]), float(section["sd_ms"])
            log_var = math.log1p((sd / mean) ** 2)
            return cls(mean / math.exp(log_var / 2), math.sqrt(log_var))
        raise ManifestError(
            f"{origin}: a phase needs mean_ms and sd_ms, or median_ms and log_sd; found "
            f"{listed(section) or 'nothing'}."
        )


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
class Manifest:
    """A dataset's card. Text fields are ``unknown`` where no source is at hand.

    ``censored_onset``: up to this frame, an onset that equals its apex is censored (the
    recording began later than the movement). ``subject_width``: subjects that a workbook
    turned into numbers get their leading zeros back. ``subject_person``: a pattern whose
    first group is the person in a subject that names a session.
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
    cut_at_labels: str = "unknown"
    published: Mapping[str, int] = field(default_factory=dict)
    demographics: str = "unknown"
    simulation: Shape | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    censored_onset: int | None = None
    subject_width: int = 0
    subject_person: str = ""

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
        import html

        rows = {
            "dataset": f"{self.name} ({self.id})",
            "citation": self.citation,
            "license": self.license,
            "where to ask": self.request,
            "frames per second": self.fps or "per clip",
            "published": ", ".join(f"{v} {k}" for k, v in self.published.items()) or "unknown",
        }
        body = "".join(
            f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>"
            for k, v in rows.items()
        )
        return f"<table>{body}</table>"


def manifest_dir() -> Path:
    """Folder of the shipped manifests: inside the package, else beside it in a checkout."""
    inside = Path(__file__).parent / "data_manifests"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "data_manifests"


@cache
def known_manifests() -> Mapping[str, Manifest]:
    """All shipped manifests by id, sorted by id."""
    found = (read_manifest(path) for path in sorted(manifest_dir().glob("*.toml")))
    return {manifest.id: manifest for manifest in found}


def get_manifest(name: str | Path) -> Manifest:
    """A manifest by dataset id, or from a TOML file of the user's own.

    Raises
    ------
    UnknownDatasetError
        No such dataset; the message lists the known ones and suggests the nearest.

    Examples
    --------
    >>> get_manifest("samm").name
    'SAMM'
    """
    text = str(name)
    if text.endswith(".toml"):
        return read_manifest(Path(text))
    known = known_manifests()
    if text.casefold() in known:
        return known[text.casefold()]
    raise UnknownDatasetError(
        f"unknown dataset {text!r}: known are {listed(known, 20)}{suggest(text, known)} "
        f"(your own data: use folder, or a manifest file that ends in .toml)."
    )


def read_manifest(path: Path) -> Manifest:
    """Read and check one manifest file.

    Raises
    ------
    ManifestError
        The file is missing, is not TOML, lacks a required key or has an unknown one.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ManifestError(f"manifest {path.name} was not found; check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path.name} is not valid TOML: {error}.") from None
    unknown = data.keys() - _KEYS
    if unknown:
        word = sorted(unknown)[0]
        raise ManifestError(f"{path.name} has an unknown key {word!r}{suggest(word, _KEYS)}")
    try:
        return _build(data, path.name)
    except KeyError as error:
        raise ManifestError(f"{path.name} lacks the key {error}; add it.") from None
    except (TypeError, ValueError, AttributeError, re.error) as error:
        raise ManifestError(f"{path.name} holds a value of the wrong type: {error}.") from None


def _build(data: dict[str, Any], origin: str) -> Manifest:
    subjects = data.get("subjects", {})
    person = str(subjects.get("person", ""))
    if person and re.compile(person).groups < 1:
        raise ManifestError(f"{origin}: subjects.person needs a group, such as '(S[0-9]+)_.*'.")
    definitions = {key: "unknown" for key in ("onset", "apex", "offset", "inclusion")}
    base = data["index_base"]
    annotations = tuple(_annotation(a, origin) for a in data["annotations"])
    if not annotations:
        raise ManifestError(f"{origin} names no annotation file; add an [[annotations]] section.")
    return Manifest(
        id=data["id"],
        name=data["name"],
        citation=data["citation"],
        license=data["license"],
        request=data["request"],
        modality=data["modality"],
        index_base=None if base == "as-files" else int(base),
        inclusive_offset=bool(data["inclusive_offset"]),
        annotations=annotations,
        frames=tuple(data["frames"]["patterns"]),
        definitions=definitions | data.get("definitions", {}),
        doi=data.get("doi", ""),
        fps=float(data["fps"]) if "fps" in data else None,
        cut_at_labels=data.get("cut_at_labels", "unknown"),
        published={k: int(v) for k, v in data.get("published", {}).items()},
        demographics=data.get("demographics", "unknown"),
        simulation=_shape(data["simulation"], origin) if "simulation" in data else None,
        sources=data.get("sources", {}),
        notes=tuple(data.get("notes", ())),
        censored_onset=int(data["censored"]["max_onset"]) if "censored" in data else None,
        subject_width=int(subjects.get("width", 0)),
        subject_person=person,
    )


def _annotation(section: dict[str, Any], origin: str) -> AnnotationFile:
    columns = {k: tuple(v) for k, v in section["columns"].items()}
    for needed in ("subject", "onset", "offset"):
        if needed not in columns:
            raise ManifestError(f"{origin}: annotation {section['version']!r} maps no {needed}.")
    return AnnotationFile(
        version=section["version"],
        files=tuple(section["files"]),
        columns=columns,
        key=tuple(section["key"]),
        sheet=section.get("sheet", ""),
        missing={k: tuple(v) for k, v in section.get("missing", {}).items()},
        values=section.get("values", {}),
        pairing=section.get("pairing", "key"),
        default=bool(section.get("default", False)),
        note=section.get("note", ""),
    )


def _shape(section: dict[str, Any], origin: str) -> Shape:
    return Shape(
        n_subjects=int(section["n_subjects"]),
        n_clips=int(section["n_clips"]),
        fps=float(section["fps"]),
        rise=Phase.from_toml(section["rise"], origin),
        fall=Phase.from_toml(section["fall"], origin),
        groups={k: float(v) for k, v in section["groups"].items()},
        emotions={k: float(v) for k, v in section["emotions"].items()},
        known_clips_per_subject=tuple(section.get("known_clips_per_subject", ())),
        clips_log_sd=float(section.get("clips_log_sd", 0.8)),
        note=section.get("note", ""),
    )
