"""Manifests: what is known of each dataset, one TOML file each.

A manifest states only what a source states; each section names its sources. A new
dataset is a new TOML file, no code.
"""

from mebias.manifests.model import (
    FOLDER,
    AnnotationFile,
    Blinks,
    Context,
    Derived,
    Inclusion,
    Lookup,
    Manifest,
    Phase,
    Published,
    Shape,
    Subjects,
    card,
)
from mebias.manifests.read import get_manifest, known_manifests, manifest_dir, read_manifest

__all__ = [
    "FOLDER",
    "AnnotationFile",
    "Blinks",
    "Context",
    "Derived",
    "Inclusion",
    "Lookup",
    "Manifest",
    "Phase",
    "Published",
    "Shape",
    "Subjects",
    "card",
    "get_manifest",
    "known_manifests",
    "manifest_dir",
    "read_manifest",
]
