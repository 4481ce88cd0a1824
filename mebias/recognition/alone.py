"""Train one fold by itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from mebias.errors import MebiasError, TrainingWarning
from mebias.recognition.draws import Draws
from mebias.recognition.jobs import Job, Maps, Scored
from mebias.recognition.layers import Dropout, Shape, given_noise, noise_shapes
from mebias.recognition.two_branch import TwoBranch, two_branch_loss

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Clips of one step: maps, labels, weights that sum to 1, numbers for dropout.

    ``noise`` holds, for each dropout layer, branches x clips x what the layer asks for.
    """

    clips: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    noise: list[torch.Tensor]

    def parts(self, n: int) -> list[Batch]:
        """The same in n parts or fewer."""
        noise = [each.tensor_split(n, dim=1) for each in self.noise]
        fields = [each.tensor_split(n) for each in (self.clips, self.labels, self.weights)]
        return [
            Batch(clips, labels, weights, [each[k] for each in noise])
            for k, (clips, labels, weights) in enumerate(zip(*fields, strict=True))
            if len(labels)
        ]


def train_alone(job: Job, maps: Maps, fold: int) -> Scored:
    """Train a fold and score its test clips.

    Parameters
    ----------
    job : Job
        What to train.
    maps : Maps
        Its maps on its device.
    fold : int
        Which of its folds.

    Returns
    -------
    Scored
        Probabilities of the test clips.
    """
    train, test = job.folds[fold]
    draws, pieces = Draws(job.seed, fold), Pieces()
    model = arranged(job.start(fold).to(job.device, job.dtype))
    optimizer = optimizer_of(job, list(model.parameters()))
    shapes = dropout_shapes(model, job)
    feed, scored, step = Feed(job, maps, fold), [], 0
    cuda = [torch.device(job.device)] if job.device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda):
        for epoch in range(job.recipe.epochs):
            set_rate(optimizer, job.recipe.rate_at(epoch))
            model.train()
            for places in draws.batches(train, job.n_batches):
                batch = feed.batch(places, draws, shapes)
                seed, step = draws.step_seed(step), step + 1
                pieces.run(partial(_gradient, model, batch, seed, job), len(places))
                optimizer.step()
            if job.record_epochs or epoch == job.recipe.epochs - 1:
                scored.append(pieces.run(partial(_score, model, feed, test, job), len(test)))
    weights = {k: v.detach().cpu().contiguous() for k, v in model.backbone.state_dict().items()}
    return Scored(np.stack(scored), weights if job.keep_weights else None)


def _gradient(model: TwoBranch, batch: Batch, seed: int, job: Job, n: int) -> None:
    """Set the gradient of a batch, in n parts."""
    model.zero_grad()
    _seed_torch(job.device, seed)
    for part in batch.parts(n):
        noise = [each.flatten(0, 1) for each in part.noise]
        with autocast(job), given_noise(model, noise):
            scores = model(part.clips)
        two_branch_loss(scores, part.labels, part.weights).backward()  # type: ignore[no-untyped-call]


def _seed_torch(device: str, seed: int) -> None:
    """Seed torch's own generators, from which a layer of the user's may draw."""
    if device == "cpu":
        torch.default_generator.manual_seed(seed)  # to seed all devices takes 0.3 ms a step
    else:
        torch.manual_seed(seed)


def _score(model: TwoBranch, feed: Feed, test: np.ndarray, job: Job, n: int) -> np.ndarray:
    """Probabilities (test clips x classes), in n parts."""
    model.eval()
    found = []
    with torch.no_grad(), autocast(job):
        for places in np.array_split(test, min(len(test), n * -(-len(test) // 64))):
            found.append(model(feed.test(places))[0].double().softmax(1).cpu())
    return torch.cat(found).numpy()


class Feed:
    """Batches of one fold, from its maps.

    Parameters
    ----------
    job, maps, fold
        Whose batches.
    """

    def __init__(self, job: Job, maps: Maps, fold: int) -> None:
        self.job, self.maps = job, maps
        self.mean, self.sd = maps.scale(fold)
        self.weights = torch.from_numpy(job.clip_weights(fold)).to(job.dtype)
        self.labels = torch.from_numpy(job.labels)

    def batch(self, places: np.ndarray, draws: Draws, shapes: list[Shape]) -> Batch:
        """The training clips of a step, changed at random and scaled."""
        job, index = self.job, torch.from_numpy(places)
        clips = self.maps.train[index.to(job.device)].to(job.dtype)
        augment = job.recipe.augment
        if augment.changes:
            clips = augment.apply(clips, draws.changes(augment, len(places), job.size))
        clips = (clips - self.mean) / self.sd
        weights = self.weights[index]
        noise = draws.uniforms(job.branches * len(places), shapes)
        return Batch(
            clips,
            self.labels[index].to(job.device),
            (weights / weights.sum()).to(job.device),
            [n.view(job.branches, -1, *n.shape[1:]).to(job.device) for n in noise],
        )

    def test(self, places: np.ndarray) -> torch.Tensor:
        """The rising maps of test clips, scaled."""
        clips = self.maps.test[torch.from_numpy(places).to(self.job.device)]
        return (clips.to(self.job.dtype) - self.mean[:1]) / self.sd[:1]


def arranged(model: TwoBranch) -> TwoBranch:
    """The same, its convolutions in the order of memory in which they are fastest.

    The channels of a pixel lie side by side. With a single channel both orders are one, and a
    convolution takes that of its weights' strides.
    """
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 1:
            weight = module.weight
            height, width = weight.shape[2:]
            weight.data = weight.data.as_strided(weight.shape, (height * width, 1, width, 1))
    return model


def optimizer_of(job: Job, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
    """AdamW as the recipe has it."""
    recipe = job.recipe
    return torch.optim.AdamW(parameters, recipe.rate, weight_decay=recipe.weight_decay, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def dropout_shapes(model: nn.Module, job: Job) -> list[Shape]:
    """What the dropout layers of a model ask for, per sample."""
    if not any(isinstance(module, Dropout) for module in model.modules()):
        return []
    probe = deepcopy(model).train()  # a batch norm would keep what it saw
    shape = (2, *job.train_maps.shape[1:])
    clips = torch.zeros(shape, dtype=job.dtype, device=job.device)[:, : job.branches]
    with torch.no_grad():
        return noise_shapes(probe, lambda: probe(clips))


def autocast(job: Job) -> torch.autocast:
    """Compute in bfloat16 where that is safe, if the job asks for it."""
    return torch.autocast(job.device.split(":")[0], torch.bfloat16, enabled=job.mixed)


class Pieces:
    """How many parts a batch is computed in: more, where the memory of a GPU does not do."""

    def __init__(self) -> None:
        self.n = 1

    def run(self, work: Callable[[int], T], most: int) -> T:
        """Do the work in as many parts as are needed.

        Raises
        ------
        MebiasError
            A single clip does not fit.
        """
        while True:
            try:
                return work(self.n)
            except torch.OutOfMemoryError:
                if self.n >= most:
                    raise MebiasError(
                        "the GPU has no memory for a single clip; use a smaller model, or "
                        "device='cpu'."
                    ) from None
            self.n *= 2
            torch.cuda.empty_cache()
            warnings.warn(
                f"out of GPU memory: batches are now computed in {self.n} parts. Gradients are "
                f"added up, so only batch norms see smaller batches.",
                TrainingWarning,
                stacklevel=2,
            )
