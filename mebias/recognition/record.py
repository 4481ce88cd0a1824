"""What predictions were made from: a small file beside them, checked before they are used again.

``predictions.json`` stands beside ``predictions.csv`` and names the hash of both the
predictions and the data they are of, so that nobody takes predictions of other labels, of
another seed or of another dataset for those of the one at hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mebias.cohort import Cohort
from mebias.errors import TableError
from mebias.provenance import file_hash, version
from mebias.reading import SMALL, read_plain
from mebias.recognition.triples import Labels, class_scheme

NAME = "predictions.json"
TABLE = "predictions.csv"
OWN = "own"
"""Form of a run whose settings the user chose, as the command ``recognize`` makes it."""
EVERY_EMOTION = "every emotion"


@dataclass(frozen=True)
class Record:
    """A run of the recognizer.

    Attributes
    ----------
    dataset : str
        Whose clips these are.
    data : str
        Hash of the clips, their human keyframes and what they were read from.
    seed : int
        Of the selection and, where the data are simulated, of the cohort.
    form : str
        short or full, as a report runs it; own, as the user asked for it.
    model, maps, labels : str
        Model, kind of maps, class scheme.
    arms : tuple of str
    folds, seeds, epochs : int
        Folds by subject, 0 for leaving one subject out; runs of each arm; epochs of each.
    parameters, added : int
        Numbers that the model learns, and those that the second branch adds to them.
    gflops, gflops_both : float
        Work to score a clip with the rising branch, and with both (billions of operations).
    version : str
        Of mebias.
    predictions : str
        Hash of the predictions file; empty until it is written.
    noticed : tuple of dict
        Rows of an issues table: clips left out, classes that a fold lacks.
    """

    dataset: str
    data: str
    seed: int
    form: str
    model: str
    maps: str
    labels: str
    arms: tuple[str, ...]
    folds: int
    seeds: int
    epochs: int
    parameters: int
    added: int
    gflops: float
    gflops_both: float
    version: str
    predictions: str = ""
    noticed: tuple[dict[str, str], ...] = ()

    @property
    def short(self) -> bool:
        """Whether this is the short form that a report runs by itself."""
        return self.form == "short"

    @property
    def protocol(self) -> str:
        """Model, folds, seeds and epochs in words."""
        folds = f"{self.folds} folds by subject" if self.folds else "leaving one subject out"
        runs = f"{self.seeds} seed{'' if self.seeds == 1 else 's'}"
        return f"model {self.model}, {folds}, {runs}, {self.epochs} epochs"


def data_hash(cohort: Cohort) -> str:
    """Hash of what a cohort's predictions rest on: clips, human keyframes, and their origin.

    >>> import mebias
    >>> made = [mebias.simulate("samm", n_subjects=3, n_clips=6, size=(16, 16), seed=s)
    ...         for s in (0, 0, 1)]
    >>> [data_hash(cohort) == data_hash(made[0]) for cohort in made]
    [True, True, False]
    """
    digest = hashlib.sha256()
    settings = json.dumps(dict(cohort.settings), sort_keys=True, default=str)
    digest.update(f"{cohort.name}\0{settings}\0".encode())
    for table in (cohort.clips, cohort.keyframes):
        digest.update(table.to_csv(index=False, lineterminator="\n").encode())
    return digest.hexdigest()


def make_record(
    cohort: Cohort,
    *,
    seed: int,
    form: str,
    arms: Sequence[str],
    folds: int | None,
    seeds: int,
    model: str = "tiny",
    maps: str = "difference",
    labels: Labels = None,
    epochs: int | None = None,
) -> Record:
    """The record of a run; the model's parameters and its work are counted here.

    Parameters
    ----------
    cohort : Cohort
    seed, form, arms, folds, seeds, model, maps, labels
        As they stand in a `Record`; ``folds`` None leaves one subject out.
    epochs : int, optional
        Where they are not those of the model's recipe.
    """
    from mebias.recognition.flow import CHANNELS
    from mebias.recognition.models import get_model
    from mebias.recognition.runs import WITH_CONTEXT
    from mebias.recognition.two_branch import price

    chosen = get_model(model)
    context = chosen.channels == WITH_CONTEXT
    channels = WITH_CONTEXT if context else len(CHANNELS) if maps == "flow" else 1
    classes = max(2, len(set(class_scheme(cohort, labels).values())))
    shape = (channels, chosen.size, chosen.size)
    cost = price(chosen.build(channels, classes), shape, batch=1, repeats=1)
    return Record(
        dataset=cohort.name,
        data=data_hash(cohort),
        seed=seed,
        form=form,
        model=chosen.name,
        maps=maps,
        labels=_scheme(labels),
        arms=tuple(arms),
        folds=folds or 0,
        seeds=seeds,
        epochs=epochs or chosen.recipe.epochs,
        parameters=cost.parameters,
        added=cost.added,
        gflops=cost.gflops[0],
        gflops_both=cost.gflops[1],
        version=version(),
    )


def write_record(record: Record, folder: Path) -> None:
    """Write the record of the predictions file in a folder, with that file's hash."""
    path, table = folder / NAME, folder / TABLE
    full = replace(record, predictions=file_hash(table))
    partial = path.with_name(f".{NAME}.partial")
    partial.write_text(f"{json.dumps(asdict(full), indent=1)}\n", encoding="utf-8", newline="\n")
    partial.replace(path)


def read_record(folder: Path) -> Record:
    """The record of the predictions file in a folder.

    Raises
    ------
    TableError
        There is none, it cannot be read, or the predictions were changed after it was written.
    """
    path = folder / NAME
    if not path.is_file():
        raise TableError(
            f"{TABLE} has no {NAME} beside it, so nobody knows which data it is of; make it again "
            f"with recognize --out, or score it with gain"
        )
    try:
        found = json.loads(read_plain(path, SMALL).decode("utf-8"))
        record = Record(**{**found, "arms": tuple(found["arms"]),
                           "noticed": tuple(found["noticed"])})  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise TableError(f"{NAME} cannot be read; make it again with recognize --out") from None
    if file_hash(folder / TABLE) != record.predictions:
        raise TableError(
            f"{TABLE} is not the file that {NAME} was written for (its SHA-256 differs); make "
            f"both again with recognize --out"
        )
    return record


def unlike(record: Record, cohort: Cohort, seed: int) -> str:
    """Why predictions are not of this cohort, in words; empty where they are.

    Parameters
    ----------
    record : Record
    cohort : Cohort
    seed : int
        Of the run that wants to use them.
    """
    if record.dataset != cohort.name:
        return f"they are of {record.dataset}, this is {cohort.name}"
    if record.seed != seed:
        return f"they were made with the seed {record.seed}, this is seed {seed}"
    if record.data != data_hash(cohort):
        return f"they are of other clips, labels or frames of {cohort.name}"
    return ""


def _scheme(labels: Labels) -> str:
    if labels is None:
        return EVERY_EMOTION
    if isinstance(labels, Mapping):
        return "; ".join(f"{emotion} = {name}" for emotion, name in sorted(labels.items()))
    return labels
