from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

VERDICT = "#verdict [data-announce]"
# A model that looks at parts beside a reference has another section of pictures.
HEATMAP = "#verdict .evidence:not(.beside)"
OUTCOMES = re.compile("Genuine|Counterfeit|Inconclusive")


def photo(
    folder: Path, name: str = "part.jpg", mode: str = "RGB", size: tuple[int, int] = (640, 480), **options
) -> Path:
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 255, (size[1] // 20, size[0] // 20, 4), dtype=np.uint8)
    noise[..., 3] |= 128
    path = folder / name
    Image.fromarray(noise).resize(size).convert(mode).save(path, **options)
    return path


def upload(page, path: Path, where: str = "photo") -> None:
    page.set_input_files(f"#{where}-file input[type=file]", path)
    page.locator(f"#{where}-cropping").wait_for()
    page.locator(f"#{where}-canvas canvas").wait_for()
    assert page.get_by_label("Size of the picture").locator("visible=true").count() == 0


def examine(page) -> None:
    page.get_by_text("is read, ").wait_for()
    page.click("#examine")
    page.locator(VERDICT).wait_for()


def download(page, label: str) -> bytes:
    with page.expect_download() as waiting:
        page.locator("a:visible", has_text=label).first.click()
    return Path(waiting.value.path()).read_bytes()


def record(page) -> dict:
    return json.loads(download(page, "Record (JSON)"))


def test_the_page_says_what_to_do_first(page) -> None:
    assert page.locator("#verdict h2").inner_text() == "No photo yet"
    page.click("#examine")
    assert "There is no photo" in page.locator("#verdict [role=alert]").inner_text()


def test_one_click_on_an_example_examines_it(page) -> None:
    page.locator(".example:visible").first.click()
    page.locator(VERDICT).wait_for()
    assert OUTCOMES.fullmatch(page.locator("#verdict h2").inner_text())
    assert "and is not a probability of either." in page.locator("#verdict").inner_text()
    assert page.locator("#announcer").inner_text().startswith("Verdict: ")
    picture = page.locator(f"{HEATMAP} .heat img")
    assert picture.is_visible()
    assert picture.evaluate("image => image.naturalWidth") > 100


def test_an_upload_is_examined_and_its_record_names_it(page, tmp_path: Path) -> None:
    path = photo(tmp_path)
    upload(page, path)
    examine(page)
    found = record(page)
    assert found["exhibit"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["exhibit"]["name"] == "part.jpg"
    assert found["crop"] is None
    for label in ("Heatmap with scale (PNG)", "Overlay at 60 % (PNG)"):
        assert Image.open(io.BytesIO(download(page, label))).format == "PNG"


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("alpha.png", "RGBA", {}),
        ("grey.jpg", "L", {}),
        ("inks.jpg", "CMYK", {}),
        ("turned.jpg", "RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
        ("pages.tif", "RGB", {}),
        ("plain.bmp", "RGB", {}),
        ("lossy.webp", "RGB", {}),
    ],
)
def test_the_bytes_of_an_upload_are_not_touched(page, tmp_path: Path, name: str, mode: str, options: dict) -> None:
    path = photo(tmp_path, name, mode, **options)
    upload(page, path)
    examine(page)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in page.locator("#verdict .facts .hash").first.text_content()


def test_a_pasted_picture_is_handed_in(page) -> None:
    page.evaluate(
        """async () => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 200 });
            canvas.getContext("2d").fillRect(20, 20, 100, 60);
            const blob = await new Promise((done) => canvas.toBlob(done));
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([blob], "pasted.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }"""
    )
    page.locator("#photo-canvas canvas").wait_for()
    examine(page)
    assert "pasted.png" in page.locator("#verdict .kicker").inner_text()


def test_a_photo_is_taken_with_the_camera(page) -> None:
    page.get_by_role("button", name="Use the camera").first.click()
    camera = page.locator("#photo-camera")
    camera.get_by_role("button", name="Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo-camera video')?.videoWidth > 0")
    page.wait_for_timeout(500)
    camera.get_by_role("button", name="capture").click()
    page.locator("#photo-canvas canvas").wait_for()
    examine(page)


def test_the_slider_fades_the_heatmap(page) -> None:
    page.locator(".example:visible").first.click()
    page.locator(VERDICT).wait_for()
    layer, slider = page.locator(f"{HEATMAP} .layer"), page.get_by_label("Heatmap opacity in per cent")
    before = page.locator(f"{HEATMAP} .stack").screenshot()
    assert layer.evaluate("layer => getComputedStyle(layer).opacity") == "0.6"
    slider.fill("0")
    assert layer.evaluate("layer => getComputedStyle(layer).opacity") == "0"
    assert page.locator(f"{HEATMAP} .opacity output").inner_text() == "0 %"
    assert page.locator(f"{HEATMAP} .stack").screenshot() != before


def test_a_refused_file_says_why_and_loses_nothing_else(page, tmp_path: Path) -> None:
    foreign = tmp_path / "letter.jpg"
    foreign.write_text("not a picture")
    page.set_input_files("#photo-file input[type=file]", foreign)
    alert = page.locator("#verdict [role=alert]")
    alert.wait_for()
    assert "letter.jpg is text" in alert.inner_text()
    assert page.locator("#photo-cropping").is_hidden()
    page.click("#photo-file [aria-label=Clear]")
    page.get_by_text("No photo yet").wait_for()
    upload(page, photo(tmp_path))
    examine(page)


def test_a_box_drawn_on_the_picture_is_the_crop_of_the_record(page, tmp_path: Path) -> None:
    upload(page, photo(tmp_path, size=(1200, 800)))
    drag(page, (0.25, 0.25), (0.75, 0.5))
    page.wait_for_function("document.querySelector('#photo-crop input, #photo-crop textarea').value !== ''")
    # A box that is drawn takes a result away; on a busy machine that comes a moment later.
    page.wait_for_timeout(2500)
    examine(page)
    crop = record(page)["crop"]
    assert [crop["x"], crop["y"], crop["width"], crop["height"]] == pytest.approx([300, 200, 600, 200], abs=8)
    page.click("#photo-whole")
    page.get_by_text("is read, ").wait_for()
    assert page.locator("#photo-crop input, #photo-crop textarea").input_value() == ""
    drag(page, (0.1, 0.1), (0.3, 0.4))
    page.wait_for_function("document.querySelector('#photo-crop input, #photo-crop textarea').value !== ''")


def test_a_crop_in_numbers_is_drawn_and_kept_to_the_pixel(page, tmp_path: Path) -> None:
    upload(page, photo(tmp_path, size=(1200, 800)))
    crop = page.locator("#photo-crop input, #photo-crop textarea")
    crop.fill("301,203,607,211")
    crop.press("Enter")
    page.wait_for_timeout(1500)
    page.set_viewport_size({"width": 1100, "height": 900})
    page.wait_for_timeout(1000)
    assert crop.input_value() == "301,203,607,211"
    examine(page)
    assert list(record(page)["crop"].values()) == [301, 203, 607, 211, 0]


def test_a_crop_that_is_none_is_refused(page, tmp_path: Path) -> None:
    upload(page, photo(tmp_path))
    page.get_by_text("is read, ").wait_for()
    page.locator("#photo-crop input, #photo-crop textarea").fill("left half")
    page.click("#examine")
    page.locator("#verdict [role=alert]").wait_for()
    assert "left half" in page.locator("#verdict [role=alert]").inner_text()


def test_a_verdict_never_stands_beside_another_photo(page, tmp_path: Path) -> None:
    upload(page, photo(tmp_path))
    examine(page)
    page.click("#photo-file [aria-label=Clear]")
    page.get_by_text("No photo yet").wait_for()
    assert page.locator(VERDICT).count() == 0
    upload(page, photo(tmp_path, "other.png"))
    page.get_by_text("other.png is read").wait_for()
    examine(page)
    page.locator("#series input").click()
    page.get_by_role("option").last.click()
    page.get_by_text("is read, ").wait_for()
    assert page.locator(VERDICT).count() == 0
    page.click("#examine")
    page.locator(VERDICT).wait_for()
    assert "Fixed by the examiner" in page.locator("#verdict").inner_text()


def test_an_example_after_a_crop_is_examined_whole(page) -> None:
    page.locator(".example:visible").first.click()
    page.locator(VERDICT).wait_for()
    drag(page, (0.2, 0.2), (0.6, 0.6))
    page.get_by_text("is read, ").wait_for()
    page.locator(".example:visible").nth(1).click()
    page.locator(VERDICT).wait_for()
    page.wait_for_timeout(1500)
    assert page.locator(VERDICT).count() == 1
    assert record(page)["crop"] is None


def test_what_a_file_states_of_itself_stays_text(page, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "<img src=x onerror='window.ran = 1'>${window.ran = 1}{{ran}}"
    upload(page, photo(tmp_path, "a&<b>x.jpg".replace("<", "").replace(">", ""), exif=exif))
    examine(page)
    assert "<img src=x onerror=" in page.locator("#verdict").inner_text()
    assert page.evaluate("window.ran") is None


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    canvas = page.locator("#photo-canvas canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=6)
    page.mouse.up()
