"""A small careless cohort with its blind posterior, and its packet."""

import pytest

import mebias
from mebias.relabel.packet import relabel
from mebias.simulation.labels import Coder, relabeled


@pytest.fixture(scope="session")
def careless():
    cohort = mebias.simulate("4dme", n_subjects=8, n_clips=40, size=(32, 32))
    return relabeled(cohort, Coder("careless", (12.0, 12.0, 22.0), gross=0.15))


@pytest.fixture(scope="session")
def shifts(careless):
    """Shifts of a blind posterior that is right: the truth, with an SD of half a frame."""
    truth = careless.truth.assign(source="motion-blind", status="selected", sd=0.5)
    truth = truth.assign(mean=truth["frame"], frame=truth["frame"].round())
    return mebias.compare(careless, truth)


@pytest.fixture(scope="session")
def packet(careless, shifts):
    return relabel(careless, shifts, budget=10, controls=8)


def answers(packet, careless, coder="AB", by=0):
    """Rows as a coder who sees the truth would save them."""
    from mebias.relabel.packet import shown_of

    true = careless.truth.set_index(["clip", "keyframe"])["frame"]
    shown = shown_of(packet.key)
    rows = []
    for item, clip in packet.items[["item", "clip"]].itertuples(index=False):
        places = {}
        for keyframe in ("onset", "apex", "offset"):
            frame = round(true[clip, keyframe]) + by
            places[keyframe] = int(abs(shown[item] - frame).argmin()) + 1
        rows.append(
            {
                "packet": packet.id,
                "item": item,
                "coder": coder,
                **places,
                "no_expression": "false",
                "comment": "",
                "frames": len(shown[item]),
            }
        )
    return rows


@pytest.fixture
def saved(packet, careless, tmp_path):
    """Write rows as the page does; changes are given by item."""
    import pandas as pd

    def write(changes=None, name="back.csv", drop=(), extra=(), **options):
        rows = answers(packet, careless, **options)
        rows = [r | (changes or {}).get(r["item"], {}) for r in rows if r["item"] not in drop]
        path = tmp_path / name
        pd.DataFrame([*rows, *extra]).to_csv(path, index=False)
        return path

    return write
