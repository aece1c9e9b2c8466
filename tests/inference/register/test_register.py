"""The files behind a register's pictures, and what filters are written like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.files import sha256
from inference.records import Refusal
from inference.register.register import Register, parsed_filters
from tests.inference.register.drawing import drawn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "disc.png").write_bytes(drawn("disc"))
    return tmp_path


@pytest.fixture
def register(folder: Path, weighing_models: Path) -> Iterator[Register]:
    with closing(Bench(weighing_models).register(str(folder / "register"))) as opened:
        for place in ("first", "second"):
            opened.take_in(folder / place, lambda *_: None)
        yield opened


def test_a_file_is_given_from_any_source_that_still_has_it(register: Register, folder: Path) -> None:
    disc = drawn("disc")
    digest = sha256(disc)
    assert register.file_of(digest) == ("disc.png", disc)
    (folder / "first" / "disc.png").write_bytes(drawn("ring"))
    assert register.file_of(digest) == ("disc.png", disc)
    (folder / "second" / "disc.png").unlink()
    with pytest.raises(Refusal, match=r"first.disc\.png is gone or was changed since it was taken in; take first in"):
        register.file_of(digest)
    with pytest.raises(Refusal, match="holds no picture abc any more; search again"):
        register.file_of("abc")


@pytest.mark.parametrize(
    ("texts", "filters"),
    [([], {}), (["owner=Brown"], {"owner": "Brown"}), (["a=b=c", "Nice="], {"a": "b=c", "Nice": ""})],
)
def test_filters_are_columns_and_texts(texts: Sequence[str], filters: dict[str, str]) -> None:
    assert parsed_filters(texts) == filters


@pytest.mark.parametrize("texts", [["owner"], ["=Brown"], ["owner=a", "owner=b"]])
def test_other_filters_are_refused(texts: Sequence[str]) -> None:
    with pytest.raises(Refusal, match="is not COLUMN=TEXT, or names a column twice"):
        parsed_filters(texts)
