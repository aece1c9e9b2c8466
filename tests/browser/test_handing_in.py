"""How files come onto the bench: under their own names, and one at a time."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import gradio_client
import numpy as np
import pytest
from PIL import Image

from inference.command_line import commands

NAMES = {
    "photo (1)[2]{3}!.jpg": "photo (1)[2]{3}!.jpg",
    "a\\b.jpg": "b.jpg",
    "müller öäü ß.jpg": "müller öäü ß.jpg",
    "標章 商标 상표.jpg": "標章 商标 상표.jpg",
    "🔍🧵.jpg": "🔍🧵.jpg",
    "x" * 240 + ".jpg": "x" * 240 + ".jpg",
    ".hidden.jpg": ".hidden.jpg",
    "100%25 of $it & `so`.jpg": "100%25 of $it & `so`.jpg",
    "  two  spaces .jpg": "  two  spaces .jpg",
    'say "so"; name=1.jpg': 'say "so"; name=1.jpg',
    "CON.jpg": "CON.jpg",
    "no ending.": "no ending.",
    "two\nlines\u202egpj.exe.jpg": "two\N{REPLACEMENT CHARACTER}lines\N{REPLACEMENT CHARACTER}gpj.exe.jpg",
}

ZONE = "#photo-file"


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], tiny_models: Path) -> str:
    return serve(tiny_models)


@pytest.fixture(scope="module")
def client(address: str):
    client = gradio_client.Client(address, verbose=False)
    yield client
    client.close()


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((320, 240))


def name_by_command_line(
    photo: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> str:
    command = ["inference", "examine", "--weights", str(weights), "--json", "--", str(photo)]
    monkeypatch.setattr("sys.argv", command)
    assert commands.main() == 0
    printed = capsys.readouterr().out
    # Gradio prints each file of a component that it serves meanwhile.
    record, _ = json.JSONDecoder().raw_decode(printed, printed.index("{\n"))
    return record["exhibit"]["name"]


def name_by_page(page, photo: Path) -> str:
    page.set_input_files(f"{ZONE} input[type=file]", photo)
    page.get_by_text("is read, ").wait_for()
    page.click("#examine")
    page.locator("#verdict [data-announce]").wait_for()
    name = page.locator("#verdict .facts .name").first.text_content()
    page.locator(f"{ZONE} [aria-label=Clear]").click()
    page.get_by_text("No photo yet").wait_for()
    return name


def test_an_exhibit_has_one_name_from_page_api_and_command_line(
    page,
    client,
    picture: Image.Image,
    tiny_models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    found = {}
    for name in NAMES:
        # Names are told apart, not contents.
        photo = tmp_path / name
        picture.save(photo, "JPEG")
        handed = gradio_client.handle_file(str(photo))
        found[name] = (
            name_by_command_line(photo, tiny_models, monkeypatch, capsys),
            client.predict(handed, api_name="/examine")["exhibit"]["name"],
            name_by_page(page, photo),
        )
    assert found == {name: (shown,) * 3 for name, shown in NAMES.items()}


DROP = """([zone, names, how]) => {
    const data = new DataTransfer();
    for (const [name, text] of names) {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, {type: "image/png"}));
    }
    if (how === "paste") {
        document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
        return;
    }
    const target = document.querySelector(`${zone} button`);
    for (const kind of ["dragenter", "dragover", "drop"])
        target.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def hand_in(page, picture: Image.Image, how: str, *names: str) -> None:
    """Drop, or paste, pictures of one content and these names."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    content = base64.b64encode(file.getvalue()).decode()
    page.evaluate(DROP, [ZONE, [[name, content] for name in names], how])


@pytest.mark.parametrize(("how", "said"), [("drop", "dropped"), ("paste", "pasted")])
def test_of_several_files_the_page_says_which_one_is_taken(page, picture: Image.Image, how: str, said: str) -> None:
    uploads = []
    page.on("request", lambda request: "/upload?" in request.url and uploads.append(request.url))
    hand_in(page, picture, how, "one.png", "two.png", "three.png")
    page.get_by_text("one.png is read").wait_for()
    note = page.get_by_role("alert").filter(has_text="files were")
    sentence = f"3 files were {said}; one.png is taken, and no other. Hand in one picture at a time."
    assert note.text_content() == sentence
    assert note.is_visible()
    assert len(uploads) == 1
    page.locator(f"{ZONE} [aria-label=Clear]").click()
    page.get_by_text("No photo yet").wait_for()
    assert note.count() == 0
    hand_in(page, picture, how, "two.png")
    page.get_by_text("two.png is read").wait_for()
    assert note.count() == 0


def test_a_name_cannot_disguise_itself_where_the_page_says_what_is_taken(page, picture: Image.Image) -> None:
    hand_in(page, picture, "drop", "<b>tag\u202egpj</b>.png", "two.png")
    page.get_by_role("alert").filter(has_text="<b>tag\N{REPLACEMENT CHARACTER}gpj</b>.png is taken").wait_for()


def test_the_chooser_lets_one_file_be_chosen(page) -> None:
    assert page.locator(f"{ZONE} input[type=file]").get_attribute("multiple") is None
