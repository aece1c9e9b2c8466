"""Packages from npm: fetched once, held to their digest, and refused with a sentence."""

from __future__ import annotations

import hashlib
import logging
import sys
from pathlib import Path

import pytest

from training.data.npm import NpmPackage, PackageRefused, fetch

CONTENT = b"what was published"
PACKAGE = NpmPackage("@drawn/first", "1.0.0", hashlib.sha256(CONTENT).hexdigest())


def put_npm(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client of that name, which runs `program`, is the only one that is found."""
    folder.mkdir()
    client = folder / "npm"
    client.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{program}\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return client


def put_registry(folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client that packs `content`, whatever else is asked for."""
    return put_npm(
        folder,
        "assert sys.argv[1:4] == ['pack', '@drawn/first@1.0.0', '--ignore-scripts'], sys.argv\n"
        f"target = pathlib.Path(sys.argv[sys.argv.index('--pack-destination') + 1]) / {PACKAGE.tarball!r}\n"
        f"target.write_bytes({content!r})",
        monkeypatch,
    )


@pytest.mark.parametrize(
    ("name", "tarball"),
    [("lucide", "lucide-2.1.0.tgz"), ("@fontsource/eb-garamond", "fontsource-eb-garamond-2.1.0.tgz")],
)
def test_a_tarball_is_called_as_the_client_calls_it(name: str, tarball: str) -> None:
    assert NpmPackage(name, "2.1.0", "").tarball == tarball


def test_a_package_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "new" / "cache"
    client = put_registry(tmp_path / "bin", CONTENT, monkeypatch)
    assert fetch(PACKAGE, cache) == cache / PACKAGE.tarball
    client.unlink()
    assert fetch(PACKAGE, cache).read_bytes() == CONTENT
    assert [path.name for path in cache.iterdir()] == [PACKAGE.tarball]


def test_a_package_altered_on_the_way_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_registry(tmp_path / "bin", CONTENT + b"!", monkeypatch)
    with pytest.raises(PackageRefused, match=r"not @drawn/first 1\.0\.0 as pinned.*fetch it over another connection"):
        fetch(PACKAGE, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_package_altered_in_the_cache_is_refused(tmp_path: Path) -> None:
    (tmp_path / PACKAGE.tarball).write_bytes(CONTENT + b"!")
    with pytest.raises(PackageRefused, match=r"drawn-first-1\.0\.0\.tgz is not @drawn/first.*delete it from"):
        fetch(PACKAGE, tmp_path)
    assert (tmp_path / PACKAGE.tarball).read_bytes() == CONTENT + b"!"


def test_a_missing_client_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageRefused, match=r"@drawn/first needs the npm client.*install Node\.js"):
        fetch(PACKAGE, tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("program", ["sys.exit('no route to the registry')", "print('done', file=sys.stderr)"])
def test_a_client_that_gives_nothing_is_said(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_npm(tmp_path / "bin", program, monkeypatch)
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(PackageRefused, match=r"npm could not fetch @drawn/first@1\.0\.0"),
    ):
        fetch(PACKAGE, tmp_path / "empty")
    assert caplog.messages == ["no route to the registry" if "exit" in program else "done"]
    assert not list((tmp_path / "empty").iterdir())
