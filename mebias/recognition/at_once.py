"""Train many folds at once: their weights side by side, each with its own batches and dropout."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

from mebias.errors import TrainingWarning
from mebias.recognition.alone import (
    Batch,
    Feed,
    autocast,
    dropout_shapes,
    optimizer_of,
    set_rate,
    train_alone,
)
from mebias.recognition.draws import Draws
from mebias.recognition.jobs import Job, Maps, Scored
from mebias.recognition.layers import given_noise
from mebias.recognition.two_branch import TwoBranch, two_branch_loss

Weights = dict[str, torch.Tensor]


def why_alone(model: nn.Module) -> str:
    """Why the folds of a model cannot train at once; empty where they can.

    >>> why_alone(nn.Sequential(nn.Linear(4, 2), nn.Dropout()))
    'its layer 1 (Dropout) draws from the generator that all folds would share'
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            return (
                f"its layer {name} ({type(module).__name__}) draws from the generator that all "
                f"folds would share"
            )
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            return f"its layer {name} ({type(module).__name__}) keeps what it saw in training"
    return ""


def train_at_once(job: Job, maps: Maps, folds: Sequence[int]) -> list[Scored]:
    """Train folds at once, in halves where the memory of a GPU does not do.

    Parameters
    ----------
    job : Job
        What to train.
    maps : Maps
        Its maps on its device.
    folds : sequence of int
        Which of its folds.
    """
    try:
        return _train(job, maps, folds)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
    if len(folds) == 1:
        return [train_alone(job, maps, folds[0])]
    half = len(folds) // 2
    warnings.warn(
        f"out of GPU memory: {len(folds)} folds do not train at once; trying {half}.",
        TrainingWarning,
        stacklevel=2,
    )
    parts = folds[:half], folds[half:]
    return [scored for part in parts for scored in train_at_once(job, maps, part)]


def _train(job: Job, maps: Maps, folds: Sequence[int]) -> list[Scored]:
    draws = [Draws(job.seed, fold) for fold in folds]
    feeds = [Feed(job, maps, fold) for fold in folds]
    started = [job.start(fold).to(job.device, job.dtype) for fold in folds]
    model, weights = started[0], _side_by_side(started)
    shapes = dropout_shapes(model, job)
    optimizer = optimizer_of(job, list(weights.values()))
    gradient, score = _gradient(model, job), _score(model, job)
    scored = []
    for epoch in range(job.recipe.epochs):
        set_rate(optimizer, job.recipe.rate_at(epoch))
        parts = [
            draw.batches(job.folds[fold][0], job.n_batches)
            for draw, fold in zip(draws, folds, strict=True)
        ]
        model.train()
        for places in zip(*parts, strict=True):
            batches = [
                feed.batch(own, draw, shapes)
                for feed, own, draw in zip(feeds, places, draws, strict=True)
            ]
            for name, found in gradient(weights, _padded(batches)).items():
                weights[name].grad = found.contiguous()  # the optimizer reads memory in order
            optimizer.step()
        if job.record_epochs or epoch == job.recipe.epochs - 1:
            model.eval()
            scored.append(score(weights, _tests(feeds, job, folds)))
    by_fold = [np.stack([epoch[k] for epoch in scored]) for k in range(len(folds))]
    kept = [_own(weights, k) if job.keep_weights else None for k in range(len(folds))]
    return [Scored(*each) for each in zip(by_fold, kept, strict=True)]


def _side_by_side(models: Sequence[TwoBranch]) -> Weights:
    """Weights of several models, stacked by name."""
    named = [dict(model.named_parameters()) for model in models]
    return {
        name: torch.stack([each[name].detach() for each in named]).contiguous().requires_grad_()
        for name in named[0]
    }


def _own(weights: Weights, k: int) -> Weights:
    """The backbone's weights of one fold."""
    return {
        name.removeprefix("backbone."): stacked[k].detach().cpu().clone()
        for name, stacked in weights.items()
    }


def _gradient(model: TwoBranch, job: Job) -> Callable[[Weights, Batch], Weights]:
    """The gradient of each fold's loss, of weights and batches side by side."""

    def loss(
        weights: Weights,
        clips: torch.Tensor,
        labels: torch.Tensor,
        shares: torch.Tensor,
        noise: list[torch.Tensor],
    ) -> torch.Tensor:
        with autocast(job), given_noise(model, [each.flatten(0, 1) for each in noise]):
            scores = functional_call(model, weights, (clips,))
        return two_branch_loss(scores, labels, shares)

    found = vmap(grad(loss))
    return lambda weights, b: found(weights, b.clips, b.labels, b.weights, b.noise)


def _score(model: TwoBranch, job: Job) -> Callable[[Weights, list[torch.Tensor]], list[np.ndarray]]:
    """Probabilities of each fold's test clips."""

    def one(weights: Weights, clips: torch.Tensor) -> torch.Tensor:
        with autocast(job):
            scores: torch.Tensor = functional_call(model, weights, (clips,))[0]
        return scores.double().softmax(1)

    def score(weights: Weights, tests: list[torch.Tensor]) -> list[np.ndarray]:
        most = max(map(len, tests))
        padded = torch.stack([_longer(test, most) for test in tests])
        with torch.no_grad():
            found = vmap(one)(weights, padded).cpu().numpy()
        return [own[: len(test)] for own, test in zip(found, tests, strict=True)]

    return score


def _tests(feeds: Sequence[Feed], job: Job, folds: Sequence[int]) -> list[torch.Tensor]:
    return [feed.test(job.folds[fold][1]) for feed, fold in zip(feeds, folds, strict=True)]


def _padded(batches: Sequence[Batch]) -> Batch:
    """Batches side by side, the shorter ones filled up with clips of weight 0."""
    most = max(len(batch.labels) for batch in batches)
    noise = [
        torch.stack([_longer(each, most, dim=1) for each in layer])
        for layer in zip(*[batch.noise for batch in batches], strict=True)
    ]
    clips, labels, weights = (
        torch.stack([_longer(getattr(batch, name), most) for batch in batches])
        for name in ("clips", "labels", "weights")
    )
    return Batch(clips, labels, weights, noise)


def _longer(x: torch.Tensor, length: int, dim: int = 0) -> torch.Tensor:
    """Fill up with 0 along a dimension."""
    lacking = length - x.shape[dim]
    return F.pad(x, [0, 0] * (x.ndim - 1 - dim) + [0, lacking]) if lacking else x
