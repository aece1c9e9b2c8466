"""A collection that a comparator made of lettered photos, and commands in this process."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from inference.collections.collection import Collection
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.collections.examiner import CollectionExaminer
from inference.command_line import commands
from inference.models.weights import Model
from tests.inference.command_line.ran import Ran


@pytest.fixture(scope="session")
def examiner(comparator: Model) -> CollectionExaminer:
    return CollectionExaminer(comparator)


@pytest.fixture(scope="session")
def genuine_photos(lettered: Any) -> list[KnownPhoto]:
    return [KnownPhoto(lettered("quorum/genuine", seed), f"item {seed}") for seed in range(7)]


@pytest.fixture(scope="session")
def labels(examiner: CollectionExaminer, genuine_photos: list[KnownPhoto]) -> Collection:
    return examiner.enrol(Enrolment("Label", "Quorum 2", genuine_photos, keep_pictures=True))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command in this process, which saves it the import of torch; it logs as in one of its own."""

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["inference", *map(str, arguments)])
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        status = commands.main()
        return Ran(status, *capsys.readouterr())

    return call
