"""What a run keeps of its set, and what is said when the set has changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data.manifest import Entry, Manifest


def entries(text: str) -> tuple[Entry, ...]:
    """`name content stated drawn` a word each, files by commas."""
    return tuple(Entry(*line.split()) for line in text.split(",") if line.strip())


def manifest(files: str, pairs: str = "", sha256: str = "") -> Manifest:
    return Manifest(
        sha256 or files + pairs, entries(files), tuple(replace(e, sha256="", stated=e.sha256) for e in entries(pairs))
    )


BEFORE = "a 1 real train, b 2 real val, c 3 fake test"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(BEFORE, "", id="the same"),
        pytest.param(f"{BEFORE}, d 4 real train", "1 file added (d)", id="added"),
        pytest.param(
            f"{BEFORE}, d 4 x x, e 5 x x, f 6 x x, g 7 x x, h 8 x x",
            "5 files added (d, e, f and 2 more)",
            id="many added",
        ),
        pytest.param("b 2 real val, c 3 fake test", "1 file gone (a)", id="gone"),
        pytest.param("a 9 real train, b 2 real val, c 3 fake test", "1 file altered (a)", id="altered"),
        pytest.param(
            "a 1 fake train, b 2 real val, c 3 fake test", "1 file relabelled (a: real, now fake)", id="relabelled"
        ),
        pytest.param("x 1 real train, b 2 real val, c 3 fake test", "1 file renamed (a, now x)", id="renamed"),
        pytest.param(
            "x 1 fake train, y 2 fake val, c 9 fake test, d 4 real train",
            "1 file added (d), 2 files renamed (a, now x, b, now y), 1 file altered (c)",
            id="several at once",
        ),
        pytest.param(
            "a 1 real test, b 2 real val, c 3 fake test",
            "1 file of another item or split (a: train, now test)",
            id="another split alone",
        ),
        pytest.param(
            "a 1 real test, b 2 real train, c 3 fake val, d 4 real train",
            "1 file added (d)",
            id="another split because of another file",
        ),
        pytest.param(
            "b 2 real val, a 1 real train, c 3 fake test",
            "its table says something else, or the same in another order",
            id="another order",
        ),
    ],
)
def test_what_changed_is_named(now: str, said: str) -> None:
    assert manifest(BEFORE).changed_to(manifest(now)) == said


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("a-b similar", "a-b similar, a-c similar", "1 pair added (a-c)"),
        ("a-b similar, a-c similar", "a-b similar", "1 pair gone (a-c)"),
        ("a-b similar", "a-b dissimilar", "1 pair relabelled (a-b: similar, now dissimilar)"),
    ],
)
def test_pairs_are_named_too(before: str, now: str, said: str) -> None:
    assert manifest(BEFORE, before).changed_to(manifest(BEFORE, now)) == said


def test_a_manifest_outlives_json() -> None:
    one = replace(manifest(BEFORE, "a-b similar"), called="tags")
    assert Manifest.of_json(json.loads(json.dumps(one.as_json()))) == one


def test_the_model_a_run_starts_from_is_part_of_it(tmp_path: Path) -> None:
    card, moved = tmp_path / "tag.json", tmp_path / "moved" / "tag.json"
    moved.parent.mkdir()
    for file in (card, moved):
        file.write_text("{}")
    plain = manifest(BEFORE)
    assert plain.with_start(None) == plain
    assert not plain.with_start(card).changed_to(plain.with_start(moved))
    moved.write_text('{"weights_sha256": "0"}')
    assert plain.with_start(card).changed_to(plain.with_start(moved)) == "1 file altered (tag.json)"


def counted(said: str) -> dict[str, int]:
    """How many files each clause counts."""
    words = [clause.split() for clause in said.split("), ")]
    return {how[2]: int(how[0]) for how in words if how}


@pytest.mark.parametrize("seed", range(30))
def test_counts_are_those_of_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = [Entry(f"{n}.png", f"content {n}", f"class {n % 2}") for n in range(40)]
    added = [Entry(f"new {n}.png", f"new {n}") for n in range(int(rng.integers(5)))]
    fate = rng.choice(["kept", "gone", "renamed", "altered", "relabelled"], len(before), p=[0.6, 0.1, 0.1, 0.1, 0.1])
    changes = {
        "kept": lambda one: [one],
        "gone": lambda _: [],
        "renamed": lambda one: [replace(one, name=f"other {one.name}")],
        "altered": lambda one: [replace(one, sha256="other")],
        "relabelled": lambda one: [replace(one, stated="other")],
    }
    now: Sequence[Entry] = [new for one, how in zip(before, fate, strict=True) for new in changes[how](one)] + added
    expected = {how: int((fate == how).sum()) for how in ("gone", "renamed", "altered", "relabelled")}
    said = Manifest("1", tuple(before)).changed_to(Manifest("2", tuple(now)))
    assert counted(said) == {how: n for how, n in ({"added": len(added)} | expected).items() if n}
