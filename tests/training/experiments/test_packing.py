"""A folder packed into small files comes back to the bit, by the command that the README gives."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from training.experiments import packing
from training.experiments.packing import MOST, README, is_packed, pack


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cells" / "belt-alpha_1p0-0"
    folder.mkdir(parents=True)
    (folder / "cell.safetensors").write_bytes(np.random.default_rng(0).bytes(300_000))
    (folder / "cell.json").write_text("{}")
    (folder / "checkpoint.pt").write_bytes(b"not packed")
    return folder


def test_parts_are_joined_by_the_command_of_the_readme(run_folder: Path, tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    assert not is_packed(run_folder, packs)
    pack(run_folder, ["cell.json", "cell.safetensors"], packs, most=70_000)
    assert is_packed(run_folder, packs)
    parts = sorted(packs.glob("*.tar.*"))
    assert [part.name for part in parts] == [f"{run_folder.name}.tar.{number:03d}" for number in range(5)]
    assert max(part.stat().st_size for part in parts) == 70_000
    (command,) = re.findall(r"^    (cat .*)$", (packs / "README.md").read_text(), re.MULTILINE)
    subprocess.run(command.replace("NAME", run_folder.name), shell=True, check=True, cwd=packs)
    unpacked = {path.name: path.read_bytes() for path in (packs / run_folder.name).iterdir()}
    assert unpacked == {name: (run_folder / name).read_bytes() for name in ("cell.json", "cell.safetensors")}


def test_a_part_can_be_taken_away_where_only_15_megabytes_can() -> None:
    assert MOST <= 15_000_000
    assert "15 MB" in README


def test_a_packing_that_is_cut_short_does_not_count(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, packs = packing.write_whole, tmp_path / "packs"

    def until_the_last(path: Path, content: bytes) -> None:
        if path.name.endswith(".000"):
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as once:
        once.setattr(packing, "write_whole", until_the_last)
        with pytest.raises(KeyboardInterrupt):
            pack(run_folder, ["cell.safetensors"], packs, most=70_000)
    assert len([*packs.glob("*.tar.*")]) == 4
    assert not is_packed(run_folder, packs)


def test_nothing_of_the_machine_is_packed(run_folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    pack(run_folder, ["cell.json"], first)
    other = shutil.copytree(run_folder, tmp_path / "elsewhere" / run_folder.name)
    pack(other, ["cell.json"], second)
    name = f"{run_folder.name}.tar.000"
    assert (first / name).read_bytes() == (second / name).read_bytes()
