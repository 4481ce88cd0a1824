"""Counts, names, spelling, frames on disk and units, each planted in a clean cohort."""

from dataclasses import replace

import numpy as np
import pytest

from mebias.audit import audit
from mebias.manifests import Derived, Published, get_manifest

VERSION = {"version": "annotations"}


class Numbers:
    """Frames by number, never read."""

    def __init__(self, numbers):
        self._numbers = numbers

    def numbers(self, clip):
        return np.array(self._numbers.get(clip, []), dtype=np.int64)

    def read(self, clip, number):
        raise AssertionError("no image should be opened")


def published(own=None, whole=None, **more):
    manifest = get_manifest("folder")
    annotation = replace(manifest.annotations[0], published=own or Published(), **more)
    return replace(manifest, annotations=(annotation,), published=whole or Published())


def test_counts_of_the_version_come_before_those_of_the_dataset(room):
    manifest = published(Published(clips=60, subjects=13), Published(clips=99, subjects=12))
    cohort = room.make(room.clean(), manifest=manifest, settings=VERSION)
    (issue,) = room.found(cohort, "counts").to_dict("records")
    assert issue["severity"] == "warning"
    assert "12 subjects were read (annotations), 13 are published: 1 fewer" in issue["message"]


def test_counts_of_emotions_and_types(room):
    counts = {"Happiness": 24, "disgust": 20, "fear": 1}
    manifest = published(Published(emotions=counts, expression_types={"micro": 60}))
    cohort = room.make(room.clean(), manifest=manifest, settings=VERSION)
    emotions, types = room.found(cohort, "counts")["message"]
    assert "disgust 24 (published 20)" in emotions
    assert "fear 0 (published 1)" in emotions
    assert "surprise 12 (not published)" in emotions
    assert "happiness" not in emotions.casefold()
    assert "micro 0 (published 60)" in types


def test_counts_of_the_dataset_are_a_note_beside_another_version(room):
    manifest = published(whole=Published(clips=99))
    other = replace(manifest.annotations[0], version="other", default=False)
    manifest = replace(manifest, annotations=(*manifest.annotations, other))
    cohort = room.make(room.clean(), manifest=manifest, settings={"version": "other"})
    assert room.found(cohort, "counts")["severity"].tolist() == ["note"]


def test_labels_that_disagree_with_names(room):
    named = Derived("clip", "_(ha|di|su)$", {"ha": "happiness", "di": "disgust", "su": "surprise"})
    manifest = published(named_label=named)
    rows = room.clean()
    for row in rows:
        row["clip"] = f"{row['subject']}/{row['onset']}_{row['emotion'][:2]}"
    rows[4]["emotion"] = "surprise" if rows[4]["emotion"] != "surprise" else "disgust"
    cohort = room.make(rows, manifest=manifest, settings=VERSION)
    (issue,) = room.found(cohort, "names").to_dict("records")
    assert issue["clip"] == rows[4]["clip"]
    assert issue["cell"] == "labels.xlsx, sheet 'label', row 6"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"emotion": "Happiness"}, ("emotion", "'happiness' in 23, 'Happiness' in 1 of 60")),
        ({"emotion": "happyiness"}, ("'happyiness' is there once", "'happiness' (23 rows)")),
        ({"subject": "P2"}, ("subject", "'p02' in 4, 'P2' in 1 of")),
        ({"video": "p02/V"}, ("recording", "'p02/v' in 4, 'p02/V' in 1 of")),
    ],
)
def test_spellings(room, change, words):
    place = next(n for n, row in enumerate(room.clean()) if row["subject"] == "p02"
                 and row["emotion"] == "happiness")  # fmt: skip
    issues = room.found(room.planted(change, place), "spelling", "warning")
    assert len(issues) == 1
    for word in words:
        assert word in issues["message"].iloc[0]
    assert f"row {place + 2}" in issues["cell"].iloc[0]


def test_a_recording_in_another_case_than_elsewhere_is_a_note(room):
    rows = room.clean()
    for row in rows:
        row["video"] = f"{row['subject']}/{'V' if row['subject'] == 'p03' else 'v'}"
    (issue,) = room.found(room.make(rows), "spelling").to_dict("records")
    assert issue["severity"] == "note"
    assert "'V' (p03/V) is 'v' elsewhere (11 times)" in issue["message"]


def test_numbered_labels_and_short_ones_are_not_near(room):
    rows = room.clean()
    for place, row in enumerate(rows):
        row["stimulus"] = "disgust2" if place == 3 else "disgust1"
        row["expression_type"] = "macro" if place == 4 else "micro"
    assert room.found(room.make(rows), "spelling").empty


def with_frames(room, rows, numbers, **counts):
    cohort = room.make(rows)
    clips = cohort.clips.copy()
    for name, value in counts.items():
        clips[name] = np.asarray(value, dtype=float)
    return replace(cohort, clips=clips, frames=Numbers(numbers))


def test_cut_clips_are_one_row(room):
    rows = room.clean()
    numbers = {row["clip"]: range(row["onset"], row["offset"] + 1) for row in rows}
    n = [len(numbers[row["clip"]]) for row in rows]
    cohort = with_frames(room, rows, numbers, n_frames=n, lead_frames=[0] * 60,
                         tail_frames=[0] * 60)  # fmt: skip
    (issue,) = room.found(cohort, "cut").to_dict("records")
    assert "60 of 60 clips are cut at their labels" in issue["message"]
    assert "--context" in issue["consequence"]
    assert room.found(cohort, "gaps").empty
    assert room.found(cohort, "frames").empty


def test_gaps_and_labels_that_are_not_on_disk(room):
    rows = room.clean()
    numbers = {row["clip"]: set(range(row["onset"] - 3, row["offset"] + 4)) for row in rows}
    row = rows[5]
    numbers[row["clip"]] -= {row["apex"], row["apex"] + 1}
    numbers = {clip: sorted(found) for clip, found in numbers.items()}
    cohort = with_frames(room, rows, numbers, n_frames=[len(numbers[r["clip"]]) for r in rows],
                         lead_frames=[3] * 60, tail_frames=[3] * 60)  # fmt: skip
    (gap,) = room.found(cohort, "gaps").to_dict("records")
    assert gap["clip"] == row["clip"]
    assert f"2 of {row['offset'] - row['onset'] + 1} frames" in gap["message"]
    (label,) = room.found(cohort, "frames").to_dict("records")
    assert label["clip"] == row["clip"]
    assert room.found(cohort, "cut").empty


class Growing(Numbers):
    """Frames that grow with their number."""

    def read(self, clip, number):
        return np.full((60 + number % 2, 60), 128, dtype=np.uint8)


def test_images_are_looked_at_only_if_asked(room):
    rows = room.clean()
    numbers = {row["clip"]: range(row["onset"] - 3, row["offset"] + 4) for row in rows}
    cohort = with_frames(room, rows, numbers, n_frames=[len(numbers[r["clip"]]) for r in rows],
                         lead_frames=[3] * 60, tail_frames=[3] * 60)  # fmt: skip
    assert set(audit(cohort, images=False)["severity"]) == {"note"}
    issues = audit(replace(cohort, frames=Growing(numbers)))
    assert issues["message"].str.contains("change size").any()


def times(rows, fps, start=0):
    """The same labels as times in ms."""
    return [
        {
            **row,
            **{k: int((row[k] + start) * 1000 / fps + 0.5) for k in ("onset", "apex", "offset")},
        }
        for row in rows
    ]


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0, 100.0, 200.0])
def test_times_in_ms_are_recognized_and_are_no_digit_preference(room, fps):
    cohort = room.make(times(room.clean(), fps), fps=fps)
    (issue,) = room.found(cohort, "units").to_dict("records")
    assert issue["severity"] == "warning"
    assert "times in ms" in issue["message"]
    assert room.found(cohort, "digits").empty


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0, 100.0, 200.0])
def test_frames_are_not_taken_for_times(room, fps):
    assert room.found(room.make(room.clean(), fps=fps), "units").empty


def test_issues_are_sorted_and_independent_of_row_order(room):
    rows = room.clean()
    rows[7]["apex"] = rows[7]["onset"] - 3
    rows[9]["apex"] = rows[9]["onset"]
    one = audit(room.make(rows, with_cells=False), images=False)
    two = audit(room.make(rows[::-1], with_cells=False), images=False)
    assert one["severity"].tolist()[:2] == ["error", "warning"]
    assert sorted(one["message"]) == sorted(two["message"])
