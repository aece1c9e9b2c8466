"""The scope: which parts are judged at all, at the edges of each check."""

from __future__ import annotations

import dataclasses
import io
import math
import statistics

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.planes import Planes
from inference.records import CheckStatus, ScopeCheck
from inference.scope import measures
from inference.scope.checks import physical_checks, refusal

SIZE = 64


def busy(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def dotted(low: int, high: int, channel: int | None = None) -> np.ndarray:
    """Half of the pixels low, half high, in one channel or in all."""
    part = np.full((40, 40, 3), low, np.uint8)
    part[::2, :, slice(None) if channel is None else channel] = high
    return part


@pytest.mark.parametrize(
    ("height", "width", "status"),
    [
        (3, 3, "refuse"),
        (7, 7, "refuse"),
        (7, 1, "refuse"),
        (8, 8, "warn"),
        (1, 8, "warn"),
        (8, 1, "warn"),
        (31, 20, "warn"),
        (32, 1, "ok"),
        (20, 32, "ok"),
        (64, 64, "ok"),
        (300, 500, "ok"),
    ],
)
def test_the_resolution_is_judged_by_the_long_side(height: int, width: int, status: CheckStatus) -> None:
    resolution, _ = physical_checks(Planes(busy(height, width)), SIZE)
    assert (resolution.name, resolution.status, resolution.value) == ("resolution", status, max(height, width))
    assert str(max(height, width)) in resolution.text


@pytest.mark.parametrize("size", [32, 448])
def test_what_is_too_small_depends_on_what_the_network_sees(size: int) -> None:
    edge = size // 8
    statuses = [physical_checks(Planes(busy(side, side)), size)[0].status for side in (edge - 1, edge)]
    assert statuses == ["refuse", "warn"]


@pytest.mark.parametrize(
    ("part", "status"),
    [
        (dotted(0, 0), "refuse"),
        (dotted(255, 255), "refuse"),
        (dotted(120, 123), "refuse"),
        (dotted(120, 124), "ok"),
        (dotted(120, 124, channel=2), "ok"),
        (dotted(120, 123, channel=0), "refuse"),
        (busy(40, 40), "ok"),
    ],
    ids=["black", "white", "faint", "visible", "in blue only", "faint in red", "busy"],
)
def test_a_blank_part_is_refused(part: np.ndarray, status: CheckStatus) -> None:
    _, content = physical_checks(Planes(part), SIZE)
    spread = max(statistics.pstdev(part[:, :, channel].ravel().tolist()) for channel in range(3))
    assert (content.name, content.status) == ("content", status)
    assert content.value == pytest.approx(spread)


def test_the_sentence_of_a_refusal_says_what_to_do() -> None:
    tiny, blank = busy(3, 3), np.zeros((64, 64, 3), np.uint8)
    assert refusal(physical_checks(Planes(tiny), SIZE)) == (
        "The part is only 3 pixels long, too few to judge; photograph it closer."
    )
    assert refusal(physical_checks(Planes(blank), SIZE)) == (
        "The part is blank (its values spread by 0.0 of 255); choose a picture that shows something."
    )


OK, WARN = ScopeCheck("content", "ok", 0.0, "A"), ScopeCheck("resolution", "warn", 0.0, "B")
REFUSE, REFUSE_TOO = ScopeCheck("content", "refuse", 0.0, "C"), ScopeCheck("resolution", "refuse", 0.0, "D")


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        ([], None),
        ([OK], None),
        ([OK, WARN], None),
        ([WARN, REFUSE], "C"),
        ([OK, REFUSE_TOO, REFUSE], "D"),
    ],
)
def test_the_first_refusal_puts_a_part_out_of_scope(checks: list[ScopeCheck], text: str | None) -> None:
    assert refusal(checks) == text


def ringed(height: int = 120, width: int = 160) -> np.ndarray:
    """A sharp picture of discs and bars on an even ground."""
    rows, columns = np.mgrid[:height, :width]
    inked = (np.hypot(rows - 60, columns - 50) < 35) | ((columns > 100) & (columns // 12 % 2 == 0))
    return np.where(inked[..., None], (40, 60, 90), (200, 190, 170)).astype(np.uint8)


def smoothed(part: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(part, (0, 0), sigma).astype(np.uint8)


def test_blur_grows_with_blurring_of_coarse_and_of_fine_things() -> None:
    for part in (ringed(), ringed(240, 320)[::2, ::2]):
        grades = [measures.blur(Planes(part)), *(measures.blur(Planes(smoothed(part, sigma))) for sigma in (1, 2, 4))]
        assert grades == sorted(grades)
        assert 0 <= grades[0] < 0.4 < 0.6 < grades[-1] <= 1
    assert measures.blur(Planes(np.zeros((40, 40, 3), np.uint8))) == 1


def test_blur_is_the_same_turned_by_a_right_angle_and_taken_at_a_fixed_scale() -> None:
    part = smoothed(ringed(), 2)
    assert measures.blur(Planes(np.rot90(part).copy())) == pytest.approx(measures.blur(Planes(part)), abs=0.02)
    large = np.asarray(Image.fromarray(ringed()).resize((1792, 1344), Image.Resampling.BICUBIC))
    at_scale = np.asarray(Image.fromarray(ringed()).resize((448, 336), Image.Resampling.BICUBIC))
    assert measures.blur(Planes(large)) == pytest.approx(measures.blur(Planes(at_scale)), abs=0.05)


@pytest.mark.parametrize(
    ("value", "share"), [(0, 0.25), (2, 0.25), (3, 0.0), (252, 0.0), (253, 0.25), (255, 0.25)], ids=str
)
def test_clipped_is_the_share_of_pixels_without_anything_left(value: int, share: float) -> None:
    part = np.full((20, 20, 3), 128, np.uint8)
    part[:10, :10] = value
    assert measures.clipped(Planes(part)) == share
    part[:10, :10, 1] = 128
    assert measures.clipped(Planes(part)) == 0


@pytest.mark.parametrize("period", [2.7, 4, 6, 9], ids="{} pixels".format)
@pytest.mark.parametrize("degrees", [20, 45, 110], ids="{} degrees".format)
def test_the_stronger_a_raster_the_higher_its_peak_in_the_spectrum(period: float, degrees: float) -> None:
    rows, columns = np.mgrid[:200, :240]
    part = cv2.resize(ringed(), (240, 200)).astype(float) + np.random.default_rng(0).normal(0, 6, (200, 240, 1))
    along = rows * math.sin(math.radians(degrees)) + columns * math.cos(math.radians(degrees))
    raster = np.sin(2 * np.pi * along / period)[..., None]
    screened = [np.clip(part + strength * raster, 0, 255).astype(np.uint8) for strength in (0, 4, 12, 24)]
    heights = [measures.moire(Planes(picture)) for picture in screened]
    assert heights[0] < 2.2
    assert np.diff(heights[1:]).min() > 0.3
    assert heights[-1] > 3
    assert measures.moire(Planes(screened[-1][:63])) == 0


@pytest.mark.parametrize("offset", [0, 3])
def test_coarse_jpeg_leaves_a_grid_that_outlives_the_file(offset: int) -> None:
    soft = smoothed(busy(160, 200), 3)
    file = io.BytesIO()
    Image.fromarray(soft).save(file, "JPEG", quality=10)
    coarse = np.asarray(Image.open(file))[offset:, offset:]
    assert measures.blocks(Planes(soft)) < 1.2 < 1.5 < measures.blocks(Planes(coarse))


def test_stripes_and_small_parts_have_no_grid() -> None:
    stripes = np.broadcast_to((np.arange(160) // 8 % 2 * 200)[None, :, None], (120, 160, 3)).astype(np.uint8)
    assert measures.blocks(Planes(stripes)) == measures.blocks(Planes(busy(60, 60))) == 1
    assert measures.blocks(Planes(np.full((200, 200, 3), 7, np.uint8))) == 1


@pytest.mark.parametrize("spread", [0, 4, 8, 16, 40])
def test_noise_is_measured_where_nothing_else_is(spread: int) -> None:
    grains = np.random.default_rng(0).normal(0, spread, (120, 160, 1))
    noisy = np.clip(ringed() * 0.6 + 60 + grains, 0, 255).astype(np.uint8)
    assert measures.noise(Planes(noisy)) == pytest.approx(spread, rel=0.25, abs=0.5)
    assert measures.noise(Planes(np.full((1, 1, 3), 9, np.uint8))) == 0


def test_colours_are_those_that_most_pixels_have() -> None:
    mark = np.full((20, 20, 3), 255, np.uint8)
    mark[:5, :12] = (200, 30, 30)
    mark[5, :19] = np.arange(19, dtype=np.uint8)[:, None] * 13
    assert measures.colours(Planes(mark)) == 2
    assert measures.colours(Planes(busy(200, 200))) > 1000


@pytest.mark.parametrize(("usual", "status"), [(0.04, "warn"), (0.08, "warn"), (0.1, "ok"), (0.12, "ok")], ids=str)
def test_an_unusual_measure_warns_and_says_what_to_do(usual: float, status: CheckStatus) -> None:
    part = np.full((20, 20, 3), 128, np.uint8)
    part[:4, :10] = 255
    check = measures.MEASURES["exposure"].check("exposure", Planes(part), usual)
    stated = f"10.0% of the part is black or white beyond recovery; in training it was up to {usual:.1%}"
    advice = ": photograph it in even light." if status == "warn" else "."
    assert check == ScopeCheck("exposure", status, 0.1, stated + advice)


@pytest.mark.parametrize(
    ("rows", "usual", "status"),
    [(4, 0.01, "warn"), (5, 0.01, "refuse"), (5, 0.19, "refuse"), (5, 0.2, "warn"), (20, 0.5, "refuse")],
    ids=str,
)
@pytest.mark.parametrize("value", [0, 255])
def test_a_part_that_lost_more_than_a_fifth_is_refused(
    value: int, rows: int, usual: float, status: CheckStatus
) -> None:
    part = np.full((20, 20, 3), 128, np.uint8)
    part[:rows] = value
    assert measures.MEASURES["exposure"].check("exposure", Planes(part), usual).status == status


def test_what_is_harmless_is_never_warned_of() -> None:
    part = np.full((20, 20, 3), 128, np.uint8)
    part[0, :8] = 255
    assert measures.MEASURES["exposure"].check("exposure", Planes(part), 0.0).status == "ok"


@pytest.mark.parametrize(
    ("value", "usual", "status"),
    [
        (3.0, 1.0, "warn"),
        (3.01, 1.0, "refuse"),
        (3.01, 2.3, "refuse"),
        (3.01, 2.5, "warn"),  # training photos that come near it themselves
        (3.2, 2.5, "refuse"),
        (1.9, 1.0, "ok"),
    ],
)
def test_what_is_far_beyond_any_training_photo_is_refused(value: float, usual: float, status: CheckStatus) -> None:
    measure = dataclasses.replace(measures.MEASURES["moire"], of=lambda _: value)
    check = measure.check("moire", busy(40, 40), usual)
    assert check.status == status
    assert ("too far to judge; it may be a photo of a screen" in check.text) == (status == "refuse")
