"""Every manifest reads, says where its facts are from, and agrees with itself."""

import os
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import mebias
from mebias.datasets.errata import read_errata, shipped_errata
from mebias.errors import ManifestError
from mebias.manifests import FOLDER, card, known_manifests, manifest_dir, read_manifest

FILES = sorted(manifest_dir().glob("*.toml"))
MANIFESTS = [m for m in known_manifests().values() if m.id != FOLDER]
REAL = os.environ.get("MEBIAS_CASME3_TABLES", "")
FACTS = ("citation", "fps", "published", "annotations", "frames", "labels", "context", "blinks",
         "inclusion", "ethnic_group", "simulation", "notes", "definitions")  # fmt: skip

each = pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: m.id)


def test_the_datasets_of_the_field_are_known():
    assert set(known_manifests()) == {
        "casme", "casme2", "casmesq", "casme3", "casme3-c", "samm", "samm-long", "smic", "mmew",
        "4dme", "dfme", "folder",
    }  # fmt: skip
    assert [m.id for m in known_manifests().values()] == sorted(known_manifests())


@each
def test_a_manifest_says_who_made_it_and_where_to_ask(manifest):
    for text in (manifest.citation, manifest.license, manifest.request, manifest.modality):
        assert len(text) > 3
    assert re.search(r"\b20[0-2][0-9]\b", manifest.citation)
    assert not manifest.doi or re.fullmatch(r"10\.[0-9]{4,9}/\S+", manifest.doi)
    assert set(manifest.definitions) == {"onset", "apex", "offset", "inclusion"}
    assert all(manifest.definitions.values())


@each
def test_every_fact_has_a_source_that_may_be_used(manifest):
    data = tomllib.loads((manifest_dir() / f"{manifest.id}.toml").read_text(encoding="utf-8"))
    stated = [name for name in FACTS if data.get(name)]
    if set(data["definitions"].values()) == {"unknown"}:
        stated.remove("definitions")
    assert [name for name in stated if name not in manifest.sources] == []
    for name, text in manifest.sources.items():
        letters = re.findall(r"(?:^|; |, |and )(?:[^:;]*? )?(F|P2|P|C|R|I)\b", text)
        assert letters, (name, text)
        assert not set(letters) & {"R", "I"}, (name, text)


@each
def test_annotation_files_are_told_apart(manifest):
    versions = [a.version for a in manifest.annotations]
    assert len(set(versions)) == len(versions)
    assert sum(a.default for a in manifest.annotations) == 1
    for annotation in manifest.annotations:
        assert annotation.names or annotation.folders
        mapped = {
            *annotation.columns, *annotation.positions, *annotation.constants, *annotation.derive,
        } | set(re.findall(r"\{(\w+)", annotation.folders))  # fmt: skip
        assert set(annotation.key) <= mapped
        assert {"subject", "clip"} <= mapped
        assert set(annotation.missing) <= mapped


@each
def test_counts_and_classes_agree(manifest):
    for counts in (manifest.published, *(a.published for a in manifest.annotations)):
        for parts in (counts.emotions, counts.expression_types):
            assert not parts or sum(parts.values()) == counts.clips
    emotions = {e for a in manifest.annotations for e in a.published.emotions}
    for name, scheme in manifest.labels.items():
        number = int(re.fullmatch(r"([0-9]+)-class", name)[1])
        assert len(set(scheme.values())) == number
        assert not emotions or set(scheme) <= emotions
    shape = manifest.simulation
    assert abs(sum(shape.groups.values()) - 1) < 1e-9
    assert list(shape.groups) == ["A", "B", "C"][: len(shape.groups)]
    known = shape.known_clips_per_subject
    assert sum(known) <= shape.n_clips
    assert len(known) <= shape.n_subjects


@each
def test_only_seen_files_count_as_tried(manifest):
    tried = {(manifest.id, a.version) for a in manifest.annotations if a.tried}
    assert bool(tried) == manifest.id.startswith("casme3")
    text = " ".join(words for _, words in card(manifest))
    assert ("never tried on the real file" in text) == (not tried)


@each
def test_a_card_says_what_its_letters_mean(manifest):
    rows = card(manifest)
    names = [name for name, _ in rows]
    letters = {w.strip(":;,") for name, text in rows if name.startswith("source of") for w in
               text.split()} & {"P", "P2", "F", "C"}  # fmt: skip
    legend = dict(rows).get("sources", "")
    assert letters == {letter for letter in letters if f"{letter}: " in legend}
    assert not letters or names.index("sources") < min(
        i for i, name in enumerate(names) if name.startswith("source of")
    )


def test_a_group_is_preset_only_where_a_source_states_it():
    preset = {m.id for m in MANIFESTS if m.ethnic_group}
    assert preset == {"casme", "casme2", "casmesq"}


@each
def test_a_cohort_of_its_shape_can_be_simulated(manifest):
    cohort = mebias.simulate(manifest.id, n_subjects=6, n_clips=8, size=(24, 24))
    assert (len(cohort), cohort.name) == (8, f"SIMULATED {manifest.id}")


@pytest.mark.skipif(not REAL, reason="MEBIAS_CASME3_TABLES names no folder with the real tables")
@pytest.mark.parametrize(
    ("name", "version"),
    [(m.id, a.version) for m in MANIFESTS for a in m.annotations if a.tried],
)
def test_published_counts_are_those_of_the_real_files(name, version):
    cohort = mebias.load(name, REAL, version=version)
    counts = cohort.manifest.annotation(version).published
    assert len(cohort) == counts.clips
    assert counts.subjects in (None, cohort.clips["subject"].nunique())
    for column, stated in (
        ("emotion", counts.emotions),
        ("expression_type", counts.expression_types),
    ):
        assert not stated or Counter(cohort.clips[column]) == stated


@pytest.mark.parametrize(
    "path", sorted((manifest_dir() / "errata").glob("*.csv")), ids=lambda p: p.stem
)
def test_corrections_name_versions_that_exist(path):
    manifest = known_manifests()[path.stem]
    assert shipped_errata(manifest) == path
    counts = [len(read_errata(path, a.version)) for a in manifest.annotations]
    rows = path.read_text(encoding="utf-8").strip().count("\n")
    assert sum(counts) == rows > 0


@pytest.mark.skipif(not REAL, reason="MEBIAS_CASME3_TABLES names no folder with the real tables")
def test_corrections_of_casme3_are_the_authors_own_values():
    micro = mebias.load("casme3", REAL, errata=True)
    assert micro.settings["errata"]["applied"] == 6
    corrected = micro.keyframes["status"] == "corrected"
    assert corrected.sum() == 5  # a sixth one equals its apex at frame 1: its onset is censored
    wrong = micro.keyframes["status"].isin(["invalid", "missing"])
    assert not wrong.any()
    whole = mebias.load("casme3", REAL, version="part-a-v2").keyframes
    for clip, first in (("spNO.149/d#112", 112), ("spNO.216/d#3647", 2647),
                        ("spNO.40/e#1812", 1812), ("spNO.40/e#2327", 2327)):  # fmt: skip
        theirs = whole[whole["clip"] == f"{clip.partition('#')[0]}#{first}"]["frame"]
        ours = micro.keyframes[micro.keyframes["clip"] == clip]["frame"]
        assert ours.tolist() == theirs.tolist()


GOOD = (manifest_dir() / "samm.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "SAMM"', "", "lacks the key 'name'"),
        ('name = "SAMM"', 'nmae = "SAMM"', "unknown key 'nmae'; did you mean name?"),
        ('sheet = "MICRO_ONLY"', 'shet = "a"', "unknown key 'shet' in annotations"),
        ('clip = ["Filename"]', 'clip = "Filename"', "clip is 'Filename', expected a list of"),
        ('offset = ["Offset Frame", "Offset"]', "", "annotation 'micro-v2' maps no offset"),
        ('cut_at_labels = "yes"', 'cut_at_labels = "perhaps"', "expected one of yes, no"),
        ("fps = 200.0\nindex", 'fps = "fast"\nindex', "holds a value of the wrong type"),
        ("index_base = 1", "index_base = [", "is not valid TOML"),
        ('link = "shift"', 'link = "near"', "link is 'near', expected one of same, shift"),
    ],
)
def test_a_bad_manifest_is_refused_in_a_sentence(tmp_path, old, new, words):
    assert old in GOOD
    path = Path(tmp_path / "own.toml")
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"own\.toml") as caught:
        read_manifest(path)
    assert words in str(caught.value)
