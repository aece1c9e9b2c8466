"""The typefaces that the rendered parts name, stood in for by matplotlib's own: nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.rendered.stand_ins import stood_in
from training.data.rendered.typefaces import Typeface, Typefaces


@pytest.fixture(scope="session")
def font_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("typefaces")


@pytest.fixture(scope="session")
def listed(font_cache: Path) -> tuple[Typeface, ...]:
    """The listed typefaces, all of them in the cache."""
    return stood_in(font_cache)


@pytest.fixture(scope="session")
def typefaces(listed: tuple[Typeface, ...], font_cache: Path) -> Typefaces:
    return Typefaces(font_cache, listed)
