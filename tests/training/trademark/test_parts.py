"""Parts of marks in training: where they are cut, and pairs of one concept between similar and dissimilar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from inference.networks.hms import Siamese
from inference.preprocessing import Preprocessing
from inference.records import Crop, Refusal
from inference.trademark.framing import frame_mark, in_framed
from training.data.marks.mark_set import MarkSet, read_mark_set
from training.fitting.hms_loss import HybridMarginSoftmax
from training.trademark.learner import SiameseLearner
from training.trademark.parts import part_window
from training.trademark.samples import TrainingPairs
from training.trademark.settings import PRESETS

SIZE = 32
PREPROCESSING = Preprocessing(SIZE, "white")
DISC = Crop(40, 30, 60, 60)


def lockup() -> np.ndarray:
    """A disc beside two bars, on a cream ground."""
    picture = Image.new("RGB", (320, 120), "#f4ecd8")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((DISC.x, DISC.y, DISC.x + DISC.width - 1, DISC.y + DISC.height - 1), "#902010")
    pen.rectangle((140, 30, 150, 90), "#101010")
    pen.rectangle((180, 30, 280, 45), "#101010")
    return np.asarray(picture)


def test_a_place_of_the_picture_is_found_in_the_framed_mark() -> None:
    mark = frame_mark(lockup())
    left, top, right, bottom = (round(side) for side in in_framed(mark, DISC))
    disc = mark.pixels[top:bottom, left:right].min(axis=2) < 128
    assert disc.mean() == pytest.approx(np.pi / 4, abs=0.03)


def test_a_picture_without_a_ground_is_placed_whole() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)
    mark = frame_mark(noise)
    assert in_framed(mark, Crop(30, 20, 30, 20)) == (30, 20, 60, 40)


def test_a_part_is_cut_with_a_little_less_or_some_of_its_neighbours() -> None:
    window = part_window(lockup(), DISC, PREPROCESSING)
    sizes, inked = [], []
    for seed in range(200):
        cut = window.cut(np.random.default_rng(seed))
        sizes.append(cut.shape[:2])
        inked.append(float((cut.min(axis=2) < 128).sum()))
    height, width = window.inner[3] - window.inner[1], window.inner[2] - window.inner[0]
    assert min(size[0] for size in sizes) >= 0.85 * height
    assert max(size[1] for size in sizes) <= 1.75 * width
    assert len({*sizes}) > 20
    assert min(inked) > 0.8 * np.pi / 4 * height * width


@pytest.fixture
def marks(tmp_path: Path) -> MarkSet:
    """Ten families: a symbol and its lockup; and of each family another drawing of its concept."""
    rng = np.random.default_rng(0)
    lines: dict[str, list[str]] = {"pairs.csv": ["a,b,kind,donor,box"], "graded.csv": ["a,b,kind"]}
    for family in "abcdefghij":
        folder = tmp_path / family
        folder.mkdir()
        whole = np.array(lockup())
        whole[52:70, 60:82] = rng.integers(0, 255, 3)
        Image.fromarray(whole).save(folder / "lockup.png")
        Image.fromarray(whole[20:100, 30:110]).save(folder / "symbol.png")
        Image.fromarray(whole[::-1, ::-1]).save(folder / "other.png")
        lines["pairs.csv"].append(f"{family}/symbol.png,{family}/lockup.png,lockup,,40 30 60 60")
        lines["graded.csv"].append(f"{family}/symbol.png,{family}/other.png,same concept")
    for name, listed in lines.items():
        (tmp_path / name).write_text("\n".join(listed) + "\n")
    return read_mark_set(tmp_path)


def test_a_set_states_where_parts_lie_and_what_shows_one_concept(marks: MarkSet) -> None:
    assert set(marks.boxes) == set(marks.similar)
    assert set(marks.boxes.values()) == {DISC}
    assert {marks.kind(pair) for pair in marks.graded} == {"same concept"}
    some = marks.subset([*marks.of("val"), *marks.of("test")])
    assert len(some.boxes) == len(some.graded) == len(some.similar)
    assert marks.manifest_sha256 != replace(marks, graded=()).manifest_sha256


@pytest.mark.parametrize("box", ["1 2 3", "a b c d", "0 0 0 5", "-1 0 5 5"])
def test_a_box_that_is_none_is_refused(box: str, marks: MarkSet) -> None:
    folder = marks.marks[0].path.parents[1]
    (folder / "pairs.csv").write_text(f"a,b,kind,donor,box\na/symbol.png,a/lockup.png,lockup,,{box}\n")
    with pytest.raises(Refusal, match=r"pairs\.csv: the box"):
        read_mark_set(folder)


def test_training_sees_the_part_and_not_the_whole_lockup(marks: MarkSet) -> None:
    settings = replace(PRESETS["small"], preprocessing=PREPROCESSING, augment=False)
    pictures = [
        PREPROCESSING.tone_and_scale(frame_mark(np.asarray(Image.open(mark.path))).pixels) for mark in marks.marks
    ]
    pairs = TrainingPairs(marks, pictures, [[] for _ in pictures], settings)
    lockups = [pictures[index] for index, mark in enumerate(marks.marks) if mark.path.stem == "lockup"]
    whole = torch.from_numpy(PREPROCESSING.normalised(PREPROCESSING.frame(lockups[0])[0]))
    for epoch in range(6):
        sample = pairs[epoch, 0]
        assert int(sample["similar"]) == 1
        assert all((sample[side] - whole).abs().mean() > 0.1 for side in "ab")


def test_one_pair_in_eight_at_most_shows_one_concept(marks: MarkSet) -> None:
    settings = replace(PRESETS["small"], preprocessing=PREPROCESSING, augment=False)
    pictures = [np.full((SIZE, SIZE, 3), 255, np.uint8)] * len(marks.marks)
    pairs = TrainingPairs(marks, pictures, [[] for _ in pictures], settings)
    drawn = pairs.draw(torch.Generator().manual_seed(0))
    assert len(drawn) == len(pairs)
    graded = [bool(pairs[0, index]["graded"]) for index in drawn]
    assert sum(graded) == len(marks.of("train")) // 3 // 8


def test_pairs_of_one_concept_are_drawn_to_even_odds() -> None:
    torch.manual_seed(0)
    network, loss = Siamese("six_layer_cnn", scale=1.0).eval(), HybridMarginSoftmax(1.0)
    batch = {
        "a": torch.randn(3, 3, SIZE, SIZE),
        "b": torch.randn(3, 3, SIZE, SIZE),
        "family_a": torch.tensor([0, 0, 0]),
        "family_b": torch.tensor([0, 0, 0]),
        "similar": torch.tensor([1, 1, 0]),
        "graded": torch.tensor([False, False, True]),
    }
    with torch.no_grad():
        value = float(SiameseLearner(network, loss)(batch))
        a, b, head = network(batch["a"]), network(batch["b"]), network.head
        similar = float(loss(head.pair(a[:2], b[:2]), head.classifier.weight, torch.tensor([1, 1])))
        p = float(torch.softmax(head.logits(head.pair(a[2:], b[2:])), 1)[0, 1])
    assert value == pytest.approx(similar - (np.log(p) + np.log(1 - p)) / 2 / 3, rel=1e-5)
