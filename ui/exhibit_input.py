"""Where an exhibit is handed in: one drop zone, the upright picture to draw a crop on, the crop in numbers.

The file keeps its bytes on the way to the examiner; the picture that is shown is for drawing only.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, get_args

import gradio as gr
from gradio_image_annotation import image_annotator

from inference.drawing import numbered
from inference.intake.grounds import read_laid_on
from inference.records import Crop, Detection, Exhibit, Ground, Refusal
from ui.file_names import file_input, given_name
from ui.markup import render
from ui.pictures import jpeg, png_address, reduced
from ui.served_files import served_file

logger = logging.getLogger(__name__)

# Runs in the browser. The annotator counts in pixels of its canvas, and a box may end just outside the
# picture; a box without area is a click.
_BOX_TO_CROP = """(drawn, extent, crop) => {
    const box = drawn?.boxes?.[0];
    if (!box || !extent) return "";
    const [width, height] = extent.split(",").map(Number);
    const scale = box.scaleFactor ?? 1;
    const within = (value, end) => Math.min(Math.max(Math.round(value / scale), 0), end);
    const [left, top] = [within(box.xmin, width), within(box.ymin, height)];
    const [right, bottom] = [within(box.xmax, width), within(box.ymax, height)];
    if (right - left < 2 || bottom - top < 2) return "";
    const turn = crop.split(",").slice(4);
    return [left, top, right - left, bottom - top, ...turn].join(",");
}"""

# A picture that is examined whole gets a crop of its size, for the turn to stand in.
_TURN = """(crop, extent) => {
    if (!extent) return crop;
    const whole = ["0", "0", ...extent.split(",")];
    const [x, y, width, height, turn] = crop.trim() ? crop.split(",") : whole;
    if (height === undefined) return crop;
    const turned = (Number(turn ?? 0) + DEGREES + 360) % 360;
    const box = [x, y, width, height];
    if (turned) return [...box, turned].join(",");
    return box.join(",") === whole.join(",") ? "" : box.join(",");
}"""

# A new box can be drawn after it.
_WHOLE_PICTURE = """(drawn) => {
    document.querySelector("#NAME-canvas [aria-label='Create box']")?.click();
    return [drawn ? {...drawn, boxes: []} : null, ""];
}"""


_GROUNDS = [("Left open", ""), *((ground.capitalize(), ground) for ground in get_args(Ground))]


def _nothing(exhibit: Exhibit) -> Sequence[Detection]:  # noqa: ARG001 - as a locator is asked
    return ()


class ExhibitInput:
    """The part of a page where one exhibit is handed in; made inside a `gr.Blocks`.

    Args:
        noun: What is handed in, such as "photo".
        name: Distinguishes its elements on the page.
        find: What is found on an exhibit, and drawn on its picture with numbers from 1.

    Attributes:
        file: The file as it was handed in, with its name.
        crop: The crop as `x,y,width,height`, with or without a turn in degrees; empty for the whole picture.
        ground: What its transparent parts are laid on: white, black, grey, or empty for what Assay chooses; hidden
            where nothing is transparent.
        canvas: The upright picture with the box, or nothing.
        shown: What `show` makes.
        captured: A picture was taken.
        laid: Another ground was chosen, and the picture is drawn on it.
    """

    def __init__(self, noun: str, name: str, find: Callable[[Exhibit], Sequence[Detection]] = _nothing) -> None:
        self._find = find
        self.file = file_input(
            label=f"{noun}: drop, browse or paste",
            height=150,
            elem_id=f"{name}-file",
            elem_classes="drop",
        )
        with gr.Accordion("Use the camera", open=False):
            camera = gr.Image(
                sources=["webcam"],
                type="filepath",
                image_mode=None,
                format="png",
                label=f"{noun} by camera",
                elem_id=f"{name}-camera",
            )
        with gr.Column(visible=False, elem_id=f"{name}-cropping", elem_classes="cropping") as self._cropping:
            gr.HTML("Upright picture. Drag a box around the part to examine.", elem_classes="hint")
            self.canvas = image_annotator(
                label=f"{noun}, upright, with the box around the part to examine",
                show_label=False,
                container=False,
                enable_keyboard_shortcuts=False,
                single_box=True,
                disable_edit_boxes=True,
                label_list=["part"],
                label_colors=["#00b4e6"],
                use_default_label=True,
                boxes_alpha=0.08,
                box_thickness=2,
                box_selected_thickness=2,
                handle_size=10,
                box_min_size=2,
                sources=[],
                show_download_button=False,
                show_clear_button=False,
                show_share_button=False,
                elem_id=f"{name}-canvas",
                elem_classes="canvas",
            )
            self.ground = gr.Radio(
                _GROUNDS,
                value="",
                label=f"{noun}: ground of its transparent parts",
                visible=False,
                elem_id=f"{name}-ground",
                elem_classes="ground",
            )
            with gr.Row(equal_height=True, elem_classes="crop-row"):
                self.crop = gr.Textbox(
                    label="Crop: x, y, width, height, turn",
                    placeholder="whole picture",
                    max_lines=1,
                    min_width=180,
                    scale=3,
                    elem_id=f"{name}-crop",
                )
                whole = gr.Button("Whole picture", size="sm", min_width=110, scale=1, elem_id=f"{name}-whole")
            with gr.Row(elem_classes="turn-row"):
                left = gr.Button("↺ Turn left", size="sm", min_width=110, elem_id=f"{name}-turn-left")
                right = gr.Button("↻ Turn right", size="sm", min_width=110, elem_id=f"{name}-turn-right")
            cut_out = gr.HTML("", elem_id=f"{name}-cut-out", elem_classes="cut-out")
            extent = gr.Textbox(label="Size of the picture", elem_classes="extent")

        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.shown = [self._cropping, self.canvas, extent, self.crop, self.ground]
        stated = [self.file, self.crop, self.ground]
        drawn = [self.canvas, extent, self.crop]
        self.canvas.change(None, drawn, self.crop, js=_BOX_TO_CROP, api_visibility="private")
        self.crop.submit(self.draw, stated, self.canvas, concurrency_id="model", **private)
        self.crop.change(self.cut_out, stated, cut_out, concurrency_id="model", **private)
        laid = [self.canvas, self.ground, cut_out]
        self.laid = self.ground.input(self.lay, stated, laid, concurrency_id="model", **private)
        for button, degrees in ((left, "-90"), (right, "90")):
            js = _TURN.replace("DEGREES", degrees)
            button.click(None, [self.crop, extent], self.crop, js=js, api_visibility="private")
        whole.click(
            None,
            self.canvas,
            [self.canvas, self.crop],
            js=_WHOLE_PICTURE.replace("NAME", name),
            api_visibility="private",
        )
        self.captured = camera.input(lambda path: path, camera, self.file, concurrency_id="model", **private)

    def read(self, file: str | None, ground: str = "") -> Exhibit | None:
        """The exhibit to draw; None where there is none, or it is refused."""
        try:
            return handed_in(file, ground, "") if file else None
        except Refusal as refusal:
            # The result states it; here there is simply nothing to draw.
            logger.info("%s", refusal)
            return None

    def show(self, file: str | None, crop: Crop | None = None) -> list[Any]:
        """The upright picture of a file that was handed in, with a box on it; nothing for one that is refused."""
        exhibit = self.read(file)
        if exhibit is None:
            return [gr.Column(visible=False), None, "", "", _ground(None)]
        extent = f"{exhibit.width},{exhibit.height}"
        drawing = self._drawing(exhibit, crop)
        return [gr.Column(visible=True), drawing, extent, str(crop) if crop else "", _ground(exhibit)]

    def lay(self, file: str | None, crop: str | None, ground: str) -> list[Any]:
        """The picture on another ground, what it is laid on, and its cut-out; see `draw` and `cut_out`."""
        exhibit = self.read(file, ground)
        return [self.draw(file, crop, ground), _ground(exhibit), self.cut_out(file, crop, ground)]

    def draw(self, file: str | None, crop: str | None, ground: str) -> Any:
        """The box that stands for a crop in numbers; nothing new while they make none."""
        exhibit = self.read(file, ground)
        if exhibit is None:
            return gr.skip() if file else None
        try:
            return self._drawing(exhibit, parse_crop(crop))
        except Refusal:
            # Examining states it.
            return gr.skip()

    def cut_out(self, file: str | None, crop: str | None, ground: str) -> str:
        """The part that a crop stands for, turned upright, as HTML; nothing for the whole picture or no crop."""
        exhibit = self.read(file, ground)
        try:
            box = parse_crop(crop)
            if exhibit is None or box is None:
                return ""
            part = exhibit.crop(box)
        except Refusal:
            # Examining states it.
            return ""
        return render("cut_out.html", picture=png_address(reduced(part)), width=part.shape[1], height=part.shape[0])

    def _drawing(self, exhibit: Exhibit, crop: Crop | None) -> dict[str, Any]:
        """What the annotator takes: a picture, with what was found on it, and the box."""
        boxes = (
            [{"xmin": crop.x, "ymin": crop.y, "xmax": crop.x + crop.width, "ymax": crop.y + crop.height}]
            if crop
            else []
        )
        pixels = numbered(exhibit.pixels, self._find(exhibit))
        drawing = served_file(jpeg(pixels), "upright.jpeg", self.canvas.GRADIO_CACHE)
        return {"image": drawing, "boxes": boxes}


HELD_BYTES = 300_000_000
"""How much memory the exhibits that were read last may take: one upload is read once, and asked for several times."""
_RECENT: OrderedDict[tuple[Any, ...], Exhibit] = OrderedDict()
_READING = Lock()


def handed_in(file: str | None, ground: str | None, missing: str) -> Exhibit:
    """The exhibit at the path the page gives, its transparent parts on a ground; empty for what Assay chooses.

    Its name is the one that was given with the path, or else the path's own.

    Raises:
        Refusal: with the sentence `missing` where there is none, or why it is not examined.
    """
    if not file:
        raise Refusal(missing)
    path, name = Path(file), given_name(file)
    asked = path, name, ground or None, _state(path)
    with _READING:
        if asked in _RECENT:
            _RECENT.move_to_end(asked)
            return _RECENT[asked]
    exhibit = read_laid_on(path, ground or None, name)
    with _READING:
        _RECENT[asked] = exhibit
        while sum(held.pixels.nbytes + held.size_bytes for held in _RECENT.values()) > HELD_BYTES:
            _RECENT.popitem(last=False)
    return exhibit


def _state(path: Path) -> tuple[int, int] | None:
    """What changes with a file; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        # Reading it states why.
        return None
    return found.st_mtime_ns, found.st_size


def _ground(exhibit: Exhibit | None) -> gr.Radio:
    """What an exhibit is laid on, to be seen and changed; hidden where nothing of it is transparent."""
    if exhibit is None or exhibit.ground is None:
        return gr.Radio(value="", visible=False)
    by_examiner = exhibit.ground_by == "examiner"
    why = "as the examiner chose" if by_examiner else "from which it stands out most"
    value = exhibit.ground if by_examiner else ""
    return gr.Radio(value=value, info=f"Laid on {exhibit.ground}, {why}.", visible=True)


def parse_crop(text: str | None) -> Crop | None:
    """A crop as `Crop.parse` reads it, in pixels of the upright picture; None for an empty text, the whole picture.

    Raises:
        Refusal: if it is no crop.
    """
    return Crop.parse(text) if text and text.strip() else None
