"""Anyone's own data: annotations.csv beside frames/<clip>/."""

from __future__ import annotations

from authors.built import NONE, Built

_ROWS = [
    # clip, subject, onset, apex, offset, emotion, ethnicity, fps
    ("k1", "a", 5, 12, 24, "happy", "X", 100),
    ("k2", "a", 3, 10, 20, "sad", "X", 100),
    ("k3", "b", 7, None, 22, "happy", "Y", 50),
]


def build(built: Built) -> None:
    """Three clips of two people, one apex not coded."""
    rows: list[list[object]] = [
        ["clip", "subject", "onset", "apex", "offset", "emotion", "ethnicity", "fps"]
    ]
    for clip, subject, onset, apex, offset, emotion, group, fps in _ROWS:
        rows.append([clip, subject, onset, apex, offset, emotion, group, fps])
        frames = (onset, NONE if apex is None else apex, offset)
        built.expect(clip, frames, subject=subject, emotion=emotion, fps=fps, ethnicity=group)
        built.film(clip, f"frames/{clip}", range(1, offset + 4), "{}.png")
    built.quirk("an apex left blank")
    built.table("annotations.csv", {"": rows})
