"""Labels, subjects and clips whose names differ in letter case, spaces or signs only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mebias.datasets.entries import Entries, Entry
from mebias.errors import AnnotationError, counted, listed
from mebias.manifests import FOLDER, Manifest

_LABELS = ("emotion", "expression_type")


def fold_labels(found: Entries) -> None:
    """Write emotions and types that differ in case or spaces only in one way, and say so.

    The manifest's spelling is taken where it has one, else the most frequent, else the first.

    Parameters
    ----------
    found : Entries
        Changed in place.
    """
    for name in _LABELS:
        counts = Counter(text for entry in found.entries if (text := entry.texts.get(name, "")))
        renamed = dict(_renamed(counts, _known(found.manifest)))
        for raw, usual in renamed.items():
            place = next(e for e in found.entries if e.texts.get(name) == raw)
            rows = counted(counts[raw], "row writes", "rows write")
            found.note(
                "note",
                f"{found.table.file}: {rows} the {name.replace('_', ' ')} "
                f"{raw!r}, read as {usual!r} like the others.",
                "spelling",
                field=name,
                found=raw,
                expected=usual,
                cell=place.where(name),
                consequence="both spellings are one label",
            )
        if renamed:
            found.entries[:] = [_with(entry, name, renamed) for entry in found.entries]


def _with(entry: Entry, name: str, renamed: dict[str, str]) -> Entry:
    usual = renamed.get(entry.texts.get(name, ""))
    return entry if usual is None else replace(entry, texts={**entry.texts, name: usual})


def _known(manifest: Manifest) -> set[str]:
    labels = {emotion for scheme in manifest.labels.values() for emotion in scheme}
    return labels | {"macro", "micro"}


def _renamed(counts: Counter[str], known: set[str]) -> Iterator[tuple[str, str]]:
    for alike in _groups(counts, lambda text: "".join(text.casefold().split())).values():
        # max takes the first of equals: Counter keeps the order of the rows
        usual = max(alike, key=lambda text: (text in known, counts[text]))
        yield from ((text, usual) for text in alike if text != usual)


def note_alike(found: Entries, ids: Sequence[str]) -> None:
    """Say what may be one subject or clip written in two ways, or none; nothing is changed."""
    _note_subjects(found)
    _note_clips(found, ids)
    _note_bare(found, ids)


def _note_subjects(found: Entries) -> None:
    if found.manifest.id == FOLDER:
        return  # whose codes nobody knows: the audit compares their letters
    first = {entry.subject: entry for entry in reversed(found.entries)}
    for number, alike in _groups(first, _last_number).items():
        if number and len(alike) > 1:
            found.note(
                "warning",
                f"{found.table.file}: the subjects {listed(sorted(alike))} have one number and "
                f"count as {len(alike)} persons; if they are one, write them in one way.",
                "spelling",
                field="subject",
                found=listed(sorted(alike)),
                cell=first[alike[-1]].where("subject"),
            )


def _last_number(subject: str) -> str:
    found = re.search(r"([0-9]+)[^0-9]*$", subject)
    return found.group(1).lstrip("0") or "0" if found else ""


def _note_clips(found: Entries, ids: Sequence[str]) -> None:
    rows = {clip: entry for clip, entry in reversed(list(zip(ids, found.entries, strict=True)))}
    for alike in _groups(dict.fromkeys(ids), str.casefold).values():
        if len(alike) > 1:
            found.note(
                "warning",
                f"{found.table.file}, rows {listed(rows[c].row for c in alike)}: the clips "
                f"{listed(alike)} differ in the case of letters only and count as different; "
                f"rename or delete all but one if they are one.",
                "duplicate",
                clip=alike[-1],
                field="clip",
                found=alike[-1],
                expected=alike[0],
                cell=rows[alike[-1]].where("clip"),
                consequence="each counts as a clip of its own",
            )


def _note_bare(found: Entries, ids: Sequence[str]) -> None:
    pairs = zip(ids, found.entries, strict=True)
    bare = {c: e for c, e in pairs if set(e.status.values()) == {"missing"}}
    if bare and not found.has("coder"):
        found.note(
            "warning",
            f"{found.table.file}, rows {listed(e.row for e in bare.values())}: {listed(bare)} "
            f"{'has' if len(bare) == 1 else 'have'} no keyframe at all; if a row holds totals or a "
            f"remark, delete it.",
            "missing",
            clip=next(iter(bare)),
            field="onset",
            found=listed(bare),
            expected="frame numbers",
            cell=next(iter(bare.values())).where("onset"),
            consequence="such a clip is in no comparison, but counts among clips and subjects",
        )


def refuse_shared(found: Entries, ids: Sequence[str], folders: Mapping[str, str]) -> None:
    """Refuse clips whose ids differ in case only where both would be read from one folder.

    Raises
    ------
    AnnotationError
        The message names both rows.
    """
    rows = {clip: entry for clip, entry in reversed(list(zip(ids, found.entries, strict=True)))}
    for alike in _groups(dict.fromkeys(ids), str.casefold).values():
        places = [folders[clip] for clip in alike if clip in folders]
        if len(set(places)) < len(places):
            raise AnnotationError(
                f"{found.table.file}, rows {listed(rows[c].row for c in alike)}: the clips "
                f"{listed(alike)} differ in the case of letters only and would both be read from "
                f"{places[0]}; rename or delete one."
            )


def _groups(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups
