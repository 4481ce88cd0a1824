"""The licence of every pinned package, read from what is installed.

    python benchmarks/licenses.py [--csv FILE]

One row per package of ``constraints.txt``: its version, its licence as its own metadata name it,
the extras of mebias that bring it (``run`` is mebias without extras), whether mebias asks for it
itself, and which package does so otherwise. Needs every extra, ``.[proof]``, and looks at what is
needed on Linux with this Python.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "reports" / "validation" / "licenses.csv"
COLUMNS = ("package", "version", "license", "needed_for", "direct", "asked_by", "note")
NOTES = {
    "certifi": "MPL-2.0, used unchanged by the extra docs alone; none of it is in our files",
    "hypothesis": "MPL-2.0, used unchanged by tests; none of it is in our files",
    "pathspec": "MPL-2.0, used unchanged by build and lint tools; none of it is in our files",
    "tqdm": "MPL-2.0 for some files, imported unchanged; none of it is in our files",
    "yattag": "LGPL, used unchanged by cosmic-ray in mutation tests; never imported by mebias",
    "torch": "the build with CUDA brings NVIDIA's own libraries, pinned by torch itself and under "
    "NVIDIA's terms; the build for the CPU brings none",
    "docutils": "public domain but for a few files; the one under GPL, an Emacs mode, is no part "
    "of the installed package",
}
"""Why a licence that asks for more than a notice is no hindrance."""
SPDX = {
    "apache 2.0": "Apache-2.0", "apache software license": "Apache-2.0", "bsd": "BSD",
    "bsd license": "BSD", "bsd 3-clause license": "BSD-3-Clause", "mit license": "MIT",
    "bsd 2-clause license": "BSD-2-Clause", "2-clause bsd": "BSD-2-Clause",
    "python software foundation license": "PSF-2.0", "isc license (iscl)": "ISC",
    "isc license": "ISC", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "gnu library or lesser general public license (lgpl)": "LGPL",
    "public domain": "Public-Domain", "gnu general public license (gpl)": "GPL",
}  # fmt: skip


def pinned(text: str) -> dict[str, str]:
    """Packages and versions of a constraints file, by normalized name."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    pairs = (line.partition("==") for line in lines if line)
    return {canonicalize_name(name): version for name, _, version in pairs}


def declared(project: Mapping[str, object]) -> dict[str, list[Requirement]]:
    """What mebias asks for itself, by extra; ``run`` without, ``build`` to build it."""
    table = project["project"]
    assert isinstance(table, Mapping)
    groups = {"run": table["dependencies"], **table["optional-dependencies"]}
    groups["build"] = project["build-system"]["requires"]  # type: ignore[index]
    return {extra: [Requirement(text) for text in texts] for extra, texts in groups.items()}


def wanted_by(found: Distribution, extras: Iterable[str]) -> Iterable[Requirement]:
    """What an installed package asks for on this machine."""
    for text in found.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras)):
            yield requirement


def closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """All packages that requirements bring, and which asked for it first ("" for us)."""
    asked: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(requirement, "") for requirement in requirements if requirement.name != "mebias"]
    while waiting:
        requirement, by = waiting.pop(0)
        name = canonicalize_name(requirement.name)
        asked.setdefault(name, by)
        new = {"", *requirement.extras} - {extra for known, extra in seen if known == name}
        if not new:
            continue
        seen |= {(name, extra) for extra in new}
        waiting += [(r, name) for r in wanted_by(distribution(name), requirement.extras)]
    return asked


def license_of(found: Distribution) -> str:
    """The licence in the package's own words, as SPDX where it says so or means one plainly."""
    expression = found.metadata.get("License-Expression")
    if expression:
        return str(expression)
    lines = (found.metadata.get("License") or "").strip().splitlines()
    text = lines[0].strip() if len(lines) == 1 and len(lines[0]) < 60 else ""
    classes = [
        name.rpartition("::")[2].strip()
        for name in found.metadata.get_all("Classifier") or ()
        if name.startswith("License ::")
    ]
    named = [text] if text and text != "UNKNOWN" else [c for c in classes if c != "OSI Approved"]
    known = [SPDX.get(name.casefold(), name) for name in named]
    return re.sub(r"\s+", " ", " AND ".join(known))


def rows() -> list[dict[str, str]]:
    """The table, by package."""
    pins = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    with (ROOT / "pyproject.toml").open("rb") as handle:
        groups = declared(tomllib.load(handle))
    own = {canonicalize_name(r.name) for group in groups.values() for r in group} - {"mebias"}
    brought = {extra: closure(group) for extra, group in groups.items()}
    missing = sorted({name for found in brought.values() for name in found} - set(pins))
    if missing:
        sys.exit(f"constraints.txt lacks {', '.join(missing)}; pin them there first.")
    table = []
    for name, version in sorted(pins.items()):
        found = distribution(name)
        if found.version.partition("+")[0] != version:
            sys.exit(f"{name} {found.version} is installed, not {version}; install .[proof] anew.")
        if any(path.suffix == ".el" for path in found.files or ()):
            sys.exit(f"{name} installs an Emacs mode; its note says that it does not.")
        needed = [extra for extra, names in brought.items() if name in names]
        by = next((names[name] for names in brought.values() if names.get(name)), "")
        table.append(dict(zip(COLUMNS, (
            name, version, license_of(found), " ".join(needed), str(name in own),
            "" if name in own else by, NOTES.get(name, ""),
        ), strict=True)))  # fmt: skip
    return table


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--csv", type=Path, default=TABLE, metavar="FILE")
    path = parser.parse_args().csv
    try:
        found = rows()
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed: pip install '.[proof]' brings all that is named.")
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print(f"{len(found)} packages in {path}")


if __name__ == "__main__":
    main()
