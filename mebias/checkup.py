"""A look at this machine: versions, devices, data, programs, and what works with them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from mebias.datasets.roots import VARIABLE, resolve_root
from mebias.errors import DataRootError
from mebias.manifests import known_manifests

FINE, NOTE, MISSING = "ok", "note", "missing"
_WITHOUT = {
    "torch": "recognize, calibrate recognition and KeyframeDataset; a report says that the "
    "recognizer was not measured",
    "safetensors": "recognize: it keeps finished folds with it",
    "openpyxl": "labels in .xlsx",
    "xlrd": "labels in .xls",
    "xlwt": "export to .xls",
    "xlutils": "export to .xls",
}
"""What does not work where one of these packages is not installed; without the others, nothing."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes
    ----------
    what : str
    verdict : str
        ``ok``, ``note`` (works, but read it) or ``missing``.
    told : str
        What was found and what follows from it.
    """

    what: str
    verdict: str
    told: str


def checkup() -> list[Finding]:
    """Look at everything that a run may need.

    Returns
    -------
    list of Finding
        Python and packages, devices, data roots, and programs that tests or papers use.

    Examples
    --------
    >>> [f.what for f in checkup()][:2]
    ['python', 'mebias']
    """
    return [
        *_packages(), *_devices(), *_data(), *_programs(), *_folders(),
    ]  # fmt: skip


def _packages() -> Iterator[Finding]:
    yield Finding("python", FINE, ".".join(map(str, sys.version_info[:3])))
    from mebias.provenance import version as own

    yield Finding("mebias", FINE, own())
    for name, requirement in _required().items():
        try:
            found = version(name)
        except PackageNotFoundError:
            lost = _WITHOUT.get(name, "any command but --help and --version")
            told = f"not installed, so does not work: {lost}; pip install {name}"
            yield Finding(name, MISSING, told)
            continue
        off = outside(found, requirement)
        told = f"{found}, and only {off} was tried; pip install '{name}{off}'" if off else found
        yield Finding(name, NOTE if off else FINE, told)
    has_typst = find_spec("typst") is not None
    told = (
        version("typst") if has_typst else "not installed: no report.pdf; pip install mebias[pdf]"
    )
    yield Finding("typst", FINE if has_typst else NOTE, told)


def outside(found: str, requirement: str) -> str:
    """The bound that a version breaks; empty where it keeps all.

    >>> outside("1.26.4", "numpy>=2.0.0"), outside("2.4.6", "numpy>=2.0.0")
    ('>=2.0.0', '')
    >>> outside("5.0.1", "opencv-python-headless<5,>=4.10.0.84")
    '<5'
    """
    number = _numbers(found)
    for sign, bound in re.findall(r"(>=|<)\s*([\d.]+)", requirement):
        if (number >= _numbers(bound)) != (sign == ">="):
            return f"{sign}{bound}"
    return ""


def _numbers(version: str) -> list[int]:
    """The leading numbers of a version, without zeros that end it."""
    release = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in release[0].split(".")] if release else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


def _required() -> dict[str, str]:
    """Packages that mebias declares, without extras, and what it asks of them."""
    try:
        declared = requires("mebias") or []
    except PackageNotFoundError:
        return {}
    plain = {_name(text): text for text in declared if "extra ==" not in text}
    return dict(sorted(plain.items(), key=lambda pair: pair[0].casefold()))


def _name(requirement: str) -> str:
    """The package of a requirement.

    >>> _name("numpy>=1.26"), _name("matplotlib<3.13,>=3.8")
    ('numpy', 'matplotlib')
    """
    for place, sign in enumerate(requirement):
        if not (sign.isalnum() or sign in "-_."):
            return requirement[:place]
    return requirement


def _devices() -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    yield Finding("cores", FINE, f"{cores}; --jobs {cores} uses them all")
    if find_spec("torch") is None:
        return
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield Finding("gpu", FINE, f"{', '.join(names)}; recognize uses the first")
    else:
        yield Finding(
            "gpu", NOTE, "none that torch can use: tiny is for the CPU, two-branch takes days there"
        )


def _data() -> Iterator[Finding]:
    base = os.environ.get(VARIABLE, "")
    if not base:
        yield Finding(
            f"${VARIABLE}", NOTE, "not set: give --root DIR, or a simulated cohort stands in"
        )
        return
    if not Path(base).is_dir():
        yield Finding(f"${VARIABLE}", MISSING, "is set, and is no folder: every dataset is refused")
        return
    yield Finding(f"${VARIABLE}", FINE, "is set; of its datasets:")
    for name in known_manifests():
        if not (Path(base) / name).exists():
            continue
        try:
            resolve_root(name)
        except DataRootError as error:
            yield Finding(f"  {name}", MISSING, str(error))
        else:
            yield Finding(f"  {name}", FINE, f"found; python -m mebias audit {name} reads it")


def _programs() -> Iterator[Finding]:
    for program, use in (
        ("chromium", "pages are not looked at in tests"),
        ("pdflatex", "LaTeX tables are not compiled in tests"),
        ("Rscript", "references are compared as committed, not made anew"),
    ):
        there = shutil.which(program) is not None
        yield Finding(program, FINE if there else NOTE, "found" if there else f"not found: {use}")


def _folders() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    verdict = FINE if free >= 1 else NOTE
    told = f"{free:.1f} GB free here" + (
        "" if free >= 1 else ": a report with its cache takes more"
    )
    yield Finding("disk", verdict, told)
    try:
        with tempfile.NamedTemporaryFile(dir=Path.cwd()):
            pass
    except OSError as error:
        yield Finding(
            "folder", NOTE, f"this folder cannot be written ({error.strerror}): give --out"
        )
    else:
        yield Finding("folder", FINE, "this folder can be written")
