"""The documentation: short where it is to be short, its links lead somewhere, the files it names are there."""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED_FILE = re.compile(r"`((?:inference|training|ui|tests|benchmarks)/[\w./]+)`")
DEFINED = re.compile(r"\*\*([^*]+)\*\*")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_by_its_path_is_there(page: Path) -> None:
    files = NAMED_FILE.findall(page.read_text(encoding="utf-8"))
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs/method").glob("*.md")), ids=named)
def test_what_the_method_pages_name_in_code_is_in_the_code(page: Path) -> None:
    """A bare word in code style is a file of either package, or occurs in one."""
    sources = [source for package in ("inference", "training") for source in (ROOT / package).rglob("*.py")]
    code = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    files = {source.name for source in sources}
    words = re.findall(r"`([A-Za-z_]\w+(?:\.py)?)`", page.read_text(encoding="utf-8"))
    assert [word for word in words if word not in files and word not in code] == []


def test_the_readme_is_read_to_its_end() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_a_method_page_takes_two_screens() -> None:
    words = {named(page): len(page.read_text(encoding="utf-8").split()) for page in (ROOT / "docs/method").glob("*.md")}
    assert {page: count for page, count in words.items() if count > 550} == {}


def test_the_space_runs_on_the_gradio_that_is_installed() -> None:
    header = (ROOT / "README.md").read_text(encoding="utf-8").split("---")[1]
    assert f"sdk_version: {version('gradio')}\n" in header


def test_a_term_is_defined_once() -> None:
    rows = (ROOT / "docs/terminology.md").read_text(encoding="utf-8").splitlines()
    terms = [term for row in rows if row.startswith("| **") for term in DEFINED.findall(row.split("|")[1])]
    assert [term for term, count in Counter(terms).items() if count > 1] == []
    assert len(terms) > 40
