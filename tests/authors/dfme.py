"""DFME: three tables, one frame rate per row, frames from 0."""

from __future__ import annotations

from authors.built import Built

_PARTS = {
    # file, folder of images; rows: file, onset, apex, offset, emotion, number, fps, AU
    "training": ("training_full_with_AU.xlsx", "train_data", [
        ("sub0003_01", 109, 149, 168, "anger", 0, 500, 23),
        ("sub0003_02", 0, 30, 52, "disgust", 2, 500, "L12"),
        ("sub0008_01", 0, 12, 27, "surprise", 6, 200, "1+2"),
    ]),
    "testA": ("testA_full_with_AU.xlsx", "test_data_A", [
        ("sub0180_01", 4, 20, 41, "happiness", 4, 300, "14+24"),
    ]),
    "testB": ("testB_full_with_AU.xlsx", "test_data_B", [
        ("sub0001_01", 20, 36, 55, "fear", 3, 200, 4),
        ("sub0001_02", 0, 17, 30, "contempt", 1, 200, "R14"),
    ]),
}  # fmt: skip
_HEAD = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId",
         "Fps", "AU"]  # fmt: skip


def build(built: Built) -> None:
    """2,629 public micro-expressions in three files."""
    for file, folder, clips in _PARTS.values():
        rows: list[list[object]] = [list(_HEAD)]
        for name, onset, apex, offset, emotion, number, fps, aus in clips:
            subject = name.partition("_")[0]
            rows.append([subject, name, onset, apex, offset, emotion, number, fps, aus])
            clip = f"{subject}/{name}"
            built.expect(clip, (onset, apex, offset), emotion=emotion, fps=fps, aus=str(aus))
            numbers = range(onset - min(onset, 3), offset + 3)
            built.film(clip, f"{folder}/{name}", numbers, "{:05d}.png")
        built.table(file, {"Sheet1": rows})
    built.quirk("three tables make the dataset")
    built.quirk("a frame rate in each row: 200, 300 or 500 per second")
    built.quirk("frames count from 0, and many onsets are 0")
