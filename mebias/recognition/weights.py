"""Weights in files of the safetensors format, which can hold numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from mebias.errors import OutputError, WeightsError, listed

NAME = "model"


def save_weights(weights: Mapping[str, torch.Tensor] | nn.Module, path: Path, model: str) -> None:
    """Write weights, with the name of their model.

    Parameters
    ----------
    weights : Module or mapping
        A backbone, or its weights by name.
    path : Path
        Where to; an existing file is replaced.
    model : str
        Name of the model.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    from safetensors.torch import save

    named = weights.state_dict() if isinstance(weights, nn.Module) else weights
    plain = {name: each.detach().cpu().contiguous() for name, each in named.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(save(plain, metadata={NAME: model}))
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}).") from None


def load_weights(backbone: nn.Module, path: Path, model: str) -> None:
    """Read weights into a backbone.

    Parameters
    ----------
    backbone : Module
        Whose weights are replaced.
    path : Path
        A file of `save_weights`.
    model : str
        Name of the model that they must be of.

    Raises
    ------
    WeightsError
        The file is missing or damaged, or the weights are of another model: its name, or the
        name or shape of a weight, differs.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mebias.recognition.backbones import Tiny
    >>> with TemporaryDirectory() as name:
    ...     path = Path(name) / "tiny.safetensors"
    ...     save_weights(Tiny(3, 3), path, "tiny")
    ...     load_weights(Tiny(3, 3), path, "tiny")
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            found = (file.metadata() or {}).get(NAME, "unnamed")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror or error}).") from None
    except SafetensorError as error:
        raise WeightsError(f"{path} holds no weights, or is damaged ({error}).") from None
    if found != model:
        raise WeightsError(f"{path} holds weights of the model {found}; expected {model}.")
    _refuse_other(backbone.state_dict(), weights, path)
    backbone.load_state_dict(weights)


def _refuse_other(
    own: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], path: Path
) -> None:
    other = sorted(set(own) ^ set(found))
    if other:
        raise WeightsError(
            f"{path} is of another model: weights that only one of both has are {listed(other)}."
        )
    for name, each in own.items():
        if each.shape != found[name].shape:
            raise WeightsError(
                f"{path} is of another model or number of classes: {name} is of shape "
                f"{tuple(found[name].shape)}, expected {tuple(each.shape)}."
            )
