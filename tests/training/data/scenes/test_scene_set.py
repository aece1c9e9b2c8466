"""Scene sets: what a manifest says, and what is wrong with one in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.scenes.scene_set import read_scene_set
from training.data.set_files import DataRefused

HEADER = "path,split,kind,part,left,top,width,height,visible,series,label"
ROWS = (
    "a.png,train,goods,tag,10,20,30,40,1.0,alba,genuine",
    "a.png,train,goods,buckle,50,20,5,6,1.0,,",
    "b.png,val,goods,tag,1,2,3,4,1.0,alba,counterfeit",
    "b.png,val,goods,buckle,5,2,3,4,1.0,alba,counterfeit",
    "c.png,test,goods,tag,1,2,3,4,1.0,alba,counterfeit",
    "c.png,test,goods,buckle,5,2,3,4,1.0,alba,counterfeit",
    "d.png,test,empty,,,,,,,,",
)


def written(folder: Path, header: str = HEADER, rows: tuple[str, ...] = ROWS) -> Path:
    (folder / "manifest.csv").write_text("\n".join([header, *rows]) + "\n")
    for shade, name in enumerate("abcd"):
        Image.new("RGB", (80, 80), (40 * shade,) * 3).save(folder / f"{name}.png")
    return folder


def test_a_manifest_says_what_is_in_each_scene(tmp_path: Path) -> None:
    scenes = read_scene_set(written(tmp_path))
    assert scenes.parts == ("buckle", "tag")
    assert [scene.path.name for scene in scenes.of("test")] == ["c.png", "d.png"]
    first = scenes.of("train")[0]
    assert first.boxes.tolist() == [[10, 20, 40, 60], [50, 20, 55, 26]]
    assert scenes.labels(first).tolist() == [1, 0]
    assert [(part.series, part.label) for part in first.parts] == [("alba", "genuine"), ("", "")]
    empty = scenes.of("test")[1]
    assert (empty.kind, empty.boxes.shape, empty.boxes.dtype) == ("empty", (0, 4), np.float32)


def test_a_lab_needs_no_more_than_boxes(tmp_path: Path) -> None:
    rows = tuple(",".join([*row.split(",")[:2], *row.split(",")[3:8]]) for row in ROWS)
    scenes = read_scene_set(written(tmp_path, "path,split,part,left,top,width,height", rows))
    assert len(scenes.scenes) == 4
    assert scenes.scenes[0].kind == ""


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (HEADER.replace("top", "upper"), ROWS, "lacks the column top"),
        ("", (), "lacks the column path"),
        (HEADER, (*ROWS, "e.png,test,empty,,,,,,,,"), "names e.png, which is not in"),
        (HEADER, (*ROWS, "a.png,val,goods,tag,1,2,3,4,1,,"), "a.png is in two splits"),
        (HEADER, ("a.png,exam,goods,tag,1,2,3,4,1,,",), "The split of a.png is 'exam'; give train, val or test"),
        (HEADER, ("a.png,train,goods,tag,1,2,x,4,1,,",), "is not four whole numbers"),
        (HEADER, ("a.png,train,goods,tag,1,2,0,4,1,,",), "lies outside the photo or is empty"),
        (HEADER, ("a.png,train,goods,tag,-1,2,3,4,1,,",), "lies outside the photo or is empty"),
        (HEADER, ROWS[:5], "has no buckle in its test scenes"),
        (HEADER, ROWS[:2], "has no buckle and no tag in its val scenes"),
        (HEADER, ("a.png,train,empty,,,,,,,,",), "has no part in its train scenes"),
    ],
)
def test_what_is_wrong_is_said_before_training(tmp_path: Path, header: str, rows: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataRefused, match=words):
        read_scene_set(written(tmp_path, header, rows))


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"holds no manifest\.csv"):
        read_scene_set(tmp_path)
