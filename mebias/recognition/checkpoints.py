"""Finished folds, kept in a folder, so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mebias.errors import CacheWarning, OutputError, TrainingWarning
from mebias.provenance import version
from mebias.recognition.archives import DAMAGED, TooLargeError, read_arrays
from mebias.recognition.jobs import Job, Scored
from mebias.recognition.weights import save_weights

_MOST_BYTES = 2**28


def fingerprint(job: Job, arm: str, at_once: bool) -> str:
    """A hash of everything that the result of a run follows from.

    That is: the model's layers and initial weights, the recipe, the seed, the arm, the maps,
    labels and folds, the kind of device, the precision, and the version of mebias. The code
    of a model of your own is not read: change its name where its layers stay the same.
    """
    started = job.start(0)
    settings = {
        "version": version(),
        "model": [job.model.name, str(started)],
        "recipe": asdict(job.recipe),
        "seed": job.seed,
        "arm": arm,
        "classes": job.classes,
        "device": job.device.split(":")[0],
        "precision": [str(job.dtype), job.mixed],
        "at once": at_once,
        "epochs recorded": job.record_epochs,
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=np.generic.item).encode())
    maps = [job.train_maps] + ([] if job.test_maps is job.train_maps else [job.test_maps])
    initial = [each.detach().numpy() for each in started.state_dict().values()]
    arrays = [*maps, job.labels, *[part for fold in job.folds for part in fold], *initial]
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class Kept:
    """Folds that are done, one file each, and their weights if asked for.

    Parameters
    ----------
    folder : Path
        Made at the first fold; a run has a folder of its own in it.
    job : Job
        Whose folds.
    arm : str
        Named in the folder, and part of the fingerprint.
    at_once : bool
        Whether folds train at once, which differs in the last digits.
    """

    def __init__(self, folder: Path, job: Job, arm: str, at_once: bool) -> None:
        self.job = job
        self.mark = fingerprint(job, arm, at_once)
        safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in arm or job.model.name)
        self.folder = folder / f"{safe}-seed{job.seed}-{self.mark[:12]}"

    def get(self, fold: int) -> Scored | None:
        """A fold that was kept; None where it was not, or its file is damaged."""
        path = self._path(fold)
        if not path.exists():
            return None
        try:
            read, _ = read_arrays(path, ("fingerprint", "probabilities"), _MOST_BYTES)
            mark, found = str(read["fingerprint"]), np.asarray(read["probabilities"], dtype=float)
        except (*DAMAGED, TooLargeError):
            mark, found = "", np.empty(0)
        epochs = self.job.recipe.epochs if self.job.record_epochs else 1
        expected = (epochs, len(self.job.folds[fold][1]), self.job.classes)
        weights = self._weights_path(fold)
        if mark != self.mark or found.shape != expected or not np.isfinite(found).all():
            warnings.warn(
                f"{path} is damaged or of another run; fold {fold} is trained again.",
                TrainingWarning,
                stacklevel=3,
            )
            return None
        if self.job.keep_weights and not weights.exists():
            return None
        return Scored(found)

    def put(self, fold: int, scored: Scored) -> None:
        """Keep a fold; a disk that is full or read-only costs a warning, not the run."""
        path = self._path(fold)
        part = path.with_name(f".{path.name}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if scored.weights is not None:
                save_weights(scored.weights, self._weights_path(fold), self.job.model.name)
            with part.open("wb") as file:
                np.savez(file, fingerprint=np.array(self.mark), probabilities=scored.probabilities)
            part.replace(path)
        except (OSError, OutputError) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            warnings.warn(
                f"fold {fold} could not be kept ({error}); if the run is interrupted, it is "
                f"trained again.",
                CacheWarning,
                stacklevel=3,
            )

    def _path(self, fold: int) -> Path:
        return self.folder / f"fold-{fold:03d}.npz"

    def _weights_path(self, fold: int) -> Path:
        return self.folder / f"fold-{fold:03d}.safetensors"
