"""Published packages from npm: pinned, hashed, fetched once."""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.records import Refusal

logger = logging.getLogger(__name__)

CACHE = Path.home() / ".cache" / "assay" / "npm"


class PackageRefused(Refusal):
    """A package that cannot be fetched, or is not the pinned one."""


@dataclass(frozen=True)
class NpmPackage:
    """A published package at one version.

    Attributes:
        npm: Its name on npm.
        version: The pinned version.
        sha256: Lower-case hex SHA-256 of its tarball.
    """

    npm: str
    version: str
    sha256: str

    @property
    def tarball(self) -> str:
        """File name that the npm client gives the tarball."""
        return f"{self.npm.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


def fetch(package: NpmPackage, cache: Path = CACHE) -> Path:
    """The package's tarball in `cache`, fetched with the npm client if it is missing.

    Raises:
        PackageRefused: if npm is missing or fails, or if the tarball is not the pinned one.
    """
    tarball = cache / package.tarball
    if not tarball.exists():
        npm = shutil.which("npm")
        if npm is None:
            msg = f"Fetching {package.npm} needs the npm client, which was not found; install Node.js."
            raise PackageRefused(msg)
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache, prefix=".fetching-") as folder:
            wanted = f"{package.npm}@{package.version}"
            command = [npm, "pack", wanted, "--ignore-scripts", "--pack-destination", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pinned names
            fetched = Path(folder) / package.tarball
            if done.returncode or not fetched.exists():
                logger.error("%s", done.stderr.strip())
                msg = f"npm could not fetch {wanted}; check the network connection and run the command again."
                raise PackageRefused(msg)
            _verify(package, fetched, "it may have been altered on the way; fetch it over another connection")
            fetched.replace(tarball)
    _verify(package, tarball, f"delete it from {cache} and run the command again")
    return tarball


def _verify(package: NpmPackage, tarball: Path, remedy: str) -> None:
    if hashlib.sha256(tarball.read_bytes()).hexdigest() != package.sha256:
        msg = f"{tarball.name} is not {package.npm} {package.version} as pinned (its SHA-256 differs); {remedy}."
        raise PackageRefused(msg)
