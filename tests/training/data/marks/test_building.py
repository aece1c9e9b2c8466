"""The mark set: what is read from the packages, what counts as one brand, and how the set is written."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.records import Refusal
from training.data.marks.building import MarksSettings, build_marks
from training.data.marks.designs import family_of, joined_names
from training.data.marks.packages import PACKAGES, SPLITS, Drawing, Package, brand_of, read_drawings, split_of
from training.data.marks.rasters import render
from training.data.marks.shapes import Shape, overlaps, shape_of

SIZE = 48

TRIANGLE = '<path d="M12 1 L23 23 L1 23 Z" fill="currentColor"/>'
ROUNDED_TRIANGLE = '<path d="M12 2 Q22 14 22 22 L2 22 Q2 14 12 2 Z" fill="#c30"/>'
NARROW_TRIANGLE = '<path d="M12 1 L22 23 L2 23 Z"/>'
DISC = '<circle cx="12" cy="12" r="12"/>'
RING = '<path d="M12 1a11 11 0 1 0 .1 0zM12 6a6 6 0 1 1-.1 0z" fill-rule="evenodd" fill="currentColor"/>'
THIN_RING = '<circle cx="12" cy="12" r="10" fill="none" stroke="#06c" stroke-width="4"/>'
BAR = '<rect x="1" y="9" width="22" height="3"/>'
CROSS = '<path d="M9 1h6v8h8v6h-8v8h-6v-8H1V9h8z"/>'
SNOW = '<path d="M12 1 L23 12 L12 23 L1 12 Z" fill="#fff"/>'


def svg(body: str, width: int = 24, height: int = 24) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body}</svg>'


def pack(cache: Path, name: str, members: dict[str, str], svg_folder: str | None = None) -> Package:
    """A package, its tarball already in the cache."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    package = Package(f"@drawn/{name}", "1.0.0", digest, "CC0-1.0", "the tests", name, svg_folder)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / package.tarball).write_bytes(content.getvalue())
    return package


def pack_icons(cache: Path, name: str, bodies: dict[str, str]) -> Package:
    icons = {"width": 24, "height": 24, "icons": {icon: {"body": body} for icon, body in bodies.items()}}
    return pack(cache, name, {"package/icons.json": json.dumps(icons), "package/package.json": "{}"})


def pack_files(cache: Path, name: str, bodies: dict[str, str]) -> Package:
    members = {f"package/icons/{icon}.svg": svg(body) for icon, body in bodies.items()}
    return pack(cache, name, members | {"package/README.svg": svg(BAR)}, svg_folder="package/icons")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def packages(cache: Path) -> list[Package]:
    """Two hands: both draw ember and halo; only the first draws pine (twice), flake and nothing."""
    return [
        pack_icons(
            cache,
            "first",
            {
                "ember-logo": TRIANGLE,
                "ember-wordmark": BAR,
                "halo-dark": RING,
                "halo-light": RING.replace("currentColor", "#999"),
                "pine": CROSS + BAR,
                "pine-icon": CROSS,
                "flake": SNOW,
                "nothing": "<g/>",
            },
        ),
        pack_files(cache, "second", {"Ember Color": ROUNDED_TRIANGLE, "ember_alt": BAR, "halo": THIN_RING}),
    ]


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def manifest_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as table:
        return list(csv.DictReader(table))


@pytest.mark.parametrize(
    ("icon", "brand"),
    [
        ("github", "github"),
        ("GitHub", "github"),
        ("visual-studio-code", "visualstudiocode"),
        ("amazon_alexa", "amazonalexa"),
        ("Alfa Romeo Icon Dark", "alfaromeo"),
        ("react-original", "react"),
        ("claude-color", "claude"),
        ("zootool-logo-block", "zootool"),
        ("github-logo-1-solid", "github"),
        ("github-logo-2", "github"),
        ("windows-10", "windows10"),
        ("square-twitter", "twitter"),
        ("twitter-square", "twitter"),
        ("squarespace", "squarespace"),
        ("square", "square"),
        ("line", "line"),
        ("circle-line", "circle"),
        ("nodedotjs", "nodejs"),
        ("node-js", "nodejs"),
        ("dotnet", "dotnet"),
        ("c++", "cplusplus"),
        ("angular-wordmark", None),
        ("adobe-text", None),
        ("alibaba-text-cn", None),
        ("aws-brand-color", None),
        ("BMW Logo Horizontal Dark", None),
        ("text", "text"),
        ("---", None),
    ],
)
def test_an_icon_is_called_after_its_brand(icon: str, brand: str | None) -> None:
    assert brand_of(icon) == brand


def test_the_split_of_a_brand_never_changes() -> None:
    found = {name: split_of(name) for name in ("ember", "github", "python", "rust")}
    assert found == {"ember": "train", "github": "train", "python": "val", "rust": "test"}


def test_the_split_is_eighty_ten_ten() -> None:
    count = Counter(split_of(f"brand{i}") for i in range(20_000))
    assert set(count) == set(SPLITS)
    assert count["train"] / 20_000 == pytest.approx(0.8, abs=0.01)
    assert count["val"] / 20_000 == pytest.approx(0.1, abs=0.01)


def test_symbols_are_read_from_an_iconify_collection(packages: list[Package], cache: Path) -> None:
    drawings = read_drawings(packages[0], cache / packages[0].tarball)
    assert [(d.brand, d.stem) for d in drawings] == [
        ("ember", "first--ember-logo"),
        ("flake", "first--flake"),
        ("halo", "first--halo-dark"),
        ("halo", "first--halo-light"),
        ("nothing", "first--nothing"),
        ("pine", "first--pine-icon"),
    ]


def test_symbols_are_read_from_a_folder_of_svg_files(packages: list[Package], cache: Path) -> None:
    drawings = read_drawings(packages[1], cache / packages[1].tarball)
    assert [(d.brand, d.stem) for d in drawings] == [
        ("ember", "second--ember-color"),
        ("ember", "second--ember-alt"),
        ("halo", "second--halo"),
    ]


def test_an_iconify_icon_has_its_own_box_or_the_collections(cache: Path) -> None:
    icons = {
        "height": 24,
        "width": 24,
        "icons": {
            "common": {"body": '<rect width="24" height="12"/>'},
            "own": {"body": '<rect x="10" width="10" height="40"/>', "left": 10, "width": 10, "height": 40},
        },
    }
    package = pack(cache, "boxes", {"package/icons.json": json.dumps(icons)})
    shapes = {d.icon: render(d.svg, 40) for d in read_drawings(package, cache / package.tarball)}
    assert {icon: rgba.shape for icon, rgba in shapes.items() if rgba is not None} == {
        "common": (20, 40, 4),
        "own": (40, 10, 4),
    }
    assert all((rgba[2:-2, 2:-2, 3] == 255).all() for rgba in shapes.values() if rgba is not None)


def test_a_package_of_another_layout_is_refused(cache: Path) -> None:
    package = pack(cache, "other", {"package/readme": ""})
    with pytest.raises(Refusal, match=r"icons\.json"):
        read_drawings(package, cache / package.tarball)


def test_a_drawing_is_cropped_and_keeps_its_aspect() -> None:
    rgba = render(svg('<rect x="4" y="8" width="10" height="5"/>'), 40)
    assert rgba is not None
    assert rgba.shape == (20, 40, 4)
    assert (rgba[2:-2, 2:-2, 3] > 240).all()


def test_what_has_no_colour_of_its_own_is_black() -> None:
    rgba = render(svg(TRIANGLE), 40)
    assert rgba is not None
    assert (rgba[rgba[..., 3] == 255][:, :3] == 0).all()


@pytest.mark.parametrize("body", ["", "<g/>", '<rect width="9" height="9" fill="none"/>'])
def test_a_blank_drawing_is_none(body: str) -> None:
    assert render(svg(body), 40) is None


def shape(body: str) -> Shape:
    rgba = render(svg(body), 140)
    assert rgba is not None
    return shape_of(rgba)


GRADIENT = (
    '<linearGradient id="g" x2="1" y2="1"><stop stop-color="#fd0"/><stop offset="1" stop-color="#c07"/>'
    "</linearGradient>"
)
SMALL_CROSS = '<path d="M10.5 6h3v4.5H18v3h-4.5V18h-3v-4.5H6v-3h4.5z" fill="#fff"/>'


@pytest.mark.parametrize(
    "tile",
    [
        f'<rect width="24" height="24" fill="#06c"/>{SMALL_CROSS}',
        f'<rect width="24" height="24" rx="5" fill="#06c"/>{SMALL_CROSS}',
        f'{GRADIENT}<rect width="24" height="24" rx="5" fill="url(#g)"/>{SMALL_CROSS}',
        f'<rect x=".3" y=".3" width="23.4" height="23.4" fill="#06c"/>{SMALL_CROSS}',
        '<path fill-rule="evenodd" d="M0 0h24v24H0zM10.5 6h3v4.5H18v3h-4.5V18h-3v-4.5H6v-3h4.5z"/>',
    ],
    ids=["square", "rounded", "gradient", "soft rim", "cut out"],
)
def test_a_marks_tile_is_not_its_silhouette(tile: str) -> None:
    alone, on_tile = shape(SMALL_CROSS.replace("#fff", "#000")).silhouette, shape(tile).silhouette
    assert overlaps(alone[None], on_tile[None])[0, 0] > 0.9


@pytest.mark.parametrize(
    "body",
    [
        DISC + SMALL_CROSS,
        f'<path d="M5.7 0h12.6L24 5.7v12.6L18.3 24H5.7L0 18.3V5.7z"/>{SMALL_CROSS}',
        '<rect width="24" height="24"/>',
        '<rect width="24" height="24" fill="#c30"/><rect width="12" height="24" fill="#06c"/>',
        f'<path fill-rule="evenodd" d="M0 0h24v24H0zM.6.6h22.8v22.8H.6z"/>{SMALL_CROSS}',
        '<path d="M0 0h11v11H0zM13 0h11v11H13zM0 13h11v11H0zM13 13h11v11H13z"/>',
        f'<rect width="24" height="16"/>{SMALL_CROSS}',
    ],
    ids=["disc", "octagon", "plain square", "two colours", "frame", "four squares", "oblong"],
)
def test_what_is_no_tile_keeps_its_shape(body: str) -> None:
    rgba = render(svg(body), 64)
    assert rgba is not None
    drawn = rgba[..., 3] >= 128
    top = (64 - drawn.shape[0]) // 2
    assert shape_of(rgba).silhouette[top : top + drawn.shape[0]].tolist() == drawn.tolist()


@pytest.mark.parametrize(
    ("body", "white", "coloured"),
    [
        (SNOW, True, False),
        (TRIANGLE, False, False),
        (ROUNDED_TRIANGLE, False, True),
        (f'<rect width="24" height="24" fill="#fff"/>{SMALL_CROSS.replace("#fff", "#06c")}', False, True),
    ],
    ids=["white", "black", "red", "white tile"],
)
def test_a_look_knows_colour_and_white(body: str, white: bool, coloured: bool) -> None:
    assert (shape(body).white, shape(body).coloured) == (white, coloured)


def test_overlaps_equals_the_loop_over_pixels() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((5, 6, 7)) < 0.4, rng.random((4, 6, 7)) < 0.6
    first[2] = second[1] = False
    found = overlaps(first, second)
    for (i, a), (j, b) in itertools.product(enumerate(first), enumerate(second)):
        both = sum(bool(p and q) for p, q in zip(a.ravel(), b.ravel(), strict=True))
        either = sum(bool(p or q) for p, q in zip(a.ravel(), b.ravel(), strict=True))
        assert found[i, j] == pytest.approx(both / either if either else 0, abs=1e-6)


def stripe(start: int, stop: int, *, contours: int = 0, coloured: bool = False, white: bool = False) -> Shape:
    """A shape whose silhouette is the rows from `start` to `stop`: IoU can be read off the numbers.

    Contours of the same number agree, others do not.
    """
    silhouette = np.zeros((100, 1), bool)
    silhouette[start:stop] = True
    return Shape(silhouette, np.eye(3, dtype=np.float32)[contours], coloured, white)


@pytest.mark.parametrize(
    ("shapes", "kept"),
    [
        ([stripe(0, 10)], [0]),
        ([stripe(0, 100), stripe(0, 98)], [0]),
        ([stripe(0, 100), stripe(0, 98, coloured=True)], [1]),
        ([stripe(0, 100, white=True), stripe(0, 98)], [1]),
        ([stripe(0, 100, coloured=True, white=True), stripe(0, 98)], [0]),
        ([stripe(0, 100), stripe(0, 97)], [0, 1]),
        ([stripe(0, 100), stripe(0, 30)], [0, 1]),
        ([stripe(0, 100), stripe(0, 29)], [0]),
        ([stripe(0, 100), stripe(0, 70, contours=1)], [0, 1]),
        ([stripe(0, 100), stripe(0, 69, contours=1)], [0]),
        ([stripe(0, 29), stripe(0, 100), stripe(5, 100)], [1, 2]),
        ([stripe(0, 40), stripe(20, 60), stripe(40, 80)], [0, 1, 2]),
        ([stripe(0, 20), stripe(0, 20), stripe(50, 80), stripe(50, 75)], [2, 3]),
    ],
    ids=[
        "alone",
        "one tracing, the earlier",
        "one tracing, the coloured",
        "one tracing, the visible",
        "colour before visibility",
        "just two tracings",
        "just one design",
        "just two designs, the earlier",
        "just one shape",
        "neither shape nor contours",
        "the larger group",
        "joined by the middle one",
        "a tracing counts once",
    ],
)
def test_a_family_shows_one_design_and_each_tracing_once(shapes: list[Shape], kept: list[int]) -> None:
    assert family_of(shapes) == kept


@pytest.mark.parametrize(
    ("drawn", "groups"),
    [
        ([("ember", TRIANGLE), ("glow", TRIANGLE)], [{"ember", "glow"}]),
        ([("ember", TRIANGLE), ("glow", NARROW_TRIANGLE)], [{"ember"}, {"glow"}]),
        ([("ember", TRIANGLE), ("emberjs", NARROW_TRIANGLE)], [{"ember", "emberjs"}]),
        ([("ember", TRIANGLE), ("getember", NARROW_TRIANGLE)], [{"ember", "getember"}]),
        ([("ember", TRIANGLE), ("emberjs", CROSS)], [{"ember"}, {"emberjs"}]),
        ([("em", TRIANGLE), ("ember", NARROW_TRIANGLE)], [{"em"}, {"ember"}]),
        (
            [("disc", DISC), ("discs", DISC.replace("/>", ' fill="#06c"/>')), ("ball", DISC + SMALL_CROSS)],
            [{"disc", "discs"}, {"ball"}],
        ),
    ],
    ids=["same drawing", "alike", "name begins", "name ends", "other mark", "short name", "discs"],
)
def test_two_names_of_one_mark_are_joined(drawn: list[tuple[str, str]], groups: list[set[str]]) -> None:
    drawings = [Drawing(brand, "set", brand, "") for brand, _ in drawn]
    joined = joined_names(drawings, [shape(body) for _, body in drawn])
    found = {frozenset(name for name in joined if joined[name] == joined[brand]) for brand in joined}
    assert found == set(map(frozenset, groups))
    assert all(joined[chosen] == chosen for chosen in joined.values())


def test_the_most_drawn_name_stands_for_its_group() -> None:
    drawings = [Drawing(brand, "set", icon, "") for brand, icon in (("a", "1"), ("z", "2"), ("z", "3"))]
    assert joined_names(drawings, [shape(TRIANGLE)] * 3) == {"a": "z", "z": "z"}


def test_the_set_is_built_from_the_packages(packages: list[Package], cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    counts = build_marks(MarksSettings(out, SIZE, cache, edited=0), packages, ())
    rows = manifest_of(out)
    assert sorted((row["brand"], row["set"], row["icon"]) for row in rows) == [
        ("ember", "first", "ember-logo"),
        ("ember", "second", "ember-color"),
        ("flake", "first", "flake"),
        ("halo", "first", "halo-dark"),
        ("halo", "second", "halo"),
        ("pine", "first", "pine-icon"),
    ]
    for row in rows:
        assert row["path"] == f"{row['split']}/{row['brand']}/{row['set']}--{row['icon']}.png"
        assert row["split"] == split_of(row["brand"])
        assert (row["licence"], row["version"]) == ("CC0-1.0", "1.0.0")
        assert row["package"] == f"@drawn/{row['set']}"
        with Image.open(out / row["path"]) as picture:
            assert (picture.size, picture.mode) == ((SIZE, SIZE), "RGB")
    assert {p for p in files_of(out) if p.endswith(".png")} == {row["path"] for row in rows} | {
        "contact_sheet.png",
        "edits.png",
    }
    assert sum(count.brands for count in counts.values()) == 4
    assert sum(count.brands_with_pairs for count in counts.values()) == 2
    assert sum(count.similar_pairs for count in counts.values()) == 2
    assert sum(count.drawings for count in counts.values()) == 6
    notice = (out / "NOTICE.md").read_text()
    assert all(package.npm in notice and package.sha256 in notice for package in packages)
    assert "trademarks" in notice


def test_a_lockup_is_paired_with_the_symbol_that_it_holds_and_a_wordmark_with_nothing(
    cache: Path, tmp_path: Path
) -> None:
    letters = "".join(f'<rect x="{x}" y="6" width="3" height="12"/>' for x in range(30, 90, 8))
    icons = {"fern-icon": CROSS, "fern": CROSS + letters, "moss-icon": TRIANGLE, "moss": letters}
    icons |= {"peat-icon": RING, "peat": letters}  # one owner's name under two brands: taken once
    bodies = {name: {"body": body, "width": 24 if "icon" in name else 96} for name, body in icons.items()}
    package = pack(cache, "hand", {"package/icons.json": json.dumps({"height": 24, "icons": bodies})})
    out = tmp_path / "set"
    build_marks(MarksSettings(out, SIZE, cache, edited=0), [package], ())
    with (out / "pairs.csv").open(newline="") as table:
        (pair,) = csv.DictReader(table)
    assert [Path(pair[side]).stem for side in "ab"] == ["hand--fern-icon", "hand--fern"]
    assert pair["kind"] == "lockup"
    x, y, width, height = map(int, pair["box"].split())
    with Image.open(out / pair["b"]) as picture:
        assert picture.width > 2 * picture.height
        drawn = np.argwhere(np.asarray(picture.convert("L")) < 128)
    assert abs(x - drawn[:, 1].min()) <= 3
    assert abs(y - drawn[:, 0].min()) <= 3
    assert 0.8 < width / height < 1.25
    assert {row["icon"] for row in manifest_of(out)} == {"fern", "fern-icon", "moss", "moss-icon", "peat-icon"}


def test_a_mark_lies_in_the_middle_of_its_picture_and_shows(
    packages: list[Package], cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    build_marks(MarksSettings(out, SIZE, cache, edited=0), packages, ())
    for row in manifest_of(out):
        with Image.open(out / row["path"]) as picture:
            pixels = np.asarray(picture).astype(int)
        ground = (64, 64, 64) if row["brand"] == "flake" else (255, 255, 255)
        assert tuple(pixels[0, 0]) == ground
        mark = np.argwhere(np.abs(pixels - ground).max(axis=2) > 100)
        assert np.abs(mark.min(axis=0) + mark.max(axis=0) - (SIZE - 1)).max() <= 2
        assert mark.min() >= SIZE // 16 - 1


def test_no_brand_lies_in_two_splits(cache: Path, tmp_path: Path) -> None:
    bodies = {f"brand{i}": f'<rect width="24" height="{i + 1}"/>' for i in range(20)}
    packages = [pack_icons(cache, "first", bodies), pack_files(cache, "second", bodies)]
    build_marks(MarksSettings(tmp_path / "set", SIZE, cache, edited=0), packages, ())
    rows = manifest_of(tmp_path / "set")
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row["brand"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert len(set.union(*splits.values())) == 3


def test_the_same_packages_give_the_same_files(packages: list[Package], cache: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        build_marks(MarksSettings(tmp_path / out, SIZE, cache, edited=0), packages, ())
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def interrupt_build(
    settings: MarksSettings, packages: list[Package], writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Build until so many files are written, and press Ctrl-C."""
    left = itertools.count(writes, -1)
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if next(left) == 0:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_marks(settings, packages, ())


@pytest.mark.parametrize("writes", [0, 1, 4, 7, 9, 13, 14, 16])
def test_an_interrupted_build_is_finished_by_the_next(
    writes: int, packages: list[Package], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_marks(MarksSettings(tmp_path / "whole", SIZE, cache, edited=0), packages, ())
    settings = MarksSettings(tmp_path / "set", SIZE, cache, edited=0)
    interrupt_build(settings, packages, writes, monkeypatch)
    assert not (settings.out / "summary.json").exists()
    done = {p: p.stat().st_mtime_ns for p in settings.out.rglob("*.png") if p.name != "contact_sheet.png"}

    build_marks(settings, packages, ())
    assert files_of(settings.out) == files_of(tmp_path / "whole")
    assert all(p.stat().st_mtime_ns == time for p, time in done.items() if p.exists())


def test_what_was_rendered_before_an_interruption_is_not_rendered_again(
    packages: list[Package], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = MarksSettings(tmp_path / "set", SIZE, cache, edited=0)
    interrupt_build(settings, packages, 8, monkeypatch)
    (half_done,) = settings.out.rglob("first--pine-icon.png")
    Image.new("RGBA", (9, 9), (0, 200, 0, 255)).save(half_done)
    build_marks(settings, packages, ())
    (finished,) = settings.out.rglob("first--pine-icon.png")
    with Image.open(finished) as picture:
        assert picture.getpixel((SIZE // 2, SIZE // 2)) == (0, 200, 0)


def test_a_finished_set_is_left_alone(packages: list[Package], cache: Path, tmp_path: Path) -> None:
    settings = MarksSettings(tmp_path / "set", SIZE, cache, edited=0)
    counts = build_marks(settings, packages, ())
    times = {p: p.stat().st_mtime_ns for p in settings.out.rglob("*")}
    assert build_marks(settings, packages, ()) == counts
    assert {p: p.stat().st_mtime_ns for p in settings.out.rglob("*")} == times


def test_a_set_of_other_settings_is_not_mixed_in(packages: list[Package], cache: Path, tmp_path: Path) -> None:
    build_marks(MarksSettings(tmp_path / "set", SIZE, cache, edited=0), packages, ())
    with pytest.raises(Refusal, match="other settings"):
        build_marks(MarksSettings(tmp_path / "set", SIZE + 16, cache, edited=0), packages, ())


def test_a_folder_with_other_files_is_refused(packages: list[Package], cache: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("precious")
    with pytest.raises(Refusal, match="other files"):
        build_marks(MarksSettings(tmp_path / "set", SIZE, cache, edited=0), packages, ())
    assert files_of(tmp_path / "set") == {"thesis.txt": b"precious"}


def test_pictures_too_small_to_show_a_mark_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="16 pixels"):
        MarksSettings(tmp_path, size=16)


def test_a_damaged_package_is_refused_by_name(packages: list[Package], cache: Path, tmp_path: Path) -> None:
    with (cache / packages[1].tarball).open("ab") as tarball:
        tarball.write(b"!")
    with pytest.raises(Refusal, match=r"@drawn/second 1\.0\.0"):
        build_marks(MarksSettings(tmp_path / "set", SIZE, cache, edited=0), packages, ())


def test_the_pinned_packages_are_told_apart() -> None:
    assert len({package.set for package in PACKAGES}) == len(PACKAGES)
    assert all(len(package.sha256) == 64 for package in PACKAGES)
    assert not any("NC" in package.licence for package in PACKAGES)
