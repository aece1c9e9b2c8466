"""Where an exhibit is handed in: one drop zone, the upright picture to draw a crop on, the crop in numbers.

The file keeps its bytes on the way to the examiner; the picture that is shown is for drawing only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio_image_annotation import image_annotator

from inference.exhibit import read_exhibit
from inference.records import Crop, Exhibit, Find, Refusal
from ui.bench import parse_crop
from ui.markup import render
from ui.pictures import jpeg, numbered, png_address, reduced
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


def _nothing(exhibit: Exhibit) -> Sequence[Find]:  # noqa: ARG001 - as a locator is asked
    return ()


class ExhibitInput:
    """The part of a page where one exhibit is handed in; made inside a `gr.Blocks`.

    Args:
        noun: What is handed in, such as "photo".
        name: Distinguishes its elements on the page.
        find: What is found on an exhibit, and drawn on its picture with numbers from 1.

    Attributes:
        file: Path of the file as it was handed in.
        crop: The crop as `x,y,width,height`, with or without a turn in degrees; empty for the whole picture.
        canvas: The upright picture with the box, or nothing.
        shown: What `show` makes.
    """

    def __init__(self, noun: str, name: str, find: Callable[[Exhibit], Sequence[Find]] = _nothing) -> None:
        self._find = find
        self.file = gr.File(
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
        self.shown = [self._cropping, self.canvas, extent, self.crop]
        drawn = [self.canvas, extent, self.crop]
        self.canvas.change(None, drawn, self.crop, js=_BOX_TO_CROP, api_visibility="private")
        self.crop.submit(self.draw, [self.file, self.crop], self.canvas, concurrency_id="model", **private)
        self.crop.change(self.cut_out, [self.file, self.crop], cut_out, concurrency_id="model", **private)
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

    def show(self, file: str | None, crop: Crop | None = None) -> list[Any]:
        """The upright picture of the file at a path, with a box on it; nothing for a file that is refused."""
        try:
            exhibit = read_exhibit(Path(file)) if file else None
        except Refusal as refusal:
            # The result states it; here there is simply nothing to draw on.
            logger.info("%s", refusal)
            exhibit = None
        if exhibit is None:
            return [gr.Column(visible=False), None, "", ""]
        extent = f"{exhibit.width},{exhibit.height}"
        return [gr.Column(visible=True), self._drawing(exhibit, crop), extent, str(crop) if crop else ""]

    def draw(self, file: str | None, crop: str | None) -> Any:
        """The box that stands for a crop in numbers; nothing new while they make none."""
        if not file:
            return None
        try:
            return self._drawing(read_exhibit(Path(file)), parse_crop(crop))
        except Refusal:
            # Examining states it.
            return gr.skip()

    def cut_out(self, file: str | None, crop: str | None) -> str:
        """The part that a crop stands for, turned upright, as HTML; nothing for the whole picture or no crop."""
        try:
            box = parse_crop(crop)
            if not file or box is None:
                return ""
            part = read_exhibit(Path(file)).crop(box)
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


def handed_in(file: str | None, missing: str) -> Exhibit:
    """The exhibit at the path the page gives.

    Raises:
        Refusal: with the sentence `missing` where there is none, or why it is not examined.
    """
    if not file:
        raise Refusal(missing)
    return read_exhibit(Path(file))
