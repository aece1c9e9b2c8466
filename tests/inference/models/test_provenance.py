"""The version of the code that computes findings: it changes with that code, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inference.models.provenance import hash_of_findings_code

PACKAGE = Path(__file__).parents[3] / "inference"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "inference", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "inference"


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("authenticity/examiner.py", True),
        ("trademark/framing.py", True),
        ("reference/registration.py", True),
        ("intake/exhibit.py", True),
        ("records/verdict.py", True),
        ("evidence/calibration.py", True),
        ("grad_cam.py", True),
        ("bench.py", True),
        ("casework/sheets.py", False),
        ("casework/verification.py", False),
        ("command_line/text.py", False),
        ("drawing.py", False),
    ],
)
def test_a_line_that_computes_findings_changes_the_version_and_no_other_does(
    file: str, counts: bool, package: Path
) -> None:
    before = hash_of_findings_code(package)
    with (package / file).open("a") as source:
        source.write("MARGIN = 1\n")
    assert (hash_of_findings_code(package) != before) == counts


def test_line_ends_of_another_system_are_the_same_code(package: Path) -> None:
    before = hash_of_findings_code(package)
    for source in package.rglob("*.py"):
        source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    assert hash_of_findings_code(package) == before == hash_of_findings_code(PACKAGE)


def test_a_file_that_is_moved_is_other_code(package: Path) -> None:
    before = hash_of_findings_code(package)
    (package / "fwd.py").rename(package / "padding.py")
    assert hash_of_findings_code(package) != before
