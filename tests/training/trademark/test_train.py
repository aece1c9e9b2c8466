"""Training the Siamese network: what it draws, what it mines, what it is judged by, and that a run ends in a model."""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional
from torch.utils.data import default_collate

from inference.intake.exhibit import read_exhibit
from inference.models.format_2 import with_keys
from inference.models.weights import load_model
from inference.networks.hms import LinearHead, Siamese
from inference.preprocessing import Preprocessing
from inference.records import Refusal
from inference.scope.checks import refusal
from inference.trademark.examiner import TrademarkExaminer, log_odds_similar
from training.assessment.calibrate import CalibrationSettings, calibrate_finished
from training.assessment.mark_trials import framed, frozen_embeddings, nearest_negatives, trial_pairs
from training.data.marks.mark_set import Mark, MarkSet, read_mark_set, same_brand
from training.data.photos.photo import Split
from training.data.set_files import DataRefused
from training.figures.metrics import auc
from training.fitting.hms_loss import HybridMarginSoftmax
from training.fitting.pretrained import frozen_backbone
from training.trademark.learner import SiameseLearner, log_odds_in_epoch, mine_dissimilar, pick
from training.trademark.samples import TrainingPairs, degrade, vary
from training.trademark.settings import PRESETS, TrademarkSettings
from training.trademark.train import train

SIZE = 32
CPU = torch.device("cpu")

Pixels = NDArray[np.uint8]


def small(**changes: Any) -> TrademarkSettings:
    settings = PRESETS["small"]
    return replace(settings, preprocessing=replace(settings.preprocessing, size=SIZE), **changes)


def scaled(marks: Sequence[Mark], preprocessing: Preprocessing) -> list[Pixels]:
    return [preprocessing.tone_and_scale(framed(mark.path)) for mark in marks]


@pytest.fixture(scope="module")
def marks(mark_folder: Path) -> MarkSet:
    return read_mark_set(mark_folder)


@pytest.fixture(scope="module")
def pictures(marks: MarkSet) -> list[Pixels]:
    return scaled(marks.marks, small().preprocessing)


@pytest.fixture(scope="module")
def embedding(pictures: list[Pixels]) -> Tensor:
    return frozen_embeddings(pictures, SIZE, CPU)


@pytest.fixture(scope="module")
def nearest(marks: MarkSet, embedding: Tensor) -> list[list[int]]:
    return nearest_negatives(marks, embedding)


@pytest.fixture(scope="module")
def run(
    mark_folder: Path,
    start_training: Callable[..., subprocess.Popen[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of a whole run of a few seconds."""
    out = tmp_path_factory.mktemp("runs") / "trademark"
    network = ("--backbone", "six_layer_cnn", "--size", SIZE)
    how = ("--batch", 8, "--epochs", 3, "--no-bf16", "--device", "cpu", "--out", out)
    process = start_training("trademark", "small", "--data", mark_folder, *network, *how)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    return out


def listed(families: Sequence[tuple[str, int]], split: Split = "train", dissimilar: int = 0) -> MarkSet:
    """Marks that lie nowhere: families with their numbers of drawings, and labelled pairs of single drawings."""
    names = [name for name, drawings in families for _ in range(drawings)]
    names += [f"labelled {index}" for index in range(2 * dissimilar)]
    similar = [(a, b) for a, b in product(range(len(names)), repeat=2) if a < b and names[a] == names[b]]
    labelled = [(index, index + 1) for index in range(len(names) - 2 * dissimilar, len(names), 2)]
    return MarkSet(tuple(Mark(Path(name), name, split) for name in names), tuple(similar), tuple(labelled), "")


def mutual_neighbours(marks: MarkSet, families: Sequence[Sequence[str]]) -> list[list[int]]:
    """For each mark the marks of the other families in its group."""
    group = {name: set(names) for names in families for name in names}
    return [
        [i for i, other in enumerate(marks.families) if other != family and other in group.get(family, set())]
        for family in marks.families
    ]


def blank(marks: MarkSet) -> list[Pixels]:
    return [np.full((SIZE, SIZE, 3), 255, np.uint8)] * len(marks.marks)


@pytest.mark.parametrize("augment", [True, False], ids=["varied", "as they are"])
@pytest.mark.parametrize(
    ("several", "alone", "dissimilar", "varied_length", "plain_length"),
    [
        pytest.param(6, 0, 0, 6, 6, id="families of several drawings"),
        pytest.param(6, 20, 0, 12, 6, id="as many single drawings again"),
        pytest.param(6, 3, 0, 9, 6, id="fewer single drawings"),
        pytest.param(6, 20, 4, 16, 10, id="and labelled dissimilar pairs"),
    ],
)
def test_an_epoch_has_its_length_and_each_family_at_most_once(
    several: int, alone: int, dissimilar: int, varied_length: int, plain_length: int, augment: bool
) -> None:
    families = [(f"several {i}", 3) for i in range(several)] + [(f"alone {i}", 1) for i in range(alone)]
    marks = listed(families, dissimilar=dissimilar)
    if dissimilar and augment:
        varied_length = min(2 * several, several + alone + 2 * dissimilar) + dissimilar
    pairs = TrainingPairs(marks, blank(marks), [[] for _ in marks.marks], small(augment=augment))
    expected = varied_length if augment else plain_length
    assert len(pairs) == expected
    for seed in range(5):
        drawn = pairs.draw(torch.Generator().manual_seed(seed))
        assert len(drawn) == expected
        assert max(Counter(drawn).values()) == 1
        samples = [pairs[0, index] for index in drawn]
        labelled = [sample for sample in samples if not sample["similar"]]
        assert len(labelled) == dissimilar
        names = {marks.families.index(f"several {i}") for i in range(several)}
        of_several = [sample for sample in samples if sample["similar"] and int(sample["family_a"]) < several]
        assert len(of_several) == len(names)


def test_lookalikes_stand_beside_each_other() -> None:
    """Three groups of two families that look alike, whatever the order they are drawn in."""
    groups = [["a 1", "a 2"], ["b 1", "b 2"], ["c 1", "c 2"]]
    marks = listed([(name, 2) for names in groups for name in names])
    pairs = TrainingPairs(marks, blank(marks), mutual_neighbours(marks, groups), small())
    for seed in range(10):
        drawn = pairs.draw(torch.Generator().manual_seed(seed))
        assert all(first // 2 == second // 2 for first, second in zip(drawn[::2], drawn[1::2], strict=True))


def test_every_family_is_beside_one_that_looks_like_it() -> None:
    """Whatever looks like what, no family stands alone while one that looks like it is still to come."""
    rng = np.random.default_rng(0)
    names = [f"brand {index}" for index in range(30)]
    marks = listed([(name, 2) for name in names])
    likes = [set(rng.choice(30, 3, replace=False).tolist()) - {family} for family in range(30)]
    nearest = [sorted(2 * other for other in likes[index // 2]) for index in range(60)]
    pairs = TrainingPairs(marks, blank(marks), nearest, small())
    for seed in range(10):
        drawn = pairs.draw(torch.Generator().manual_seed(seed))
        for place, family in enumerate(drawn):
            follows = place > 0 and family in likes[drawn[place - 1]]
            is_followed = place + 1 < len(drawn) and drawn[place + 1] in likes[family]
            assert follows or is_followed or likes[family] <= set(drawn[:place])


def test_labelled_pairs_lie_evenly_between_the_families() -> None:
    """Else an epoch would end in steps without one similar pair, which undo what it taught."""
    marks = listed([(f"several {i}", 2) for i in range(400)], dissimilar=400)
    pairs = TrainingPairs(marks, blank(marks), [[] for _ in marks.marks], small())
    for seed in range(5):
        drawn = pairs.draw(torch.Generator().manual_seed(seed))
        labelled = np.array([index >= 1200 for index in drawn])
        by_step = labelled[: len(labelled) // 48 * 48].reshape(-1, 48).mean(axis=1)
        assert np.all(np.abs(by_step - labelled.mean()) < 0.3)


def test_a_seed_gives_one_epoch(marks: MarkSet, pictures: list[Pixels], nearest: list[list[int]]) -> None:
    pairs = TrainingPairs(marks, pictures, nearest, small())
    first, again, other = (pairs.draw(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_sample_is_two_drawings_of_one_training_family(
    marks: MarkSet, pictures: list[Pixels], nearest: list[list[int]]
) -> None:
    settings = small(augment=False)
    pairs = TrainingPairs(marks, pictures, nearest, settings)
    tensors = [
        torch.from_numpy(settings.preprocessing.normalised(settings.preprocessing.frame(picture)[0]))
        for picture in pictures
    ]
    seen = set()
    for epoch, index in product(range(8), range(len(pairs))):
        sample = pairs[epoch, index]
        a, b = (next(i for i, t in enumerate(tensors) if torch.equal(t, sample[side])) for side in "ab")
        assert a != b
        assert marks.families[a] == marks.families[b]
        assert {marks.marks[a].split, marks.marks[b].split} == {"train"}
        assert int(sample["family_a"]) == int(sample["family_b"])
        assert int(sample["similar"]) == 1
        seen.add((a, b))
    assert {(b, a) for a, b in seen} & seen, "either drawing may come first"


def test_a_single_drawing_is_paired_with_a_variation_of_itself(pictures: list[Pixels]) -> None:
    marks = listed([("several", 2), ("alone", 1)])
    pairs = TrainingPairs(marks, pictures[:3], [[], [], []], small())
    sample = pairs[0, 1]
    assert int(sample["family_a"]) == int(sample["family_b"]) == 1
    assert int(sample["similar"]) == 1
    assert not torch.equal(sample["a"], sample["b"])


def test_a_labelled_dissimilar_pair_is_drawn_as_it_is_labelled() -> None:
    marks = listed([("several", 2)], dissimilar=2)
    pairs = TrainingPairs(marks, blank(marks), [[] for _ in marks.marks], small())
    for index in (5, 6):
        sample = pairs[0, index]
        assert int(sample["similar"]) == 0
        assert int(sample["family_a"]) != int(sample["family_b"])


def test_epoch_and_index_decide_a_sample(marks: MarkSet, pictures: list[Pixels], nearest: list[list[int]]) -> None:
    first, second = (TrainingPairs(marks, pictures, nearest, small()) for _ in range(2))
    second[0, 0]
    assert all(torch.equal(value, second[1, 3][key]) for key, value in first[1, 3].items())
    assert not torch.equal(first[1, 3]["a"], first[2, 3]["a"])


def test_a_mark_is_varied_and_never_mirrored(discs: Pixels, clockwise: Callable[[Pixels], bool]) -> None:
    rng = np.random.default_rng(0)
    before, seen = discs.copy(), set()
    assert not any(clockwise(mirrored) for mirrored in (discs[:, ::-1], discs[::-1], discs.transpose(1, 0, 2)))
    for _ in range(100):
        varied = vary(discs, rng)
        assert varied.dtype == np.uint8
        assert varied.shape == discs.shape
        assert clockwise(varied)
        seen.add(varied.tobytes())
    assert len(seen) > 80
    assert np.array_equal(discs, before)


def test_a_mark_is_spoiled_in_several_ways_and_stays_where_it_is(discs: Pixels) -> None:
    rng = np.random.default_rng(0)
    before = discs.copy()
    degraded = [degrade(discs, rng) for _ in range(60)]
    away = np.array([np.abs(one.astype(float) - discs).mean() for one in degraded])
    assert all((one.shape, one.dtype) == (discs.shape, np.uint8) for one in degraded)
    assert away.min() > 0
    assert away.max() < 25
    assert np.ptp(away) > 5
    assert np.array_equal(discs, before)


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.0, 0.0), (0.3, 0.2, 0.35), (1.0, 0.8, 1.0)])
def test_as_many_training_marks_are_spoiled_as_is_said(
    share: float, least: float, most: float, marks: MarkSet, pictures: list[Pixels], nearest: list[list[int]]
) -> None:
    """A few so small ones come out as they were."""
    kept, some = (TrainingPairs(marks, pictures, nearest, small(degraded_share=each)) for each in (0.0, share))
    drawn = [*product(range(40), range(len(kept)))]
    changed = [not torch.equal(kept[each]["a"], some[each]["a"]) for each in drawn]
    assert least <= np.mean(changed) <= most


def similarity_by_loops(first: Tensor, second: Tensor, head: LinearHead) -> list[list[float]]:
    def similarity(a: Tensor, b: Tensor) -> float:
        logits = head.logits(head.pair(a[None], b[None]))
        return float(log_odds_similar(logits).detach())

    return [[similarity(a, b) for b in second] for a in first]


@pytest.mark.parametrize("pair_feature", ["interacting", "concat"])
@pytest.mark.parametrize(
    ("family_first", "family_second"),
    [
        pytest.param([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], id="six families"),
        pytest.param([0, 0, 1, 1, 2, 0], [0, 1, 1, 1, 2, 2], id="families that repeat"),
        pytest.param([0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], id="one mark with negatives"),
        pytest.param([0] * 6, [0] * 6, id="no negatives"),
    ],
)
def test_mined_pairs_are_strangers_and_the_hardest_of_them(
    family_first: list[int], family_second: list[int], pair_feature: Any
) -> None:
    torch.manual_seed(0)
    head = LinearHead(8, pair_feature, scale=2.0)
    first, second = torch.randn(6, 8), torch.randn(6, 8)
    similarity = similarity_by_loops(first, second, head)
    expected = []
    for row, family in enumerate(family_first):
        negatives = [column for column, other in enumerate(family_second) if other != family]
        if negatives:
            expected.append([row, max(negatives, key=lambda column: similarity[row][column])])
    seen = defaultdict(set)
    for _ in range(60):
        hardest, random = mine_dissimilar(first, second, torch.tensor(family_first), torch.tensor(family_second), head)
        assert hardest.tolist() == expected
        assert [row for row, _ in random.tolist()] == [row for row, _ in expected]
        for row, column in random.tolist():
            assert family_first[row] != family_second[column]
            seen[row].add(column)
    for row, columns in seen.items():
        assert columns == {column for column, other in enumerate(family_second) if other != family_first[row]}


def test_pairs_are_picked_row_by_row() -> None:
    first, second = torch.arange(6.0).reshape(3, 2), 10 * torch.arange(6.0).reshape(3, 2)
    a, b = pick(first, second, torch.tensor([[0, 2], [2, 1]]))
    assert a.tolist() == [[0, 1], [4, 5]]
    assert b.tolist() == [[40, 50], [20, 30]]


def test_the_loss_is_over_labelled_hardest_and_random_pairs() -> None:
    torch.manual_seed(0)
    network, loss = Siamese("six_layer_cnn", scale=1.0).eval(), HybridMarginSoftmax(1.0)
    batch = {
        "a": torch.randn(2, 3, SIZE, SIZE),
        "b": torch.randn(2, 3, SIZE, SIZE),
        "family_a": torch.tensor([0, 1]),
        "family_b": torch.tensor([0, 1]),
        "similar": torch.tensor([1, 1]),
        "graded": torch.tensor([False, False]),
    }
    # of two families the hardest negative is the only one, and so is the random one
    with torch.no_grad():
        value = SiameseLearner(network, loss)(batch)
        a, b, head = network(batch["a"]), network(batch["b"]), network.head
        rows = [(0, 0, 1), (1, 1, 1), (0, 1, 0), (1, 0, 0), (0, 1, 0), (1, 0, 0)]
        each = [
            loss(head.pair(a[[i]], b[[j]]), head.classifier.weight, torch.tensor([similar])) for i, j, similar in rows
        ]
    assert float(value) == pytest.approx(float(torch.stack(each).mean()), rel=1e-5)


def test_a_learner_comes_to_tell_the_marks_of_a_batch_apart(
    marks: MarkSet, pictures: list[Pixels], nearest: list[list[int]]
) -> None:
    torch.manual_seed(0)
    pairs = TrainingPairs(marks, pictures, nearest, small(augment=False))
    batch = default_collate([pairs[0, index] for index in range(8)])
    learner = SiameseLearner(Siamese("six_layer_cnn", scale=1.0), HybridMarginSoftmax(1.0))
    optimiser = torch.optim.AdamW(learner.parameters(), 1e-3)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        loss = learner(batch)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-3:]) < losses[0] / 2


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("acme", "acme", True),
        ("acme", "acmetools", True),
        ("acme", "the acme company", True),
        ("acme", "apex", False),
        ("tie", "tiepin", False),
        ("hp", "php", False),
        ("1234", "12345", False),
        ("1234", "1234", True),
        ("", "acme", False),
    ],
)
def test_a_firm_and_its_product_are_one_brand(first: str, second: str, same: bool) -> None:
    assert same_brand(first, second) == same_brand(second, first) == same


def test_the_nearest_are_the_most_similar_other_brands_of_the_split(
    marks: MarkSet, pictures: list[Pixels], nearest: list[list[int]]
) -> None:
    backbone, preprocessing = frozen_backbone()
    preprocessing = replace(preprocessing, size=SIZE, padding="white")
    with torch.no_grad():
        maps = torch.cat([backbone(torch.from_numpy(preprocessing(picture).values)[None]) for picture in pictures])
    embedding = functional.normalize(maps.mean(dim=(2, 3)))
    for index, found in enumerate(nearest):
        others = [
            other
            for other in marks.of(marks.marks[index].split)
            if not same_brand(marks.families[other], marks.families[index])
        ]
        assert len(found) == len(set(found)) == min(16, len(others))
        assert set(found) <= set(others)
        by_similarity = sorted((float(embedding[index] @ embedding[other]) for other in others), reverse=True)
        values = [float(embedding[index] @ embedding[other]) for other in found]
        assert values == pytest.approx(by_similarity[: len(found)], abs=1e-4)
        assert all(before >= after - 1e-4 for before, after in pairwise(values))


def stated(kinds: Sequence[tuple[str, str, str]]) -> MarkSet:
    """Test marks: of each (family, kind, donor) a plain one, the first mark of a similar pair, and an edited one."""
    marks, similar, kind_of, donors = [], [], {}, {}
    for family, kind, donor in kinds:
        pair = (len(marks), len(marks) + 1)
        marks += [Mark(Path(f"{family} {index}"), family, "test") for index in pair]
        similar.append(pair)
        kind_of[pair] = kind
        if donor:
            donors[pair[1]] = donor
    return MarkSet(tuple(marks), tuple(similar), (), "", kind_of, donors)


def directions(marks: MarkSet) -> Tensor:
    """An embedding for each mark, drawn at random."""
    drawn = torch.randn((len(marks.marks), 8), generator=torch.Generator().manual_seed(0))
    return functional.normalize(drawn)


@pytest.mark.parametrize("split", ["val", "test"])
def test_trials_are_equal_in_number_and_never_of_one_brand(split: Split, marks: MarkSet, embedding: Tensor) -> None:
    trials = trial_pairs(marks, embedding, split)
    assert {kind: len(pairs) for kind, pairs in trials.items()} == dict.fromkeys(("similar", "random", "hard"), 12)
    assert all(marks.marks[index].split == split for pairs in trials.values() for pair in pairs for index in pair)
    assert set(trials["similar"]) <= set(marks.similar)
    for kind in ("random", "hard"):
        assert not any(same_brand(marks.families[a], marks.families[b]) for a, b in trials[kind])
        assert [a for a, _ in trials[kind]] == [a for a, _ in trials["similar"]]
    assert trial_pairs(marks, embedding, split) == trials


def test_a_stranger_is_drawn_like_a_partner() -> None:
    """It is the second mark of a similar pair of the same kind, so that being edited says nothing."""
    kinds = [("mirrored", "rotated", "framed")[number % 3] for number in range(30)]
    marks = stated([(f"{chr(97 + n % 26)}{n}", kind, "") for n, kind in enumerate(kinds)])
    embedding = directions(marks)
    trials = trial_pairs(marks, embedding, "test")
    seconds = {b: marks.kinds[a, b] for a, b in marks.similar}
    for kind in ("random", "hard"):
        assert [seconds[b] for _, b in trials[kind]] == [marks.kind(pair) for pair in trials["similar"]]
    for a, b in trials["hard"]:
        others = [other for other, kind in seconds.items() if kind == seconds[b] and marks.unrelated(a, other)]
        assert len(others) == 9
        assert all(embedding[a] @ embedding[b] >= embedding[a] @ embedding[other] for other in others)
    assert len({b for _, b in trials["random"]}) > 12


def test_a_mark_is_no_stranger_of_the_brand_whose_element_it_bears() -> None:
    marks = stated([("acme", "swapped", "bolt"), ("bolt", "swapped", "crane"), ("crane", "swapped", "")])
    alike = {(a, b) for a in range(6) for b in range(6) if not marks.unrelated(a, b)}
    own = {(a, b) for a in range(6) for b in range(6) if a // 2 == b // 2}
    borne = {(1, 2), (1, 3), (3, 4), (3, 5)}
    assert alike == own | borne | {(b, a) for a, b in borne}
    trials = trial_pairs(marks, directions(marks), "test")
    # The edited mark of acme bears what is bolt's, that of bolt what is crane's.
    for kind in ("random", "hard"):
        assert trials[kind][1:] == [(2, 5), (4, 1)]
    assert set(nearest_negatives(marks, directions(marks))[1]) == {4, 5}


def test_the_nearest_strangers_are_those_of_all_marks_however_large_the_own_family_is() -> None:
    marks = stated([("acme", "mirrored", "")] * 100 + [(f"b{number}", "mirrored", "") for number in range(30)])
    embedding = directions(marks)
    embedding[:200] = functional.normalize(embedding[:200] + 5)
    nearest = nearest_negatives(marks, embedding)
    for index in (0, 7, 220):
        strangers = [other for other in range(260) if marks.unrelated(index, other)]
        in_order = sorted(strangers, key=lambda other: -float(embedding[index] @ embedding[other]))
        assert nearest[index] == in_order[:16]


def test_where_no_brand_has_a_mark_of_the_kind_any_stranger_serves() -> None:
    marks = stated([("acme", "mirrored", ""), ("bolt", "rotated", "")])
    trials = trial_pairs(marks, directions(marks), "test")
    assert [a for a, _ in trials["random"]] == [0, 2]
    assert trials["random"][0][1] in (2, 3)
    assert trials["hard"][1][1] in (0, 1)


def test_a_family_of_many_drawings_counts_for_at_most_three() -> None:
    marks = listed([("acme", 6), ("apex", 2), ("bolt", 3), ("acme tools", 2)], split="test", dissimilar=2)
    trials = trial_pairs(marks, directions(marks), "test")
    of_family = Counter(marks.families[a] for a, _ in trials["similar"])
    assert of_family == {"acme": 3, "apex": 1, "bolt": 3, "acme tools": 1}
    assert len(set(trials["similar"])) == 8
    assert len(trials["random"]) == len(trials["hard"]) == 8
    assert trials["labelled"] == list(marks.dissimilar)
    for kind in ("random", "hard"):
        assert not any(same_brand(marks.families[a], marks.families[b]) for a, b in trials[kind])


@pytest.mark.parametrize("families", [3, 12], ids="{} families".format)
def test_a_split_without_strangers_is_refused_in_a_sentence(families: int, tmp_path: Path) -> None:
    """Of three to fourteen families one goes to validation: nothing there is dissimilar."""
    for family, drawing in product(range(families), range(2)):
        (tmp_path / f"brand {family}").mkdir(exist_ok=True)
        shade = (20 * family, 10 * drawing, 100)
        Image.new("RGB", (16, 16), shade).save(tmp_path / f"brand {family}" / f"{drawing}.png")

    def prepare() -> None:
        marks = read_mark_set(tmp_path)
        trial_pairs(marks, frozen_embeddings(scaled(marks.marks, small().preprocessing), SIZE, CPU), "val")

    with pytest.raises(Refusal):
        prepare()


@pytest.mark.parametrize(("faint", "named"), [("val", "validation"), ("test", "test")])
def test_pairs_that_could_not_judge_a_model_are_refused_before_it_is_trained(
    faint: Split, named: str, tmp_path: Path
) -> None:
    """Marks that stand out from their ground by two levels are out of scope, whatever a network makes of them."""
    for number, split in enumerate(("train", "val", "test")):
        for family, drawing in product(range(4), range(2)):
            folder = tmp_path / "marks" / split / f"{'abc'[number] * 4}{'wxyz'[family] * 4}"
            folder.mkdir(parents=True, exist_ok=True)
            mark = Image.new("RGB", (60, 60), "white")
            ink = (253, 253, 253) if split == faint else (0, 0, 0)
            corners = [(30, 5 + drawing), (50, 20 + 6 * family), (30, 55), (8 + number, 15)]
            ImageDraw.Draw(mark).polygon(corners, fill=ink)
            mark.save(folder / f"{drawing}.png")
    fitting = replace(small().fit, out=tmp_path / "run", device="cpu", epochs=1)
    settings = small(data=tmp_path / "marks", fit=fitting, backbone="six_layer_cnn")
    refused = f"No {named} pair that is similar is in scope, .*The mark is too faint: it stands out .* by 2.0 of 255"
    with pytest.raises(DataRefused, match=refused):
        train(settings)
    assert not (tmp_path / "run").exists()


def test_a_finished_model_is_trained_further(tiny_models: Path) -> None:
    settings = replace(PRESETS["small"], backbone="six_layer_cnn", start_from=tiny_models / "tiny_marks.json")
    learner, start = settings.build_learner()
    assert start.startswith("the backbone of tiny_marks, weights ")
    trained = load_model("tiny_marks", tiny_models).network.get_submodule("backbone").state_dict()
    found = learner.network.backbone.state_dict()
    assert all(torch.equal(value, found[key]) for key, value in trained.items())


def test_a_run_leaves_a_model_that_states_what_it_was_trained_on(run: Path, marks: MarkSet) -> None:
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert all({"loss", "score", "auc_random", "auc_hard"} <= line.keys() for line in log)
    card = load_model("trademark", run).card
    assert (card.classes, card.data_sha256) == (("dissimilar", "similar"), marks.manifest_sha256)
    assert card.data == "108 marks of 36 families in polygons"
    assert all(metric.key for metric in card.metrics.values())
    assert with_keys(card.metrics) == card.metrics
    assert card.confusion is not None
    assert card.confusion.classes == ("similar", "dissimilar")
    in_scope = 36 * (1 - card.metrics["refused share"].value)
    assert sum(map(sum, card.confusion.counts)) == pytest.approx(in_scope)
    assert card.confusion.counts[0] != (0, 0) != card.confusion.counts[1]
    with Image.open(run / "confusion_matrix.png") as picture:
        assert picture.format == "PNG"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics.keys() == card.metrics.keys()


def test_a_finished_model_is_calibrated_on_compared_pairs_or_says_what_they_lack(
    run: Path, marks: MarkSet, mark_folder: Path, tmp_path: Path
) -> None:
    count = len({marks.marks[index].family for index in marks.of("val")})
    why = f"{count} similar and {count} dissimilar sources stand behind the calibration, but it needs 20 a side"
    card = load_model("trademark", run).card
    assert card.calibration is None
    assert any(why in limit for limit in card.limits)
    with pytest.raises(Refusal, match=why):
        calibrate_finished(CalibrationSettings("trademark", mark_folder, tmp_path, run))


def test_the_card_states_what_the_examiner_finds_and_epochs_score_alike(
    run: Path, marks: MarkSet, embedding: Tensor
) -> None:
    examiner = TrademarkExaminer.load("trademark", run)
    network, card = load_model("trademark", run).network, examiner.card
    assert isinstance(network, Siamese)
    pictures = scaled(marks.marks, card.preprocessing)
    exhibits = [read_exhibit(mark.path) for mark in marks.marks]
    trials = trial_pairs(marks, embedding, "test")
    in_epoch, found = log_odds_in_epoch(network, pictures, trials, card.preprocessing, CPU), {}
    for kind, pairs in trials.items():
        compared = examiner.compare_batch([(exhibits[a], exhibits[b]) for a, b in pairs])
        found[kind] = np.array([comparison.log_odds for comparison in compared])
        assert in_epoch[kind] == pytest.approx(found[kind], abs=1e-4)
        seen = [not refusal(sum(comparison.scope_checks, ())) for comparison in compared]
        found[kind] = found[kind][seen]
    for kind in ("random", "hard"):
        assert card.metrics[f"AUC, {kind} pairs"].value == pytest.approx(auc(found["similar"], found[kind]))
    assert card.confusion is not None
    assert card.confusion.counts[0][0] == (found["similar"] > 0).sum()
