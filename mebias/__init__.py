"""Bias of micro-expression keyframes: is there any, and how sure is that.

The public API on one screen::

    mebias.datasets()                                 # what is known, as a table
    mebias.example()                                  # a small SIMULATED shifts table
    cohort   = mebias.load("samm", root="...")        # or a manifest file of your own
    cohort   = mebias.simulate("4dme", seed=0)        # truth known: cohort.truth
    selected = mebias.reselect(cohort, rule="gamdss") # a keyframes table
    drawn    = mebias.nulls(cohort, rule="gamdss")    # what the rule does to mere noise
    shifts   = mebias.compare(cohort, selected)       # a shifts table
    findings = mebias.quantify(shifts)                # .estimates .tests .claims .issues
    preds    = mebias.recognize(cohort, arms={"human": None, "gamdss": selected})
    versions = mebias.compare_versions(old, new, dataset="casme3")  # two human versions
    report   = mebias.report("4dme")                  # or mebias.report(cohort); report.path
    issues   = mebias.audit(cohort)                   # what deserves a second look, with its cell
    written  = mebias.export(cohort, selected, "out") # back in the dataset's own format
    gains    = mebias.gain(predictions)               # .estimates .tests .conclusions
    coders   = mebias.coders(annotations, coders, ethnicity)  # several coders of the same events
    drawn    = mebias.simulate_coders(seed=0)         # a SIMULATED study of them
    study    = mebias.plan_study(pilot)               # D-study: tolerance, power, cost, protocol
    packet   = mebias.relabel(cohort)                 # a blind second look; packet.write, .read
    items    = mebias.KeyframeDataset(cohort, selected)  # for torch, keyframes swapped
    figure   = mebias.plot_motion(cohort, clip)       # also plot_distances, plot_film

Names are loaded at their first use: importing mebias imports neither pandas nor
matplotlib, so that the command line answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mebias.audit.audit import audit
    from mebias.cohort import Cohort
    from mebias.datasets.load import load
    from mebias.datasets.roots import datasets_table as datasets
    from mebias.export.export import Exported, export
    from mebias.label_versions import compare_versions
    from mebias.pipeline import example, report
    from mebias.quantification.coding.coders import CoderFindings, coders
    from mebias.quantification.coding.planning import StudyPlan, plan_study
    from mebias.quantification.compare import compare
    from mebias.quantification.findings import Findings
    from mebias.quantification.gain import Gains, gain
    from mebias.quantification.quantify import quantify
    from mebias.recognition.experiment import recognize
    from mebias.recognition.keyframe_dataset import KeyframeDataset
    from mebias.recognition.swap import swap
    from mebias.relabel.packet import Packet, relabel
    from mebias.reporting import figures
    from mebias.reporting.clip_figures import plot_distances, plot_film, plot_motion
    from mebias.selection.nulls import nulls
    from mebias.selection.reselect import reselect
    from mebias.simulation.coding import simulate_coders
    from mebias.simulation.simulate import simulate

__all__ = [
    "CoderFindings",
    "Cohort",
    "Exported",
    "Findings",
    "Gains",
    "KeyframeDataset",
    "Packet",
    "StudyPlan",
    "audit",
    "coders",
    "compare",
    "compare_versions",
    "datasets",
    "example",
    "export",
    "figures",
    "gain",
    "load",
    "nulls",
    "plan_study",
    "plot_distances",
    "plot_film",
    "plot_motion",
    "quantify",
    "recognize",
    "relabel",
    "report",
    "reselect",
    "simulate",
    "simulate_coders",
    "swap",
]

_HOME = {
    "CoderFindings": "mebias.quantification.coding",
    "Cohort": "mebias.cohort",
    "Exported": "mebias.export",
    "KeyframeDataset": "mebias.recognition",
    "Packet": "mebias.relabel",
    "Findings": "mebias.quantification",
    "StudyPlan": "mebias.quantification.coding.planning",
    "Gains": "mebias.quantification.gain",
    "coders": "mebias.quantification.coding",
    "compare": "mebias.quantification",
    "compare_versions": "mebias.label_versions",
    "example": "mebias.pipeline",
    "gain": "mebias.quantification.gain",
    "load": "mebias.datasets",
    "nulls": "mebias.selection",
    "plan_study": "mebias.quantification.coding.planning",
    "plot_distances": "mebias.reporting.clip_figures",
    "plot_film": "mebias.reporting.clip_figures",
    "plot_motion": "mebias.reporting.clip_figures",
    "quantify": "mebias.quantification",
    "recognize": "mebias.recognition",
    "report": "mebias.pipeline",
    "reselect": "mebias.selection",
    "simulate": "mebias.simulation",
    "simulate_coders": "mebias.simulation",
    "swap": "mebias.recognition",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("mebias.provenance").version()
    if name in {"datasets", "audit", "export", "relabel"}:
        return import_module(f"mebias.{name}")  # the rooms themselves are callable
    if name == "figures":
        return import_module("mebias.reporting.figures")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mebias' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
