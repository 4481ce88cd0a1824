"""What a builder has written and planted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from authors import books
from authors.images import Triple, film

KEYFRAMES = ("onset", "apex", "offset")
NONE = math.nan


@dataclass
class _Film:
    numbers: set[int]
    name: str
    color: bool
    shift: int
    movements: list[Triple]


@dataclass
class Built:
    """A cohort on disk.

    ``expected`` maps a clip id to what a reader has to make of its row: ``subject``,
    ``emotion``, ``onset``, ``apex``, ``offset`` (NaN where missing), ``apex_high``, ``status``
    by keyframe, ``numbers`` (frames on disk, numbered as the labels are), and
    ``expression_type``, ``aus`` or ``fps`` where the table says. ``reported`` are pairs of a
    clip (empty: the whole table) and a word that an issue of it has to hold, ``audited`` those
    that an audit adds.
    """

    name: str
    version: str
    root: Path
    options: tuple[str, ...] = ()
    with_frames: bool = True
    expected: dict[str, dict[str, object]] = field(default_factory=dict)
    quirks: list[str] = field(default_factory=list)
    reported: list[tuple[str, str]] = field(default_factory=list)
    audited: list[tuple[str, str]] = field(default_factory=list)
    blinks: list[tuple[str, int, int]] = field(default_factory=list)
    load_options: dict[str, object] = field(default_factory=dict)
    tables: list[Path] = field(default_factory=list)
    _films: dict[str, _Film] = field(default_factory=dict)

    def has(self, option: str) -> bool:
        """Whether the variant asks for an option."""
        return option in self.options

    def quirk(self, text: str, clip: str = "", word: str = "", *, audit: bool = False) -> None:
        """Note what was planted and, with a word, that an issue has to report it."""
        self.quirks.append(text)
        if word:
            (self.audited if audit else self.reported).append((clip, word))

    def table(
        self,
        file: str,
        sheets: Mapping[str, books.Cells],
        *,
        header: int | None = 0,
        merged: str = "",
    ) -> Path:
        """Write an annotation file, whose first sheet holds the labels."""
        path = self.root / file
        name = next(iter(sheets))
        if self.has("shuffled"):
            assert header is not None
            sheets = {**sheets, name: books.shuffled(sheets[name], header)}
        if self.has("csv"):
            path, sheets = path.with_suffix(".csv"), {name: sheets[name]}
        self.tables.append(books.write(path, sheets, merged))
        return path

    def expect(
        self,
        clip: str,
        frames: tuple[float, float, float],
        *,
        status: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        """A row, as it has to be read; a missing keyframe is NaN."""
        own = {
            k: "missing" if math.isnan(f) else "annotated"
            for k, f in zip(KEYFRAMES, frames, strict=True)
        }
        assert clip not in self.expected, clip
        values: dict[str, object] = dict(zip(KEYFRAMES, frames, strict=True))
        subject = clip.partition("/")[0]
        self.expected[clip] = {
            "subject": subject, **values, "status": {**own, **(status or {})}, "numbers": (), **more
        }  # fmt: skip

    def film(
        self,
        clip: str,
        folder: str,
        numbers: Iterable[int],
        name: str,
        *,
        color: bool = True,
        shift: int = 0,
    ) -> None:
        """Frames of a clip; clips of one recording may share a folder."""
        row = self.expected[clip]
        where = self._films.setdefault(folder, _Film(set(), name, color, shift, []))
        where.numbers.update(numbers)
        where.movements.append(tuple(row[k] for k in KEYFRAMES))  # type: ignore[arg-type]
        row["folder"] = folder

    def file(self, clip: str, number: int) -> Path:
        """The image of a frame, numbered as the labels are."""
        folder = str(self.expected[clip]["folder"])
        shot = self._films[folder]
        return self.root / folder / shot.name.format(number - shot.shift)

    def film_all(self) -> None:
        """Write all images, and tell each clip which numbers are on disk."""
        for folder, found in self._films.items():
            if self.with_frames:
                film(
                    self.root / folder, sorted(found.numbers), found.name, found.movements,
                    color=found.color, shift=found.shift,
                )  # fmt: skip
        for row in self.expected.values():
            shot = self._films.get(str(row.get("folder", "")))
            if shot is not None and self.with_frames:
                row["numbers"] = tuple(sorted(shot.numbers))
