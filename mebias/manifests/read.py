"""From a TOML file to a manifest, every key checked."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mebias.errors import ManifestError, UnknownDatasetError, listed, suggest
from mebias.manifests.model import (
    AnnotationFile,
    Blinks,
    Context,
    Derived,
    Inclusion,
    Lookup,
    Manifest,
    Phase,
    Published,
    Shape,
    Subjects,
)
from mebias.manifests.safe import (
    MOST_BYTES,
    check_folders,
    check_manifest,
    check_patterns,
    check_regex,
    check_text,
    texts,
)
from mebias.reading import read_plain

_KEYS: dict[str, set[str]] = {
    "": {
        "id", "name", "citation", "doi", "license", "request", "modality", "fps", "index_base",
        "inclusive_offset", "cut_at_labels", "definitions", "inclusion", "published",
        "annotations", "frames", "demographics", "ethnic_group", "labels", "blinks", "context",
        "simulation", "sources", "notes", "censored", "subjects",
    },
    "annotations": {
        "version", "files", "columns", "key", "sheet", "sheet_index", "only_with_sheet",
        "positions", "parts", "folders", "more", "derive", "lookups", "constants", "missing",
        "values", "rounding", "pairing", "default", "tried", "fps", "modality", "cut_at_labels",
        "frames", "published", "named_label", "note",
    },
    "definitions": {"onset", "apex", "offset", "inclusion"},
    "inclusion": {"max_duration_ms", "max_rise_ms", "min_duration_ms", "types"},
    "published": {"clips", "subjects", "emotions", "expression_types"},
    "frames": {"patterns", "gaps"},
    "censored": {"max_onset"},
    "subjects": {"width", "prefixes", "lead", "person"},
    "context": {"link", "patterns", "dataset", "note"},
    "blinks": {"files", "sheet", "columns"},
    "derive": {"of", "pattern", "values"},
    "lookups": {"of", "sheet", "key", "value"},
    "simulation": {
        "n_subjects", "n_clips", "fps", "rise", "fall", "groups", "emotions",
        "known_clips_per_subject", "clips_log_sd", "note",
    },
}  # fmt: skip
_WORDS = {
    "cut_at_labels": ("yes", "no", "unknown", ""),
    "rounding": ("half-up", ""),
    "pairing": ("key", "row"),
    "link": ("same", "shift"),
}


def manifest_dir() -> Path:
    """Folder of the shipped manifests: inside the package, else beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "data_manifests"
    return inside if inside.is_dir() else package.parent / "data_manifests"


@cache
def known_manifests() -> Mapping[str, Manifest]:
    """All shipped manifests by id, sorted by id."""
    found = (read_manifest(path) for path in manifest_dir().glob("*.toml"))
    return {manifest.id: manifest for manifest in sorted(found, key=lambda m: m.id)}


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
        text = read_plain(path, most=2 * MOST_BYTES).decode("utf-8")
        check_text(text, path.name)
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise ManifestError(f"manifest {path.name} was not found; check the path.") from None
    except OSError as error:
        raise ManifestError(f"manifest {path.name} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path.name} is not valid TOML: {error}.") from None
    except (RecursionError, ValueError) as error:  # nested a thousandfold; a number of 5,000 digits
        raise ManifestError(f"{path.name} cannot be read as TOML ({error}).") from None
    try:
        manifest = _Reader(path.name).manifest(data)
        check_manifest(manifest, path.name)
        return manifest
    except KeyError as error:
        raise ManifestError(f"{path.name} lacks the key {error}; add it.") from None
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ManifestError(f"{path.name} holds a value of the wrong type: {error}.") from None


class _Reader:
    """Builds the parts of a manifest; `origin` is the file that messages name."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def manifest(self, data: dict[str, Any]) -> Manifest:
        self._known(data, "")
        self._word(data, "cut_at_labels")
        for section in ("definitions", "frames", "censored"):
            self._known(data.get(section, {}), section)
        annotations = tuple(self.annotation(section) for section in data["annotations"])
        if not annotations:
            raise ManifestError(
                f"{self.origin} names no annotation file; add an [[annotations]] section."
            )
        definitions = dict.fromkeys(("onset", "apex", "offset", "inclusion"), "unknown")
        base = data["index_base"]
        return Manifest(
            id=data["id"],
            name=data["name"],
            citation=data["citation"],
            license=data["license"],
            request=data["request"],
            modality=data["modality"],
            index_base=None if base in {"as-files", "unknown"} else int(base),
            inclusive_offset=bool(data["inclusive_offset"]),
            annotations=annotations,
            frames=check_patterns(data["frames"]["patterns"], self.origin),
            definitions=definitions | data.get("definitions", {}),
            doi=data.get("doi", ""),
            fps=float(data["fps"]) if "fps" in data else None,
            gaps=bool(data["frames"].get("gaps", False)),
            cut_at_labels=data.get("cut_at_labels", "unknown"),
            published=self.published(data.get("published", {})),
            inclusion=self.inclusion(data.get("inclusion", {})),
            demographics=data.get("demographics", "unknown"),
            ethnic_group=data.get("ethnic_group", ""),
            labels={k: dict(v) for k, v in data.get("labels", {}).items()},
            blinks=self.blinks(data["blinks"]) if "blinks" in data else None,
            context=self.context(data["context"]) if "context" in data else None,
            simulation=self.shape(data["simulation"]) if "simulation" in data else None,
            sources=data.get("sources", {}),
            notes=texts(data, "notes", self.origin),
            censored_onset=int(data["censored"]["max_onset"]) if "censored" in data else None,
            subjects=self.subjects(data.get("subjects", {})),
        )

    def annotation(self, section: dict[str, Any]) -> AnnotationFile:
        self._known(section, "annotations")
        for name in ("cut_at_labels", "rounding", "pairing"):
            self._word(section, name)
        columns = self._aliases(section.get("columns", {}))
        positions = {k: int(v) for k, v in section.get("positions", {}).items()}
        constants = {k: str(v) for k, v in section.get("constants", {}).items()}
        mapped = {*columns, *positions, *constants}
        for needed in () if "folders" in section else ("subject", "onset", "offset"):
            if needed not in mapped:
                raise ManifestError(
                    f"{self.origin}: annotation {section['version']!r} maps no {needed}."
                )
        named = section.get("named_label")
        return AnnotationFile(
            version=section["version"],
            files=texts(section, "files", self.origin),
            columns=columns,
            key=texts({"key": section["key"]}, "key", self.origin),
            sheet=section.get("sheet", ""),
            sheet_index=int(section["sheet_index"]) if "sheet_index" in section else None,
            only_with_sheet=texts(section, "only_with_sheet", self.origin),
            positions=positions,
            parts=self._aliases(section.get("parts", {})),
            folders=check_folders(section.get("folders", ""), self.origin),
            more=tuple(dict(more) for more in section.get("more", ())),
            derive={k: self.derived(v) for k, v in section.get("derive", {}).items()},
            lookups={k: self.lookup(v) for k, v in section.get("lookups", {}).items()},
            constants=constants,
            missing=self._aliases(section.get("missing", {})),
            values={k: dict(v) for k, v in section.get("values", {}).items()},
            rounding=section.get("rounding", ""),
            pairing=section.get("pairing", "key"),
            default=bool(section.get("default", False)),
            tried=bool(section.get("tried", False)),
            fps=float(section["fps"]) if "fps" in section else None,
            modality=section.get("modality", ""),
            cut_at_labels=section.get("cut_at_labels", ""),
            frames=check_patterns(section.get("frames", ()), self.origin),
            published=self.published(section.get("published", {})),
            named_label=self.derived(named) if named else None,
            note=section.get("note", ""),
        )

    def derived(self, section: dict[str, Any]) -> Derived:
        self._known(section, "derive")
        pattern = check_regex(section["pattern"], self.origin)
        return Derived(section["of"], pattern, dict(section.get("values", {})))

    def lookup(self, section: dict[str, Any]) -> Lookup:
        self._known(section, "lookups")
        places = (int(section[name]) for name in ("sheet", "key", "value"))
        return Lookup(section["of"], *places)

    def published(self, section: dict[str, Any]) -> Published:
        self._known(section, "published")
        return Published(
            clips=int(section["clips"]) if "clips" in section else None,
            subjects=int(section["subjects"]) if "subjects" in section else None,
            emotions={k: int(v) for k, v in section.get("emotions", {}).items()},
            expression_types={k: int(v) for k, v in section.get("expression_types", {}).items()},
        )

    def inclusion(self, section: dict[str, Any]) -> Inclusion:
        self._known(section, "inclusion")
        limits = {k: float(v) for k, v in section.items() if k != "types"}
        return Inclusion(types=texts(section, "types", self.origin), **limits)

    def subjects(self, section: dict[str, Any]) -> Subjects:
        self._known(section, "subjects")
        person = section.get("person", "")
        return Subjects(
            width=int(section.get("width", 0)),
            prefixes=texts(section, "prefixes", self.origin),
            lead=section.get("lead", ""),
            person=check_regex(person, self.origin, whole=True) if person else "",
        )

    def blinks(self, section: dict[str, Any]) -> Blinks:
        self._known(section, "blinks")
        columns = self._aliases(section["columns"])
        return Blinks(texts(section, "files", self.origin), section["sheet"], columns)

    def context(self, section: dict[str, Any]) -> Context:
        self._known(section, "context")
        self._word(section, "link")
        return Context(
            section["link"],
            check_patterns(section.get("patterns", ()), self.origin),
            section.get("dataset", ""),
            section.get("note", ""),
        )

    def shape(self, section: dict[str, Any]) -> Shape:
        self._known(section, "simulation")
        return Shape(
            n_subjects=int(section["n_subjects"]),
            n_clips=int(section["n_clips"]),
            fps=float(section["fps"]),
            rise=self.phase(section["rise"]),
            fall=self.phase(section["fall"]),
            groups={k: float(v) for k, v in section["groups"].items()},
            emotions={k: float(v) for k, v in section["emotions"].items()},
            known_clips_per_subject=tuple(section.get("known_clips_per_subject", ())),
            clips_log_sd=float(section.get("clips_log_sd", 0.8)),
            note=section.get("note", ""),
        )

    def phase(self, section: Mapping[str, Any]) -> Phase:
        """A phase in either spelling: log-normal parameters, or mean and SD."""
        if {"median_ms", "log_sd"} <= section.keys():
            return Phase(float(section["median_ms"]), float(section["log_sd"]))
        if {"mean_ms", "sd_ms"} <= section.keys():
            mean, sd = float(section["mean_ms"]), float(section["sd_ms"])
            log_var = math.log1p((sd / mean) ** 2)
            return Phase(mean / math.exp(log_var / 2), math.sqrt(log_var))
        raise ManifestError(
            f"{self.origin}: a phase needs mean_ms and sd_ms, or median_ms and log_sd; found "
            f"{listed(section) or 'nothing'}."
        )

    def _aliases(self, section: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        for name, known in section.items():
            if not isinstance(known, list) or not all(isinstance(t, str) for t in known):
                raise ManifestError(
                    f'{self.origin}: {name} is {known!r}, expected a list of texts, such as ["a"].'
                )
        return {name: tuple(known) for name, known in section.items()}

    def _known(self, section: Mapping[str, Any], name: str) -> None:
        unknown = section.keys() - _KEYS[name]
        if unknown:
            word = sorted(unknown)[0]
            where = f" in {name}" if name else ""
            raise ManifestError(
                f"{self.origin} has an unknown key {word!r}{where}{suggest(word, _KEYS[name])}"
            )

    def _word(self, section: Mapping[str, Any], name: str) -> None:
        if name in section and section[name] not in _WORDS[name]:
            known = listed(word for word in _WORDS[name] if word)
            raise ManifestError(
                f"{self.origin}: {name} is {section[name]!r}, expected one of {known}."
            )
