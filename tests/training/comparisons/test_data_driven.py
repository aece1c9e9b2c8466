"""The data-driven methods of the HMS paper: a step of each by hand, what it learns, and the model it ends in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.nn import functional

from inference.bench import Bench
from inference.intake.exhibit import read_exhibit
from inference.models.weights import load_model
from inference.networks.hms import DistanceHead, LinearHead, PairHead, Siamese
from inference.progress import untold
from inference.records import Refusal
from inference.trademark.examiner import TrademarkExaminer
from training.comparisons.contrastive import Contrastive
from training.comparisons.triplet import Triplet
from training.figures.metrics import auc
from training.fitting.pair_loss import PairLoss, StepPairs
from training.trademark.learner import SiameseLearner, with_threshold
from training.trademark.settings import BY_DISTANCE, PRESETS, DataDriven, MethodName, TrademarkSettings
from training.trademark.train import train

SIZE = 32


@pytest.fixture(scope="module", autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Other tests of this process train at another precision, which accelerate takes for all of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def settings(**changes: Any) -> TrademarkSettings:
    small = PRESETS["small"]
    smaller = replace(small.preprocessing, size=SIZE)
    return replace(small, preprocessing=smaller, backbone="six_layer_cnn", pyramid=0, **changes)


# ---- a step by hand


def step_of(loss: PairLoss, first: list[Any], second: list[Any], similar: list[int], marks: list[int]) -> Any:
    """The loss of pairs of embeddings, and its gradient at the first ones."""
    a = torch.tensor(first).requires_grad_()
    head = DistanceHead()
    pairs = StepPairs(head.pair(a, torch.tensor(second)), torch.tensor(similar), torch.tensor(marks))
    value = loss.over(pairs, head)
    value.backward()
    assert a.grad is not None
    return value.item(), a.grad.tolist()


def test_a_contrastive_step_is_equation_4() -> None:
    """Distances .5 and 2 of similar pairs, .5 and 2 of dissimilar ones: D^2 / 2 and (1 - D)^2 / 2 where D < 1."""
    first, second = 4 * [[0.0, 0.0]], [[0.3, 0.4], [2.0, 0.0], [0.3, 0.4], [0.0, 2.0]]
    value, gradient = step_of(Contrastive(), first, second, [1, 1, 0, 0], [0, 1, 2, 3])
    assert value == pytest.approx((0.125 + 2.0 + 0.125 + 0.0) / 4)
    # Towards a similar mark by the whole way to it, away from a near dissimilar one by what it lacks to 1.
    by_hand = [[-0.3, -0.4], [-2.0, 0.0], [0.5 * 0.6, 0.5 * 0.8], [0.0, 0.0]]
    for found, expected in zip(gradient, by_hand, strict=True):
        assert found == pytest.approx([value / 4 for value in expected])


def test_a_triplet_step_is_the_hinge_of_two_distances() -> None:
    """Mark 0 meets a similar mark at .5 and another at 1.2; mark 1 at .2, others at 3 and .1; mark 7 no similar one."""
    distances = [0.5, 0.2, 1.2, 3.0, 0.1, 0.4]
    second = [[distance, 0.0] for distance in distances]
    value, gradient = step_of(Triplet(), 6 * [[0.0, 0.0]], second, [1, 1, 0, 0, 0, 0], [0, 1, 0, 1, 1, 7])
    assert value == pytest.approx(((0.5 - 1.2 + 1) + 0 + (0.2 - 0.1 + 1)) / 3)
    assert [x for x, _ in gradient] == pytest.approx([-1 / 3, -1 / 3, 1 / 3, 0, 1 / 3, 0])


def test_a_step_without_triplets_teaches_nothing() -> None:
    value, gradient = step_of(Triplet(), 2 * [[0.0, 0.0]], 2 * [[1.0, 0.0]], [1, 0], [0, 1])
    assert (value, gradient) == (0, [[0, 0], [0, 0]])


class Recorded(PairLoss):
    """Keeps the pairs of the last step."""

    def over(self, pairs: StepPairs, _: PairHead) -> Tensor:
        self.pairs = pairs
        return pairs.features.sum()


def test_a_triplet_is_a_mark_its_partner_and_a_random_mark_of_another_family() -> None:
    torch.manual_seed(0)
    network, loss = Siamese("six_layer_cnn", "distance").eval(), Recorded()
    marks = batch(4)
    learner = SiameseLearner(network, loss, hardest=False)
    seen: set[tuple[int, int]] = set()
    with torch.no_grad():
        apart = torch.cdist(network(marks["a"]), network(marks["b"]))
        for _ in range(20):
            learner(marks)
            distance, similar, first = loss.pairs.features[:, 0], loss.pairs.similar, loss.pairs.first
            assert similar.tolist() == 4 * [1] + 4 * [0]
            assert first.tolist() == 2 * [0, 1, 2, 3]
            # Each pair is of the row that it states; which column it is of, its distance tells.
            off = (apart[first] - distance[:, None]).abs()
            assert float(off.min(dim=1).values.max()) < 1e-3
            found = off.argmin(dim=1).tolist()
            assert found[:4] == [0, 1, 2, 3]
            seen |= {*zip(first[4:].tolist(), found[4:], strict=True)}
    assert seen == {(row, column) for row in range(4) for column in range(4) if row != column}


def batch(families: int = 2, unlike: float = 0.3) -> dict[str, Tensor]:
    """Each family's first and second mark, and how unlike they are."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(families, 3, SIZE, SIZE, generator=generator)
    family = torch.arange(families)
    return {
        "a": images,
        "b": images + unlike * torch.randn(families, 3, SIZE, SIZE, generator=generator),
        "family_a": family,
        "family_b": family,
        "similar": torch.ones(families).long(),
        "graded": torch.zeros(families, dtype=torch.bool),
    }


# ---- threshold


def test_validation_pairs_choose_the_threshold_and_its_slope() -> None:
    head = DistanceHead()
    distances = {"similar": [1.0, 2.0], "random": [3.0, 4.0]}
    log_odds = {kind: 0.5 - np.array(values) for kind, values in distances.items()}
    found = with_threshold(head, log_odds)
    assert float(head.threshold) == pytest.approx(2.5, abs=1e-4)
    assert float(head.log_slope.exp()) > 0
    for kind, values in distances.items():
        logits = head.logits(torch.tensor(values)[:, None])
        assert (logits[:, 1] - logits[:, 0]).tolist() == pytest.approx(found[kind].tolist(), rel=1e-4)
    # Platt's targets of two a side, 3/4 and 1/4: the slope is where the likelihood no longer rises.
    x = np.concatenate([found["similar"], found["random"]])
    off = np.repeat([0.75, 0.25], 2) - 1 / (1 + np.exp(-x))
    assert float(off @ x) == pytest.approx(0, abs=1e-4)
    again = with_threshold(head, found)
    assert again["similar"] == pytest.approx(found["similar"], rel=1e-4)


def test_all_kinds_of_dissimilar_pairs_choose_it_together() -> None:
    """Ten near ones weigh as ten; the side of the similar ones weighs the same as that of all others."""
    one, other = DistanceHead(), DistanceHead()
    with_threshold(one, {"similar": -np.array([1.0, 2]), "random": -np.array([5.0, 6]), "hard": -np.array([3.0, 4])})
    with_threshold(other, {"similar": -np.array([1.0, 2]), "random": -np.array([5.0, 6, 3, 4])})
    assert float(one.threshold) == pytest.approx(float(other.threshold))


@pytest.mark.parametrize("far", [[3.0, 4.0], [2.0, 2.0]], ids=["the wrong way round", "all alike"])
def test_distances_that_tell_nothing_give_odds_that_are_nearly_even(far: list[float]) -> None:
    head = DistanceHead()
    near = [1.0, 2.0] if far[0] > 2 else far
    found = with_threshold(head, {"similar": 0.5 - np.array(far), "random": 0.5 - np.array(near)})
    assert float(head.log_slope.exp()) > 0
    assert max(np.abs(values).max() for values in found.values()) < 0.01


def test_a_network_that_diverged_chooses_no_threshold() -> None:
    head = DistanceHead()
    found = with_threshold(head, {"similar": np.array([np.nan]), "random": np.array([0.0])})
    assert np.isnan(found["similar"]).all()
    assert float(head.threshold) == 0.5


# ---- learning


@pytest.mark.parametrize("method", BY_DISTANCE)
def test_similar_marks_come_near_and_others_go_away(method: MethodName) -> None:
    torch.manual_seed(0)
    learner, _ = settings(method=method, pretrained=False).build_learner()
    marks = batch(8, unlike=1.0)
    optimiser = torch.optim.AdamW(learner.parameters(), 1e-3)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        loss = learner(marks)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-3:]) < losses[0] / 2
    with torch.no_grad():
        apart = torch.cdist(learner.network(marks["a"]), learner.network(marks["b"]))
    assert bool((apart.diagonal()[:, None] <= apart).all())


@pytest.fixture(scope="module")
def face_model(mark_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a model that learned other families than marks; a folder of them is what it takes."""
    return finished(mark_folder, tmp_path_factory.mktemp("faces") / "run", method="softmax", name="faces")


def finished(data: Path, out: Path, **changes: Any) -> Path:
    fitting = replace(PRESETS["small"].fit, out=out, epochs=2, batch=8, device="cpu")
    stated = settings(data=data, fit=fitting, **changes)
    assert train(stated) is not None
    return out / f"{stated.name}.json"


def test_fine_tuning_learns_a_new_layer_on_what_it_starts_from(face_model: Path) -> None:
    """One step of gradient descent: W falls by the rate times (p - y) x and its decay, and nothing else moves."""
    torch.manual_seed(0)
    learner, start = settings(method="fine_tuning", start_from=face_model).build_learner()
    assert start.startswith("all but the head of faces, weights ")
    faces = load_model("faces", face_model.parent).network.state_dict()
    head = learner.network.head
    assert isinstance(head, LinearHead)
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    assert all(torch.equal(value, faces[name]) for name, value in before.items() if not name.startswith("head."))
    assert not torch.equal(before["head.classifier.weight"], faces["head.classifier.weight"])

    learner.train()
    marks = batch()
    with torch.no_grad():
        a, b = learner.network(marks["a"]), learner.network(marks["b"])
        # Similar pairs, then each mark's hardest and its random negative, which of two families is the same mark.
        x = head.pair(a[[0, 1, 0, 1, 0, 1]], b[[0, 1, 1, 0, 1, 0]])
        p = functional.softmax(x @ before["head.classifier.weight"].T, dim=1)
    y = functional.one_hot(torch.tensor([1, 1, 0, 0, 0, 0]), 2)
    optimiser = torch.optim.SGD(learner.parameters(), 0.5, momentum=0.9, weight_decay=0.1)
    learner(marks).backward()
    optimiser.step()
    after = learner.network.state_dict()
    w = before["head.classifier.weight"]
    expected = w - 0.5 * ((p - y).T @ x / 6 + 0.1 * w)
    assert torch.allclose(after["head.classifier.weight"], expected, atol=1e-5)
    moved = [name for name, value in after.items() if not torch.equal(value, before[name])]
    assert moved == ["head.classifier.weight"]


def test_fine_tuning_has_the_pyramid_of_what_it_starts_from(face_model: Path) -> None:
    with pytest.raises(Refusal, match="is not a trademark model with --backbone six_layer_cnn, --pyramid 8;"):
        replace(settings(method="fine_tuning", start_from=face_model), pyramid=8).build_learner()


def test_fine_tuning_without_a_face_model_is_refused() -> None:
    with pytest.raises(Refusal, match=r"--method fine_tuning .* name that model's card by --start-from\.$"):
        settings(method="fine_tuning")


def test_fine_tuning_of_a_model_for_something_else_is_refused(tiny_models: Path) -> None:
    with pytest.raises(Refusal, match="is not a trademark model with --backbone six_layer_cnn"):
        settings(method="fine_tuning", start_from=tiny_models / "tiny_parts.json").build_learner()


# ---- finished models


@pytest.fixture(scope="module", params=get_args(DataDriven))
def model(request: pytest.FixtureRequest, mark_folder: Path, face_model: Path, tmp_path_factory: Any) -> Path:
    """The card of a model by each method."""
    start = {"start_from": face_model} if request.param == "fine_tuning" else {}
    out = tmp_path_factory.mktemp(request.param) / "run"
    return finished(mark_folder, out, method=request.param, name="marks", **start)


def test_a_finished_model_compares_two_marks_like_any_other(model: Path, mark_folder: Path) -> None:
    examiner = TrademarkExaminer.load("marks", model.parent)
    card = examiner.card
    method = card.settings["method"]
    assert card.arguments["pair_feature"] == ("distance" if method in BY_DISTANCE else "interacting")
    one, alike, other = (read_exhibit(mark_folder / name) for name in ("red 3/0.png", "red 3/1.png", "blue 8/0.png"))
    there, back = examiner.compare(one, other), examiner.compare(other, one)
    assert there.log_odds == back.log_odds
    assert there.outcome in ("similar", "dissimilar", "inconclusive")
    for heatmap, same in zip(there.heatmaps, back.heatmaps[::-1], strict=True):
        assert np.array_equal(heatmap.raw, same.raw)
        assert np.isfinite(heatmap.raw).all()
    assert max(heatmap.peak for heatmap in there.heatmaps) > 0
    assert examiner.compare(one, alike).log_odds > there.log_odds
    head = load_model("marks", model.parent).network.get_submodule("head")
    if isinstance(head, DistanceHead):
        images = [torch.from_numpy(card.preprocessing(examiner.view(mark).mark.pixels).values) for mark in (one, other)]
        x1, x2 = examiner.embed(images)
        by_hand = float(head.log_slope.exp()) * (float(head.threshold) - float((x1 - x2).norm()))
        assert there.log_odds == pytest.approx(by_hand, rel=1e-3, abs=1e-3)


def test_its_card_states_what_it_is_worth(model: Path) -> None:
    card = load_model("marks", model.parent).card
    assert {"AUC, random pairs", "accuracy, random pairs", "AUC, hard pairs"} <= card.metrics.keys()
    assert card.band is not None
    assert card.heatmap_full_scale is not None
    assert card.title in ("Contrastive loss", "Triplet network", "Fine-tuning")


def test_a_register_finds_marks_by_it(model: Path, mark_folder: Path, tmp_path: Path) -> None:
    with closing(Bench(model.parent).register(str(tmp_path / "register"), "marks")) as register:
        register.take_in(mark_folder, untold)
        wanted = mark_folder / "blue 8" / "0.png"
        search = register.search(read_exhibit(wanted), most=5)
    first = search.rankings[0].marks[0]
    assert first.sha256 == read_exhibit(wanted).sha256


def test_ranking_is_not_changed_by_the_threshold() -> None:
    rng = np.random.default_rng(0)
    log_odds = {"similar": rng.normal(1, 1, 50), "random": rng.normal(0, 1, 50)}
    found = with_threshold(DistanceHead(), log_odds)
    assert auc(found["similar"], found["random"]) == auc(log_odds["similar"], log_odds["random"])
