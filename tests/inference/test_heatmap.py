"""The heatmap: Grad-CAM against the package run on the whole network, and its picture on a fixed scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM, HiResCAM, LayerCAM
from torch import Tensor, nn

from inference.authenticity.examiner import AuthenticityExaminer, log_odds_genuine
from inference.drawing import LEVELS, colour_bar, layer, overlay, picture
from inference.grad_cam import HeadGradCam
from inference.heatmap import CamMethod, strength
from inference.models.weights import load_model
from inference.networks.hms import LinearHead, PairFeature, Siamese
from inference.networks.kag_mtln import KagMtln
from inference.preprocessing import Preprocessing
from inference.records import Exhibit, Heatmap, Placement
from inference.request import Request
from inference.trademark.examiner import TrademarkExaminer, log_odds_similar

WHOLE = Placement(0, 0, 1, 1)
BAR = 84
CLASSES = ("blue/genuine", "blue/counterfeit", "red/genuine", "red/counterfeit")


def heatmap(raw: NDArray | list, full_scale: float = 1.0, placement: Placement = WHOLE) -> Heatmap:
    return Heatmap(np.array(raw, np.float32), "last feature map", "a target", full_scale, placement)


def random_map(rows: int = 4, columns: int = 5, **arguments: Any) -> Heatmap:
    return heatmap(np.random.default_rng(0).random((rows, columns)), **arguments)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Whole(nn.Module):
    """Both halves of a network in a row, as the package wants it."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.head(self.network.features(images))


TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "genuine over counterfeit": lambda logits: log_odds_genuine(logits, CLASSES),
    "the leaning side": lambda logits: log_odds_genuine(logits, CLASSES).abs(),
    "one series": lambda logits: log_odds_genuine(logits, CLASSES, "red"),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_map_is_what_the_package_finds_on_the_whole_network(
    target: Callable[[Tensor], Tensor], tiny_models: Path, striped: Callable[..., Exhibit]
) -> None:
    network: Any = load_model("tiny_parts", tiny_models).network
    images = torch.stack([torch.from_numpy(Preprocessing(size=128)(striped(name).pixels).values) for name in CLASSES])

    with GradCAM(model=Whole(network), target_layers=[network.backbone]) as stock:
        record = stock.activations_and_grads
        target(record(images)).sum().backward()
        activations, gradients = record.activations[0].numpy(), record.gradients[0].numpy()
        expected = np.maximum(stock.get_cam_image(images, None, None, activations, gradients), 0)

    with torch.no_grad():
        feature_map = network.features(images)
        expected_logits = network.head(feature_map)
    logits, maps = HeadGradCam(network.head)(feature_map, target)
    assert maps.shape == (4, 4, 4)
    assert maps.dtype == np.float32
    assert expected.max() > 0.1
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-5)
    assert logits.equal(expected_logits)
    assert not logits.requires_grad


METHODS: dict[CamMethod, type[GradCAM]] = {"grad_cam": GradCAM, "hires_cam": HiResCAM, "layer_cam": LayerCAM}


def maps_naively(method: CamMethod, feature_map: Tensor, gradients: Tensor) -> NDArray[Any]:
    """The three weightings as their papers define them."""
    match method:
        case "grad_cam":
            weighted = gradients.mean(dim=(2, 3), keepdim=True) * feature_map
        case "hires_cam":
            weighted = gradients * feature_map
        case "layer_cam":
            weighted = gradients.clamp(min=0) * feature_map
    return np.asarray(weighted.sum(dim=1).clamp(min=0))


@pytest.mark.parametrize("steps", [0, 4, 8])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_the_packages_at_the_layer_where_the_head_starts(method: CamMethod, steps: int) -> None:
    torch.manual_seed(0)
    network: Any = KagMtln("six_layer_cnn", classes=4, hidden=16, steps_in_head=steps).requires_grad_(False)
    images = torch.rand(3, 3, 64, 96)
    # Once in training, so that no feature has died away.
    network.train()(images)
    network.eval()
    target = TARGETS["the leaning side"]

    layer = network.backbone.steps[-steps - 1]
    free = images.clone().requires_grad_()
    with METHODS[method](model=Whole(network), target_layers=[layer]) as stock:
        record = stock.activations_and_grads
        target(record(free)).sum().backward()
        activations, gradients = record.activations[0].numpy(), record.gradients[0].numpy()
        expected = np.maximum(stock.get_cam_image(images, layer, None, activations, gradients, False), 0)

    with torch.no_grad():
        feature_map = network.features(images)
    _, maps = HeadGradCam(network.head, method)(feature_map, target)
    side = 2 ** (1 + (steps >= 4) + (steps >= 8))
    assert maps.shape == (3, side, side * 3 // 2)
    assert maps.max() > 0
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-5 * maps.max())

    entering = feature_map.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(target(network.head(entering)).sum(), entering)
    by_hand = maps_naively(method, feature_map, gradient)
    np.testing.assert_allclose(maps, by_hand, rtol=1e-4, atol=1e-5 * maps.max())


@pytest.mark.parametrize("pair_feature", ["interacting", "concat", "distance"])
def test_the_maps_of_a_pair_are_those_of_its_gradients(pair_feature: PairFeature) -> None:
    torch.manual_seed(0)
    network = Siamese("six_layer_cnn", pair_feature, scale=3.0).eval()
    with torch.no_grad():
        feature_map = network.features(torch.rand(4, 3, 96, 96))

    free = feature_map.clone().requires_grad_()
    first, second = free.mean(dim=(2, 3)).chunk(2)
    if isinstance(network.head, LinearHead):
        meeting = [first, second] if pair_feature == "concat" else [(first - second).abs(), first * second]
        dissimilar, similar = (3.0 * torch.cat(meeting, dim=1) @ network.head.classifier.weight.T).unbind(1)
        log_odds = similar - dissimilar
    else:
        network.head.log_slope.fill_(math.log(7.0))
        log_odds = -7.0 * (first - second).square().sum(dim=1).sqrt()
    (gradients,) = torch.autograd.grad(log_odds.sum(), free)
    expected = (gradients.mean(dim=(2, 3), keepdim=True) * feature_map).sum(dim=1).clamp(min=0).numpy()

    _, maps = HeadGradCam(network.head)(feature_map, log_odds_similar)
    assert maps.shape == (4, 3, 3)
    assert expected.max() > 0
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-5 * expected.max())


def test_a_map_does_not_depend_on_the_images_beside_it_or_before_it() -> None:
    torch.manual_seed(0)
    cam = HeadGradCam(KagMtln("six_layer_cnn", classes=4, hidden=16).eval().head)
    feature_map = torch.rand(3, 512, 2, 2)
    _, together = cam(feature_map, TARGETS["the leaning side"])
    for index in range(3):
        _, alone = cam(feature_map[index : index + 1], TARGETS["the leaning side"])
        np.testing.assert_allclose(alone[0], together[index], rtol=1e-4, atol=1e-6)


class Passes:
    """Counts the passes of a backbone, and sees whether one builds a graph."""

    def __init__(self, backbone: nn.Module) -> None:
        self.images: list[int] = []
        self.graph = False
        self._handle = backbone.register_forward_hook(self._record)

    def _record(self, _module: nn.Module, _inputs: tuple, output: Tensor) -> None:
        self.images.append(len(output))
        self.graph |= torch.is_grad_enabled() or output.requires_grad

    def __enter__(self) -> Passes:
        return self

    def __exit__(self, *_error: object) -> None:
        self._handle.remove()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("task", ["authenticity", "trademark"])
def test_the_backbone_runs_once_and_leaves_no_graph_and_no_gradients(
    task: str, count: int, tiny_models: Path, striped: Callable[..., Exhibit]
) -> None:
    exhibits, mark = [striped("blue/genuine", seed) for seed in range(count)], striped("red/genuine")
    examiner: Any
    if task == "authenticity":
        examiner = AuthenticityExaminer.load("tiny_parts", tiny_models)
        examine, images = (lambda: examiner.examine_batch([*map(Request, exhibits)])), count
    else:
        examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
        examine, images = (lambda: examiner.compare_batch([(exhibit, mark) for exhibit in exhibits])), 2 * count
    with Passes(examiner._network.backbone.steps[0]) as passes:
        examine()
    # What else two marks are looked at for comes after, for all pairs together, eight at a time.
    assert passes.images[0] == images
    further = passes.images[1:]
    assert bool(further) == (task == "trademark")
    assert all(seen == 8 for seen in further[:-1])
    assert max(further, default=0) <= 8
    assert not passes.graph
    assert all(parameter.grad is None for parameter in examiner._network.parameters())


def strength_naively(shown: Heatmap, width: int, height: int) -> NDArray[np.float64]:
    """Bilinear between the centres of the cells, constant beyond the outermost centres."""
    rows, columns = shown.raw.shape
    values = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y = (shown.placement.top + (row + 0.5) / height * shown.placement.height) * rows - 0.5
            x = (shown.placement.left + (column + 0.5) / width * shown.placement.width) * columns - 0.5
            y, x = min(max(y, 0), rows - 1), min(max(x, 0), columns - 1)
            above, left = int(y), int(x)
            below, right = min(above + 1, rows - 1), min(left + 1, columns - 1)
            down, across = y - above, x - left
            upper = (1 - across) * shown.raw[above, left] + across * shown.raw[above, right]
            lower = (1 - across) * shown.raw[below, left] + across * shown.raw[below, right]
            values[row, column] = (1 - down) * upper + down * lower
    return np.clip(values / shown.full_scale, 0, 1)


@pytest.mark.parametrize(
    ("rows", "columns", "width", "height", "placement", "full_scale"),
    [
        (4, 5, 50, 40, WHOLE, 1.0),
        (4, 5, 3, 2, WHOLE, 1.0),
        (1, 1, 7, 5, WHOLE, 2.0),
        (2, 2, 31, 17, Placement(0, 0.25, 1, 0.5), 1.0),
        (14, 14, 20, 60, Placement(1 / 3, 0, 1 / 3, 1), 0.5),
        (7, 7, 1, 33, Placement(16 / 33, 0, 1 / 33, 1), 1.0),
    ],
    ids=["enlarged", "reduced", "single cell", "wide part", "high part, clipped", "line"],
)
def test_the_map_is_interpolated_over_the_part(
    rows: int, columns: int, width: int, height: int, placement: Placement, full_scale: float
) -> None:
    shown = random_map(rows, columns, full_scale=full_scale, placement=placement)
    values = strength(shown, width, height)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, strength_naively(shown, width, height), atol=1e-5)


@pytest.mark.parametrize(
    ("placement", "size", "hottest"),
    [
        (WHOLE, (64, 64), (44, 20)),
        (Placement(0, 0.25, 1, 0.5), (64, 32), (44, 4)),
        (Placement(0.5, 0, 0.5, 1), (32, 64), (12, 20)),
    ],
    ids=["square", "padded above and below", "padded left and right"],
)
def test_a_hot_cell_lies_where_the_part_has_it(
    placement: Placement, size: tuple[int, int], hottest: tuple[int, int]
) -> None:
    raw = np.zeros((8, 8), np.float32)
    raw[2, 5] = 1
    values = strength(heatmap(raw, placement=placement), *size)
    rows, columns = np.nonzero(values > 0.85)
    assert (columns.mean(), rows.mean()) == (hottest[0] - 0.5, hottest[1] - 0.5)


def test_evidence_in_the_padding_is_not_drawn() -> None:
    raw = np.ones((8, 8), np.float32)
    raw[2:6] = 0
    values = strength(heatmap(raw, placement=Placement(0, 0.25, 1, 0.5)), 64, 32)
    assert (values[4:-4] == 0).all()
    assert values.max() <= 0.5


@pytest.mark.parametrize(("width", "height"), [(40_000, 2), (2, 40_000)])
def test_a_panorama_has_its_overlay(width: int, height: int) -> None:
    shown = random_map()
    part = np.full((height, width, 3), 100, np.uint8)
    assert overlay(shown, part).shape == part.shape
    smaller = strength(shown, min(width, 400), min(height, 400))
    middle = strength(shown, width, height)[height // 2, width // 2]
    assert middle == pytest.approx(smaller[smaller.shape[0] // 2, smaller.shape[1] // 2], abs=0.01)


def test_an_overlay_leaves_pixels_without_evidence_untouched() -> None:
    part = noise(64, 64)
    raw = np.zeros((8, 8), np.float32)
    raw[2, 5] = 1
    shown = heatmap(raw)
    laid_over, values = overlay(shown, part), strength(shown, 64, 64)
    assert laid_over.dtype == np.uint8
    assert (values == 0).sum() > 3000
    assert np.array_equal(laid_over[values == 0], part[values == 0])
    assert (laid_over[values > 0.5] != part[values > 0.5]).any(axis=1).all()


def cover_naively(shown: Heatmap, width: int, height: int) -> np.ndarray:
    """Straight from no cover without evidence to half at a tenth of full scale, and from there to all at full scale."""
    value = strength(shown, width, height).astype(float)
    return np.where(value < 0.1, 5 * value, 0.5 + (value - 0.1) / 1.8)


def beside_lines(shown: Heatmap, width: int, height: int) -> np.ndarray:
    """A mask of the pixels where no line of equal evidence is drawn."""
    return np.abs(layer(shown, width, height)[1] - cover_naively(shown, width, height)) < 1e-6


@pytest.mark.parametrize("opacity", [0.3, 0.6, 1.0])
def test_the_more_evidence_the_more_a_pixel_is_covered(opacity: float) -> None:
    shown, free = random_map(), beside_lines(random_map(), 300, 200)
    dark, light = (np.full((200, 300, 3), level, np.uint8) for level in (10, 210))
    cover = opacity * cover_naively(shown, 300, 200)[..., None]
    difference = overlay(shown, light, opacity).astype(float) - overlay(shown, dark, opacity)
    assert free.mean() > 0.5
    assert np.abs(difference - 200 * (1 - cover))[free].max() <= 1


def test_the_colours_depend_on_the_map_and_never_on_the_photo() -> None:
    shown, free = random_map(), beside_lines(random_map(), 300, 200)
    for seed in range(3):
        part = noise(200, 300, seed)
        cover = 0.6 * cover_naively(shown, 300, 200)[..., None]
        colours = picture(shown, 300, 200)[:, :-BAR]
        expected = part * (1 - cover) + colours * cover
        assert np.abs(overlay(shown, part) - expected)[free].max() <= 0.51


@pytest.mark.parametrize("ground", [0, 255])
def test_lines_of_equal_evidence_are_seen_on_black_and_on_white(ground: int) -> None:
    """Evidence falls from left to right, so that a line of each level stands at its place."""
    shown = heatmap(np.linspace(1, 0, 101, dtype=np.float32)[None].repeat(2, axis=0))
    row = overlay(shown, np.full((50, 404, 3), ground, np.uint8), 1.0)[25].astype(int)
    values = strength(shown, 404, 50)[25]
    for level in LEVELS:
        at = int((values >= level).sum()) - 1
        near = row[at - 3 : at + 4]
        assert (near > 200).all(axis=1).any()
        assert (near < 60).all(axis=1).sum() >= 2
    assert not beside_lines(shown, 404, 50)[25][: int((values >= LEVELS[0]).sum())].all()
    assert beside_lines(shown, 404, 50)[25][values < LEVELS[0] - 0.02].all()


def test_the_scale_is_the_models_so_twice_the_evidence_looks_stronger() -> None:
    raw = np.random.default_rng(0).random((4, 5))
    once, twice = heatmap(raw, full_scale=3.0), heatmap(2 * raw, full_scale=3.0)
    part = noise(20, 30)
    np.testing.assert_allclose(strength(twice, 30, 20), 2 * strength(once, 30, 20), rtol=1e-6)
    assert not np.array_equal(picture(once, 30, 20)[:, :-BAR], picture(twice, 30, 20)[:, :-BAR])
    assert not np.array_equal(overlay(once, part), overlay(twice, part))
    same_share = heatmap(2 * raw, full_scale=6.0)
    assert np.array_equal(overlay(same_share, part), overlay(once, part))


def test_evidence_beyond_full_scale_has_the_last_colour() -> None:
    assert np.array_equal(
        picture(heatmap([[5.0]], full_scale=1.0), 3, 40)[:, :-BAR], picture(heatmap([[1.0]]), 3, 40)[:, :-BAR]
    )


def test_a_map_without_evidence_says_so_and_leaves_the_photo() -> None:
    part = noise(20, 30)
    empty = heatmap(np.zeros((4, 4)))
    assert not empty.shows_evidence
    assert np.array_equal(overlay(empty, part), part)
    assert len(np.unique(picture(empty, 30, 20)[:, :-BAR].reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize(("width", "height"), [(30, 200), (200, 30), (1, 1), (3, 25), (56, 448)])
def test_pictures_have_the_size_of_the_part_and_a_bar(width: int, height: int) -> None:
    shown = random_map()
    assert overlay(shown, noise(height, width)).shape == (height, width, 3)
    assert colour_bar(shown, height).shape == (height, BAR, 3)
    drawn = picture(shown, width, height)
    assert drawn.shape == (height, width + BAR, 3)
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn[:, width:], colour_bar(shown, height))


def test_the_bar_runs_from_no_evidence_below_to_full_scale_above() -> None:
    bar = colour_bar(random_map(), 200)
    colours = bar[12:188, 16]
    nothing, everything = (picture(heatmap([[value]]), 1, 200)[0, 0] for value in (0.0, 1.0))
    assert colours[0].tolist() == everything.tolist()
    assert colours[-1].tolist() == nothing.tolist()
    assert (np.diff(colours.astype(int).sum(axis=1)) <= 0).all(), "the scale brightens upwards"


@pytest.mark.parametrize(("peak", "row"), [(0.0, 188), (0.25, 144), (0.5, 100), (1.0, 12), (7.0, 12)])
def test_the_bar_is_marked_at_the_peak(peak: float, row: int) -> None:
    """The mark's tip points at the peak, from just right of the colours."""
    bar = colour_bar(heatmap([[peak]]), 200)
    tip = np.nonzero((bar[:, 25] < 128).all(axis=1))[0]
    assert tip.tolist() == [row]
