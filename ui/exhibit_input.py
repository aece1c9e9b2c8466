"""The input of an exhibit: one drop zone, the upright picture for drawing a crop, and the crop in numbers.

The file keeps its bytes on the way to the examiner; the shown picture is for drawing only.
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

# Runs in the browser. The annotator counts in pixels of its canvas, and a box may end just outside the picture.
# A box without area is a click.
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

# A whole picture gets a crop of its size, which then states the turn.
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

# Afterwards a new box can be drawn.
_WHOLE_PICTURE = """(drawn) => {
    document.querySelector("#NAME-canvas [aria-label='Create box']")?.click();
    return [drawn ? {...drawn, boxes: []} : null, ""];
}"""


_GROUNDS = [("Left open", ""), *((ground.capitalize(), ground) for ground in get_args(Ground))]


def _nothing(exhibit: Exhibit) -> Sequence[Detection]:  # noqa: ARG001 - the signature of a locator
    return ()


class ExhibitInput:
    """The section of a page that takes one exhibit; made inside a `gr.Blocks`.

    Args:
        noun: Name of what is handed in, such as "photo".
        name: Prefix of its elements' ids on the page.
        find: Gives the detections on an exhibit, which are drawn on its picture with numbers from 1.

    Attributes:
        file: The file as it was handed in, with its name.
        crop: The crop as `x,y,width,height`, with or without a turn in degrees; empty for the whole picture.
        ground: Ground under its transparent areas: white, black, grey, or empty for Assay's choice; hidden if nothing
            is transparent.
        canvas: The upright picture with the box, or nothing.
        shown: The outputs of `show`.
        captured: The event of a picture taken with the camera.
        cropped: The event of another crop, after it was cut out.
        laid: The event of another ground, after the picture was drawn on it.
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
                label=f"{noun}: ground under its transparent areas",
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
        self.cropped = self.crop.change(self.cut_out, stated, cut_out, concurrency_id="model", **private)
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
        """The exhibit to draw; None if there is none, or it is refused."""
        try:
            return handed_in(file, ground, "") if file else None
        except Refusal as refusal:
            # The result states the refusal; here there is nothing to draw.
            logger.info("%s", refusal)
            return None

    def show(self, file: str | None, crop: Crop | None = None) -> list[Any]:
        """The upright picture of a handed-in file with a box on it; nothing for a refused file."""
        exhibit = self.read(file)
        if exhibit is None:
            return [gr.Column(visible=False), None, "", "", _ground(None)]
        extent = f"{exhibit.width},{exhibit.height}"
        drawing = self._drawing(exhibit, crop)
        return [gr.Column(visible=True), drawing, extent, str(crop) if crop else "", _ground(exhibit)]

    def lay(self, file: str | None, crop: str | None, ground: str) -> list[Any]:
        """The picture on another ground, that ground, and the cut-out; see `draw` and `cut_out`."""
        exhibit = self.read(file, ground)
        return [self.draw(file, crop, ground), _ground(exhibit), self.cut_out(file, crop, ground)]

    def draw(self, file: str | None, crop: str | None, ground: str) -> Any:
        """The box for a crop in numbers; no change while the numbers make no crop."""
        exhibit = self.read(file, ground)
        if exhibit is None:
            return gr.skip() if file else None
        try:
            return self._drawing(exhibit, parse_crop(crop))
        except Refusal:
            # The examination states the refusal.
            return gr.skip()

    def cut_out(self, file: str | None, crop: str | None, ground: str) -> str:
        """The cut-out of a crop, turned upright, as HTML; empty for the whole picture or an unreadable crop."""
        exhibit = self.read(file, ground)
        try:
            box = parse_crop(crop)
            if exhibit is None or box is None:
                return ""
            part = exhibit.crop(box)
        except Refusal:
            # The examination states the refusal.
            return ""
        return render("cut_out.html", picture=png_address(reduced(part)), width=part.shape[1], height=part.shape[0])

    def _drawing(self, exhibit: Exhibit, crop: Crop | None) -> dict[str, Any]:
        """The annotator's value: the picture with its detections, and the box."""
        boxes = (
            [{"xmin": crop.x, "ymin": crop.y, "xmax": crop.x + crop.width, "ymax": crop.y + crop.height}]
            if crop
            else []
        )
        pixels = numbered(exhibit.pixels, [find.crop for find in self._find(exhibit)])
        drawing = served_file(jpeg(pixels), "upright.jpeg", self.canvas.GRADIO_CACHE)
        return {"image": drawing, "boxes": boxes}


HELD, HELD_BYTES = 32, 300_000_000
"""Most exhibits read last, and most bytes of them, that are kept because one upload is requested several times."""
_RECENT: OrderedDict[tuple[Any, ...], Exhibit] = OrderedDict()
_READING = Lock()


def handed_in(file: str | None, ground: str | None, missing: str) -> Exhibit:
    """The exhibit at a path from the page, its transparent areas on a ground; an empty one leaves the choice to Assay.

    Its name is the one given with the path, or else that of the path.

    Raises:
        Refusal: with the sentence `missing` if there is no file, or with why it is not examined.
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
        while len(_RECENT) > HELD or sum(one.pixels.nbytes + one.size_bytes for one in _RECENT.values()) > HELD_BYTES:
            _RECENT.popitem(last=False)
    return exhibit


def _state(path: Path) -> tuple[int, int] | None:
    """Size and time of a file, which change with it; None if there is no file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        # Reading the file states why.
        return None
    return found.st_mtime_ns, found.st_size


def _ground(exhibit: Exhibit | None) -> gr.Radio:
    """The choice of an exhibit's ground; hidden if nothing is transparent."""
    if exhibit is None or exhibit.ground is None:
        return gr.Radio(value="", visible=False)
    by_examiner = exhibit.ground_by == "examiner"
    why = "as the examiner chose" if by_examiner else "from which it stands out most"
    value = exhibit.ground if by_examiner else ""
    return gr.Radio(value=value, info=f"Laid on {exhibit.ground}, {why}.", visible=True)


def parse_crop(text: str | None) -> Crop | None:
    """A crop as `Crop.parse` reads it, in pixels of the upright picture; None, the whole picture, for an empty text.

    Raises:
        Refusal: if the text is not a crop.
    """
    return Crop.parse(text) if text and text.strip() else None
