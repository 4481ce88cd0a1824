"""From the authors' tables to entries, one per labeled expression."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mebias import tables
from mebias.datasets import cells
from mebias.datasets.subjects import canonical, person
from mebias.datasets.workbook import Row, Table, find_table, lookup_table, positional_table
from mebias.errors import AnnotationError, ManifestError, counted, listed
from mebias.manifests import FOLDER, AnnotationFile, Derived, Manifest
from mebias.text_cells import is_unseen

READ_APART = {"subject", "clip", "onset", "apex", "apex_high", "offset", "fps", "frames", "video"}
"""Columns that are not carried along as free texts."""
_LOOKED_AT = 256


@dataclass(frozen=True)
class Entry:
    """One labeled expression: a row of an annotation table, or a part of one.

    ``session`` is the subject as the table writes it, ``subject`` the person. ``columns``
    says which column of the table each keyframe was read from; ``ordinal`` is 2 or more for
    further expressions in the same row. ``apex_high`` is the end of a coded apex interval.
    ``id_onset`` is the human onset in a table that holds re-selected ones: a clip's id is made
    of it.
    """

    table: Table
    row: int
    session: str
    subject: str
    cell: str
    fps: float | None
    frames: Mapping[str, float]
    status: Mapping[str, str]
    texts: Mapping[str, str]
    columns: Mapping[str, str]
    apex_high: float = math.nan
    ordinal: int = 1
    id_onset: float = math.nan

    def field(self, name: str) -> object:
        """A value that the rows of one clip have to share."""
        own = {"subject": self.session, "fps": self.fps}
        return own[name] if name in own else self.texts.get(name, "")

    def where(self, *names: str) -> str:
        """File, sheet, row and columns in words, for a message."""
        return self.table.where(self.row, *(self.columns.get(name, name) for name in names))

    def marked(self, change: Mapping[str, str]) -> Entry:
        """The same entry with other statuses."""
        return replace(self, status={**self.status, **change})


@dataclass
class Entries:
    """All expressions of a table, in order, with what was noticed on the way.

    ``ids`` are their clips, once `mebias.datasets.identity.clip_ids` has made them.
    """

    tables: tuple[Table, ...]
    manifest: Manifest
    annotation: AnnotationFile
    dataset: str
    entries: list[Entry] = field(default_factory=list)
    issues: list[dict[str, object]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def table(self) -> Table:
        """The first table."""
        return self.tables[0]

    def has(self, column: str) -> bool:
        """Whether any table has a column of ours."""
        return any(column in table.columns for table in self.tables)

    def note(self, severity: str, message: str, check: str, **where: object) -> None:
        """Add a row to the issues."""
        texts = {key: str(value) for key, value in where.items()}
        made = tables.issue(severity, message, dataset=self.dataset, check=check, **texts)
        self.issues.append(made)


def open_tables(
    paths: Sequence[tuple[str, Path]], manifest: Manifest, annotation: AnnotationFile
) -> tuple[Table, ...]:
    """The tables of an annotation file: one, or one per part.

    Parameters
    ----------
    paths : sequence of (str, Path)
        Part (empty where there is one table only) and file.
    manifest, annotation
        What the dataset's card says about them.

    Raises
    ------
    AnnotationError
        A file has no such table.
    """
    found = []
    for part, path in paths:
        if annotation.positions:
            table = positional_table(path, annotation.positions, annotation.sheet_index or 0)
        else:
            table = find_table(
                path,
                _with_further(annotation),
                needed_columns(manifest, annotation),
                annotation.sheet,
            )
        found.append(replace(table, part=part, path=path))
    return tuple(found)


def _with_further(annotation: AnnotationFile) -> dict[str, tuple[str, ...]]:
    columns = dict(annotation.columns)
    columns["onset+human"] = tuple(f"{header}_human" for header in annotation.columns["onset"])
    for ordinal, more in enumerate(annotation.more, start=2):
        columns |= {f"{name}+{ordinal}": (header,) for name, header in more.items()}
    return columns


def needed_columns(manifest: Manifest, annotation: AnnotationFile) -> list[str]:
    """Columns without which a row of cells is no header of this table."""
    made = {*annotation.constants, *annotation.derive, *annotation.lookups}
    needed = ["subject", "onset", "offset", *annotation.key, "clip"]
    if manifest.id != FOLDER and annotation.has_apex:
        needed.append("apex")
    unmapped = [name for name in needed if name not in annotation.columns and name not in made]
    if unmapped:
        raise ManifestError(
            f"the manifest of {manifest.id}, annotation {annotation.version!r}, maps no column "
            f"for {unmapped[0]}; add it to its columns."
        )
    return [name for name in dict.fromkeys(needed) if name in annotation.columns]


def read_entries(
    found_tables: Sequence[Table], manifest: Manifest, annotation: AnnotationFile, dataset: str
) -> Entries:
    """Read annotation tables row by row.

    Parameters
    ----------
    found_tables : sequence of Table
        From `open_tables`.
    manifest, annotation
        What the dataset's card says about them.
    dataset : str
        The name that goes into the issues.

    Raises
    ------
    AnnotationError
        A cell is not what its column holds; the message names file, row and column.
    """
    found = Entries(tuple(found_tables), manifest, annotation, dataset)
    for table in found.tables:
        _note_layout(found, table)
        reader = _Reader(found, table)
        for row in table.rows:
            found.entries.extend(reader.entries(row))
        reader.note_spellings()
    if not found.entries:
        raise AnnotationError(f"{found.table.file} has a header and no rows; fetch the table anew.")
    return found


class _Reader:
    """Reads the rows of one table."""

    def __init__(self, found: Entries, table: Table) -> None:
        self.found = found
        self.table = table
        self.annotation = found.annotation
        self.lookups = {
            name: lookup_table(table.path, lookup)
            for name, lookup in found.annotation.lookups.items()
            if table.path is not None
        }
        self.renamed: dict[tuple[str, str, str], int] = {}
        self.seen: set[tuple[str, str]] = set()

    def entries(self, row: Row) -> Iterator[Entry]:
        """The expressions of a row: none for a totals row, several where authors list them."""
        session = canonical(cells.name(self.table, row, "subject"), self.found.manifest)
        cell = self._clip(row)
        if not session:
            self._note_without_subject(row, cell)
            return
        if not cell:
            if self.found.manifest.id != FOLDER and not self._is_filled(row, least=1):
                self._note_remark(row, session)
                return
            raise AnnotationError(
                f"{self.table.where(row[0], 'clip')}: found a blank cell, expected the clip's "
                f"name; fill it in or delete the row."
            )
        texts = self._texts(row, session, cell)
        first = Entry(
            table=self.table,
            row=row[0],
            session=session,
            subject=person(session, self.found.manifest),
            cell=cell,
            fps=cells.rate(self.table, row, "fps"),
            frames=(frames := {k: self._frame(row, k) for k in tables.KEYFRAMES}),
            status=_present(frames),
            texts=texts,
            columns={k: k for k in tables.KEYFRAMES},
            apex_high=self._frame(row, "apex_high"),
            id_onset=self._frame(row, "onset+human"),
        )
        yield first
        for ordinal in range(2, 2 + len(self.annotation.more)):
            further = self._further(first, row, ordinal)
            if further is not None:
                yield further

    def _clip(self, row: Row) -> str:
        constant = self.annotation.constants.get("clip", "")
        return constant or cells.name(self.table, row, "clip")

    def _frame(self, row: Row, column: str) -> float:
        missing = self.annotation.missing.get(column, ())
        return cells.frame_number(self.table, row, column, missing, self.annotation.rounding)

    def _texts(self, row: Row, session: str, cell: str) -> dict[str, str]:
        names = [name for name in self.table.columns if "+" not in name]
        texts = {name: self._text(row, name) for name in names if name not in READ_APART}
        for name in ("frames", "video"):
            if name in self.table.columns:
                texts[name] = cells.name(self.table, row, name)
        texts |= {k: v for k, v in self.annotation.constants.items() if k != "clip"}
        own = {"subject": session, "clip": cell, "part": self.table.part}
        if self.table.part:
            texts["part"] = self.table.part
        for name, derived in self.annotation.derive.items():
            texts[name] = derive(derived, {**texts, **own}.get(derived.of, ""))
        for name, lookup in self.annotation.lookups.items():
            of = {**texts, **own}.get(lookup.of, "")
            texts[name] = self._looked_up(row, name, of)
        return texts

    def _text(self, row: Row, name: str) -> str:
        raw = cells.text(self.table, row, name)
        if raw in self.annotation.missing.get(name, ()):
            return ""
        known: Mapping[str, Mapping[str, str]] = self.annotation.values
        own = known.get(name, {})
        alike = {written.casefold(): value for written, value in own.items()}
        renamed = own.get(raw, alike.get(raw.casefold(), raw))
        self.seen.add((name, raw))
        if renamed != raw and renamed.casefold() == raw.casefold():
            key = (name, raw, renamed)
            self.renamed[key] = self.renamed.get(key, 0) + 1
        return renamed

    def _looked_up(self, row: Row, name: str, of: str) -> str:
        found = self.lookups.get(name, {})
        if of and of not in found and found:
            self.found.note(
                "warning",
                f"{self.table.where(row[0])}: {of!r} is not in the sheet that gives its {name}; "
                f"its frames cannot be found. Known there: {listed(found)}.",
                "layout",
                field=name,
                found=of,
                expected=listed(found),
            )
        value = found.get(of, "")
        if cells.leaves_root(value) or any(map(is_unseen, value)):
            raise AnnotationError(
                f"{self.table.file}: the sheet that gives the {name} of {of!r} holds {value!r}, "
                f"expected a name inside the data root; mend the cell."
            )
        return value

    def _further(self, first: Entry, row: Row, ordinal: int) -> Entry | None:
        """A further expression in the row, if its frames can be one."""
        columns = {
            name: f"{name}+{ordinal}"
            for name in tables.KEYFRAMES
            if f"{name}+{ordinal}" in self.table.columns
        }
        texts = {name: cells.text(self.table, row, column) for name, column in columns.items()}
        if not any(text.casefold() not in cells.MISSING for text in texts.values()):
            return None
        frames = dict.fromkeys(tables.KEYFRAMES, math.nan)
        for name, text in texts.items():
            frames[name] = float(text) if re.fullmatch(r"[0-9]{1,9}(?:\.0*)?", text) else math.nan
        recording = cells.text(self.table, row, "recording_first")
        starts = float(recording) if recording.isdecimal() else 0.0
        if frames["offset"] > frames["onset"] >= starts:
            return replace(
                first, frames=frames, status=_present(frames), columns=columns, ordinal=ordinal,
                apex_high=math.nan, id_onset=math.nan,
            )  # fmt: skip
        self.found.note(
            "note",
            f"{self.table.where(row[0], *columns.values())}: found {listed(texts.values())}, which "
            f"cannot be the onset and offset of expression {ordinal} in this row; skipped.",
            "layout",
            field="onset",
            found=listed(texts.values()),
            expected="an onset within the recording and a later offset",
            cell=self.table.where(row[0], *columns.values()),
        )
        return None

    def _note_without_subject(self, row: Row, cell: str) -> None:
        where = self.table.where(row[0], "subject")
        own = self.found.manifest.id == FOLDER
        if (cell and own) or self._is_labeled(row) or (cell and self._is_filled(row, least=2)):
            beside = f"the clip {cell!r}" if cell else "labeled frames"
            raise AnnotationError(
                f"{where}: found a blank cell beside {beside}, expected a subject (of "
                f"merged cells only the first holds it); fill it in or delete the row."
            )
        beside = f" beside {cell!r}" if cell else ""
        self.found.note(
            "note",
            f"{where}: blank{beside}, so the row was taken for a totals row and skipped.",
            "layout",
            field="subject",
            expected="a subject",
            cell=where,
        )

    def _note_remark(self, row: Row, session: str) -> None:
        where = self.table.where(row[0], "subject")
        self.found.note(
            "note",
            f"{where}: found {session[:60]!r} without a clip or a keyframe, so the row was taken "
            f"for a remark and skipped.",
            "layout",
            field="subject",
            found=session[:60],
            expected="a subject with a clip",
            cell=where,
        )

    def _is_filled(self, row: Row, least: int) -> bool:
        """Whether enough cells of keyframes hold anything."""
        return sum(cells.text(self.table, row, k) != "" for k in tables.KEYFRAMES) >= least

    def _is_labeled(self, row: Row) -> bool:
        """Whether a row holds frames of an onset and an offset, which no row of totals does."""
        try:
            return all(self._frame(row, k) > 0 for k in (tables.KEYFRAMES[0], tables.KEYFRAMES[2]))
        except AnnotationError:
            return False

    def note_spellings(self) -> None:
        """Say which texts the manifest writes in another way than the table."""
        for (name, raw, renamed), count in self.renamed.items():
            if (name, renamed) not in self.seen:
                continue  # a name of ours, not another spelling within the table
            self.found.note(
                "note",
                f"{self.table.file}: {counted(count, 'row writes', 'rows write')} the "
                f"{name.replace('_', ' ')} {raw!r}, read as {renamed!r} like the others.",
                "spelling",
                field=name,
                found=raw,
                expected=renamed,
            )


def derive(derived: Derived, text: str) -> str:
    """What a pattern finds in the first 256 characters of a text, renamed; else blank.

    >>> derive(Derived("clip", "_(ne|po)_", {"ne": "negative"}), "s1_ne_01")
    'negative'
    """
    match = re.search(derived.pattern, text[:_LOOKED_AT])
    found = (match.group(1) or "") if match else ""
    renames: Mapping[str, str] = derived.values
    return renames.get(found, found)


def _present(frames: Mapping[str, float]) -> dict[str, str]:
    return {k: "missing" if math.isnan(v) else "annotated" for k, v in frames.items()}


def _note_layout(found: Entries, table: Table) -> None:
    annotation = found.annotation
    meant = annotation.sheet.casefold()
    if meant and table.sheet and table.sheet.strip().casefold() != meant:
        found.note(
            "warning",
            f"{table.file} has no sheet {annotation.sheet!r}; sheet {table.sheet!r} was read "
            f"instead: check that it is the one meant.",
            "layout",
            found=table.sheet,
            expected=annotation.sheet,
        )
    absent = [name for name in annotation.columns if name not in table.columns]
    if annotation.folders or not absent:
        return
    if found.manifest.id != FOLDER or "apex" in absent:
        shown = [name for name in absent if found.manifest.id != FOLDER or name == "apex"]
        found.note(
            "warning",
            f"{table.file} has no column for {listed(shown)}; these are left blank.",
            "layout",
            field=shown[0],
            found=listed(table.headers, 12),
            expected=listed(annotation.columns[shown[0]]),
        )
