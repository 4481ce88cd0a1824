"""Simulated composites: their size, who is in them, and that their classes can be told apart."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mebias.errors import OptionError
from mebias.validation.composites import DATASETS, NOISE, make_composite, strain

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("variant", NOISE)
def test_a_composite_is_as_large_as_the_public_one(variant):
    data = make_composite(variant, 5)
    assert data.maps.shape == (442, 2, 3, 28, 28)
    assert data.maps.dtype == np.float32
    assert np.isfinite(data.maps).all()
    assert np.bincount(data.labels).tolist() == [250, 109, 83]
    for name, (n_subjects, counts) in DATASETS.items():
        own = data.datasets == name
        assert len(set(data.people[own])) == n_subjects
        assert np.bincount(data.labels[own]).tolist() == list(counts)
    again, other = make_composite(variant, 5), make_composite(variant, 6)
    assert np.array_equal(again.maps, data.maps)
    assert not np.allclose(other.maps, data.maps)


@pytest.mark.parametrize("variant", NOISE)
def test_classes_show_and_without_noise_and_blank_clips_they_show_more(variant):
    """Nearest class mean of strain, half the clips against the other half."""

    def right(**options):
        data = make_composite(variant, 1, **options)
        maps = np.log(1e-3 + data.maps[:, 0, 2].reshape(442, -1))
        half = np.arange(442) % 2 == 0
        means = [maps[half & (data.labels == c)].mean(0) for c in range(3)]
        apart = [((maps[~half] - mean) ** 2).sum(1) for mean in means]
        told = np.argmin(apart, axis=0)
        return np.mean([(told == c)[data.labels[~half] == c].mean() for c in range(3)])

    assert right(noise=0.02, blank=0.0) > right(noise=5.0, blank=0.0) + 0.1
    assert abs(right(blank=1.0) - 1 / 3) < 0.12


def test_strain_of_a_uniform_stretch_and_of_a_rotation():
    y, x = np.mgrid[:9, :9].astype(float)
    stretch, turn = np.stack([x, 0 * x]) * 0.1, np.stack([-y, x]) * 0.1
    assert np.allclose(strain(np.stack([stretch, turn]))[:, 0], [[[0.1]], [[0.0]]])


def test_an_unknown_variant_is_refused():
    with pytest.raises(OptionError, match="did you mean regions"):
        make_composite("region")


def test_the_choice_is_a_command(tmp_path):
    table = tmp_path / "new" / "choice.csv"
    command = [sys.executable, str(FOLDER / "choose_tiny.py"), "--small", "--folds", "2",
               "--csv", str(table), "--keep", str(tmp_path / "kept")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(table)
    assert found["data"].str.startswith("SIMULATED").all()
    assert found["uf1"].between(0, 1).all()
    assert {"version", "date", "folds", "cohorts"} <= set(found)
    assert len(found) == 2 + 2 * 2
