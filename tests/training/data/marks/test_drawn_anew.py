"""Marks that are no copy of a file: imitated by hand, framed alike, spelt nearly alike, one motif by several hands."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from training.data.marks import lettering
from training.data.marks.edits import framed_alike
from training.data.marks.elements import Elements, as_svg, extent, read_elements
from training.data.marks.frames import FRAMES
from training.data.marks.imitations import hand_drawn, in_another_style
from training.data.marks.motifs import MOTIF_PACKAGES, MOTIFS, read_motifs
from training.data.marks.packages import PACKAGES, Package
from training.data.marks.rasters import render
from training.data.marks.shapes import overlaps, shape_of
from training.data.rendered.word_faces import WORD_FACES

BODY = '<rect x="1" y="2" width="8" height="16"/><circle cx="17" cy="6" r="5" fill="#c03020"/><path d="M12 14h10v8z"/>'


def elements(body: str = BODY) -> Elements:
    found = read_elements(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{body}</svg>')
    assert found is not None
    return found


def silhouette(drawing: Elements) -> np.ndarray:
    rgba = render(as_svg(drawing), 64)
    assert rgba is not None
    return shape_of(rgba).silhouette


def test_a_hand_strays_everywhere_and_keeps_the_idea() -> None:
    own = silhouette(elements())
    alike = [
        float(overlaps(own[None], silhouette(hand_drawn(elements(), np.random.default_rng(i)))[None])[0, 0])
        for i in range(20)
    ]
    assert 0.5 < np.median(alike) < 0.95
    assert max(alike) < 0.99


def test_a_hand_follows_from_its_chance() -> None:
    one, again = (hand_drawn(elements(), np.random.default_rng(3)) for _ in range(2))
    assert as_svg(one) == as_svg(again)


def test_another_style_is_one_of_three() -> None:
    own = elements()
    for seed in range(30):
        made = in_another_style(own, np.random.default_rng(seed))
        outlined = all(element.stroke > 0 for element in made)
        one_colour = len({element.fill for element in made}) == 1
        fewer = sum(map(len, (p for e in made for p in e.polygons))) < sum(
            map(len, (p for e in own for p in e.polygons))
        )
        assert outlined or one_colour or fewer


@pytest.mark.parametrize("frame", FRAMES)
def test_two_drawings_stand_in_the_same_frame(frame: str) -> None:
    other = elements('<rect width="20" height="20"/>')
    framed = [framed_alike(own, frame, np.random.default_rng(5)) for own in (elements(), other)]
    around = [drawing[: len(drawing) - len(own)] for drawing, own in zip(framed, (elements(), other), strict=True)]
    assert [len(part) > 0 for part in around] == [True, True]
    assert all(np.array_equal(a.polygons[0], b.polygons[0]) for a, b in zip(*around, strict=True))
    (low, high), (inner_low, inner_high) = extent(around[0]), extent(framed[0][len(around[0]) :])
    assert inner_low[0] > low[0]
    assert inner_high[0] < high[0]


def test_words_of_training_are_set_in_no_typeface_that_only_tests_know() -> None:
    assert 0.2 < 1 - len(lettering.faces_of("train")) / len(lettering.faces_of("test")) < 0.3
    met = {mark.face for seed in range(300) for _, mark in lettering.family("train", np.random.default_rng(seed))}
    assert met <= {*lettering.TRAINING_FACES}


def test_a_words_family_reads_alike() -> None:
    for seed in range(200):
        (none, own), (face, set_otherwise), (spelling, misspelt) = lettering.family("test", np.random.default_rng(seed))
        assert (none, face, spelling) == ("", lettering.OTHER_FACE, lettering.NEARLY_READ)
        assert set_otherwise.letters == own.letters
        assert set_otherwise.face != own.face
        assert misspelt.face == own.face
        assert misspelt.letters != own.letters
        assert abs(len(misspelt.letters) - len(own.letters)) <= 1
        kept = Counter(own.letters) & Counter(misspelt.letters)
        assert sum(kept.values()) >= len(own.letters) - 1
        strange = lettering.stranger(own, np.random.default_rng(seed))
        assert strange.face == own.face
        assert strange.letters.lower()[:2] != own.letters.lower()[:2]


def test_motifs_are_read_by_all_their_names_and_ways_of_drawing_once(tmp_path: Path) -> None:
    icons = ["cog", "lion-head", "lion-thin", "lion-fill", "lion-duotone", "lionfish", "gear-2", "settings"]
    text = json.dumps({"width": 24, "height": 24, "icons": {name: {"body": BODY} for name in icons}}).encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/icons.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    (tmp_path / "a.tgz").write_bytes(content.getvalue())
    found = read_motifs(Package("@drawn/a", "1.0.0", "", "CC0-1.0", "the tests", "a"), tmp_path / "a.tgz")
    assert [(drawing.brand, drawing.icon) for drawing in found] == [
        ("motifgear", "cog"),
        ("motifgear", "gear-2"),
        ("motiflion", "lion-fill"),
        ("motiflion", "lion-head"),
    ]


def test_sources_are_told_apart_and_open() -> None:
    packages = [*PACKAGES, *MOTIF_PACKAGES]
    assert len({package.set for package in packages}) == len(packages)
    assert not any(word in package.licence for package in packages for word in ("NC", "SA", "ND"))
    names = [name for motif, names in MOTIFS.items() for name in (motif, *names)]
    assert len(names) == len({*names})
    assert len({face.name for face in WORD_FACES}) == len(WORD_FACES)
