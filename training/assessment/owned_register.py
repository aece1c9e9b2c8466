"""Whether a search of a register finds the other marks of an owner, on real marks of which only the owners are known.

An owner may have marks that do not resemble each other, so that no search can find them all.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inference.bench import Bench
from inference.files import sha256, write_whole
from inference.intake.exhibit import read_exhibit
from inference.models.weights import load_model
from inference.progress import untold
from inference.records import MarkSearch
from inference.register.register import Register
from training.assessment.finished import FinishedModelSettings
from training.assessment.owned_marks import owner_of
from training.assessment.tables import Table, json_bytes_of
from training.data.set_files import DataRefused
from training.figures.metrics import mean_by_source

_MOST = 21
"""Pictures of a ranking: the mark itself, and twenty others."""
_AMONG = 10


@dataclass(frozen=True)
class OwnedRegisterSettings(FinishedModelSettings):
    """Take marks whose owners are known into a register, and search it for the other marks of each owner."""

    data: Path
    """Folder of pictures. A mark's owner is the folder it lies in, or where none tells the first word of its name."""
    out: Path
    """Folder for the register, which is gone on with where it is there, and for the figures."""
    searches: int = 4
    """Most searches an owner, drawn at random."""
    seed: int = 0
    """Seed of the draws."""


def search_owned_marks(settings: OwnedRegisterSettings) -> Table:
    """The figures of each ranking, and of the best of all four; also written into the folder.

    Raises:
        Refusal: if the model is not one of trademarks, or no owner has two pictures that show a mark.
    """
    model = load_model(settings.model, settings.weights)
    with closing(Bench(settings.weights).register(str(settings.out / "register"), settings.model)) as register:
        register.take_in(settings.data, untold)
        owned = _owned(register, settings.data)
        table = _figures(register, owned, settings)
    write_whole(settings.out / "owned_register.json", json_bytes_of(model, "figures", table))
    return table


def _owned(register: Register, data: Path) -> dict[str, dict[str, Path]]:
    """By owner, the pictures that the register holds, each once: SHA-256 to a file; of owners that have several."""
    found: dict[str, dict[str, Path]] = {}
    for path, _ in register.store.listed(data.absolute()):
        digest = sha256((data / path).read_bytes())
        if register.store.holds(digest):
            found.setdefault(owner_of(data / path, data), {}).setdefault(digest, data / path)
    several = {owner: pictures for owner, pictures in sorted(found.items()) if len(pictures) > 1}
    if not several:
        msg = f"{data} holds no owner with two marks; name a folder of them, with a folder for each owner."
        raise DataRefused(msg)
    return several


def _figures(register: Register, owned: dict[str, dict[str, Path]], settings: OwnedRegisterSettings) -> Table:
    rng = np.random.default_rng(settings.seed)
    found: dict[str, list[dict[str, float]]] = {}
    owners = []
    for owner, pictures in tqdm(owned.items(), "searching", unit="owner", leave=False):
        digests = sorted(pictures)
        for place in sorted(rng.permutation(len(digests))[: settings.searches].tolist()):
            others = {*digests} - {digests[place]}
            search = register.search(read_exhibit(pictures[digests[place]]), most=_MOST)
            for ranking, figures in _of_search(search, others).items():
                found.setdefault(ranking, []).append(figures)
            owners.append(owner)
    over = f"{len(owners)} searches for the other marks of {len(owned)} owners among {len(register.store):,} marks"
    return {
        ranking: {name: mean_by_source(np.array([one[name] for one in of]), np.array(owners), over) for name in of[0]}
        for ranking, of in found.items()
    }


def _of_search(search: MarkSearch, others: set[str]) -> dict[str, dict[str, float]]:
    """Of each ranking: whether another picture of the owner comes first or among ten, and how many of the first n are.

    Here n is how many others there are, at most twenty.
    """
    figures = {}
    for ranking in search.rankings:
        order = [one for one in dict.fromkeys(mark.sha256 for mark in ranking.marks) if one != search.exhibit.sha256]
        hits = np.isin(order, [*others])
        most = min(len(others), _MOST - 1)
        figures[ranking.name] = {
            "first": float(hits[:1].any()),
            f"among {_AMONG}": float(hits[:_AMONG].any()),
            "R-precision": float(hits[:most].sum() / most),
        }
    best = {name: max(of[name] for of in figures.values()) for name in next(iter(figures.values()))}
    return figures | {"best of the four": best}
