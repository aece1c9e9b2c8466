"""A laboratory's own photos: reading, checking and splitting a set."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.authenticity.near_duplicates import near_duplicates, perceptual_hash
from inference.groups import connected_groups
from inference.records import Exhibit
from training.data.photos.listing import LAYOUT, Listed, list_csv, list_folder, require_both_labels
from training.data.photos.photo import SHARES, Photo, PhotoSet, Split
from training.data.set_files import DataRefused, read_all, require_one_owner
from training.data.splits import stratified_split

logger = logging.getLogger(__name__)


def read_photo_set(
    data: Path, *, seed: int = 0, least_items: int = 3, called: str = "", whole_series: bool = False
) -> PhotoSet:
    """Read, check and split a lab's photos.

    A folder is laid out as `<data>/<series>/<label>/*`; a single series needs no folder of its own and
    is called after `data`. A level train, val, test may come first, and is kept. A folder below a label
    is one item; links are followed. A CSV file has the columns path (relative to it), series and label, and
    may have item (the same text is the same item, in whatever class) and split, and of a counterfeit its
    counterfeiter, severity, mask and twin (see `Truth`).

    What the set does not split itself is split 8:1:1, and a split it lacks is taken from its training
    photos in the same proportion: by item, stratified by class, at least one item of each class in each
    split. A photo without a stated item is kept together with its near-duplicates.

    Args:
        data: The folder, or the CSV file.
        seed: Draws the split, >= 0; the same set and seed give the same split.
        least_items: Items needed of each class over all splits; never fewer than 3 are.
        called: Name of a single series without a folder of its own, in place of that of `data`, for a run whose set was
            moved.
        whole_series: Whether each series lies in one split; nothing is drawn, and a set that states none is for test.

    Raises:
        DataRefused: if nothing can be trained on the set as it is.
    """
    if not data.exists():
        msg = f"{data} does not exist; check the path, and note that {LAYOUT}."
        raise DataRefused(msg)
    called = called or data.resolve().name
    listed = sorted(list_folder(data, called) if data.is_dir() else list_csv(data), key=lambda photo: photo.name)
    require_both_labels(listed)

    sha256s, hashes = _read(listed)
    require_one_owner(
        [(photo.name, sha256, photo.class_name) for photo, sha256 in zip(listed, sha256s, strict=True)],
        "remove the one that is wrong.",
    )

    near, groups = _group(listed, sha256s, hashes)
    splits, rule = _own_split(listed) if whole_series else _split(listed, groups, seed, least_items)
    photos = tuple(
        Photo(entry.path, entry.series, entry.label, item, split, sha256, entry.truth, entry.name)
        for entry, item, split, sha256 in zip(listed, _items(listed, groups), splits, sha256s, strict=True)
    )
    rule += _crossings(listed, near, splits)
    return PhotoSet(photos, rule, _manifest_sha256(photos), called)


def _read(listed: Sequence[Listed]) -> tuple[list[str], NDArray[np.bool_]]:
    """SHA-256 of every file, and perceptual hashes (n, 255)."""
    hashes = read_all([(photo.name, photo.path) for photo in listed], "photo", _hashes)
    return [sha256 for sha256, _ in hashes], np.stack([bits for _, bits in hashes])


def _hashes(exhibit: Exhibit) -> tuple[str, NDArray[np.bool_]]:
    """SHA-256 and perceptual hash of a photo."""
    return exhibit.sha256, perceptual_hash(exhibit.pixels)


def _group(
    listed: Sequence[Listed], sha256s: Sequence[str], hashes: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each photo its group of near-duplicates, and the group that no split may divide.

    The second group follows the stated items: only a file that is in both joins two stated items, because
    scans of two labels can be as similar as two scans of one.
    """
    near: list[NDArray[np.intp]] = [_pairs(0, [])]
    together: list[NDArray[np.intp]] = [_pairs(0, [])]
    stated = np.array([photo.item is not None for photo in listed])
    for photo, others in near_duplicates(hashes):
        near.append(_pairs(photo, others))
        together.append(_pairs(photo, others[~stated[others]] if stated[photo] else others))
    for same in ([photo.item for photo in listed], sha256s):
        together += [_pairs(members[0], members) for members in _alike(same)]
    copies, groups = (connected_groups(len(listed), np.concatenate(pairs)) for pairs in (near, together))
    sizes = [size for size in Counter(copies).values() if size > 1]
    logger.info("Found %d groups of near-duplicates: %d of %d photos.", len(sizes), sum(sizes), len(listed))
    return np.array(copies), np.array(groups)


def _pairs(first: int, others: ArrayLike) -> NDArray[np.intp]:
    """The pairs (n, 2) of one photo with others (n,)."""
    second = np.asarray(others, np.intp)
    return np.stack([np.full_like(second, first), second], axis=1)


def _alike(values: Sequence[str | None]) -> list[list[int]]:
    """The indices of each value; None is like nothing."""
    found: dict[str, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        if value is not None:
            found[value].append(index)
    return list(found.values())


def _items(listed: Sequence[Listed], groups: NDArray[np.intp]) -> list[str]:
    """The item of each photo: the stated one, or else that of its group."""
    names: dict[int, str] = {}
    for photo, group in sorted(zip(listed, groups.tolist(), strict=True), key=lambda pair: pair[0].item is None):
        names.setdefault(group, photo.item or photo.name)
    return [photo.item or names[group] for photo, group in zip(listed, groups.tolist(), strict=True)]


def _split(listed: Sequence[Listed], groups: NDArray[np.intp], seed: int, least_items: int) -> tuple[list[Split], str]:
    """The split of every photo, and the rule for the card."""
    given = {photo.split for photo in listed if photo.split}
    if given and "train" not in given:
        msg = f"The set has {_listing(sorted(given))} and no train; add the photos to train on."
        raise DataRefused(msg)
    shares = {split: share for split, share in SHARES.items() if split == "train" or split not in given}
    _require_items(listed, groups, given, shares, least_items)

    classes_of: dict[int, set[str]] = defaultdict(set)
    for photo, group in zip(listed, groups.tolist(), strict=True):
        if photo.split in (None, "train"):
            classes_of[group].add(photo.class_name)
    drawn = dict(zip(classes_of, stratified_split(list(classes_of.values()), shares, seed), strict=True))
    splits = [
        photo.split if photo.split in ("val", "test") else drawn[group]
        for photo, group in zip(listed, groups.tolist(), strict=True)
    ]
    return splits, _rule(listed, shares, seed)


def _own_split(listed: Sequence[Listed]) -> tuple[list[Split], str]:
    """The split that a set states, each series in one; without any, all of it is for test."""
    found: dict[str, set[Split | None]] = defaultdict(set)
    for photo in listed:
        found[photo.series].add(photo.split)
    torn = next((series for series, there in found.items() if len(there) > 1), None)
    if torn is not None:
        msg = f"Each series must lie in one split, and {torn} lies in several splits; state one for all its photos."
        raise DataRefused(msg)
    if all(photo.split is None for photo in listed):
        return ["test"] * len(listed), "The set states no split: all of it is for test."
    return [photo.split or "test" for photo in listed], "The split by series into train, val and test is the set's own."


def _require_items(
    listed: Sequence[Listed],
    groups: NDArray[np.intp],
    given: set[Split],
    shares: Mapping[Split, int],
    least_items: int,
) -> None:
    """Check that each class has enough items, over all splits and in each given split."""
    found: dict[tuple[str, Split | None], set[int]] = defaultdict(set)
    for photo, group in zip(listed, groups.tolist(), strict=True):
        found[photo.class_name, None].add(group)
        if photo.split:
            found[photo.class_name, photo.split].add(group)
    needed: dict[Split | None, int] = {split: len(shares) if split == "train" else 1 for split in sorted(given)}
    needed[None] = max(least_items, len(SHARES))
    for name in sorted({photo.class_name for photo in listed}):
        for split, least in needed.items():
            items = len(found[name, split])
            if items < least:
                msg = (
                    f"The class {name} has {items} item{'s' * (items != 1)}{f' in {split}' if split else ''} and "
                    f"needs {least}; add photos of other items, or state which photos show which item, because "
                    "near-duplicates without a stated item count as one."
                )
                raise DataRefused(msg)


def _rule(listed: Sequence[Listed], shares: Mapping[Split, int], seed: int) -> str:
    own = [split for split in SHARES if split not in shares]
    if len(own) == len(SHARES) - 1:
        return f"The split into {_listing(list(SHARES))} is the set's own."
    stated = {photo.item is not None for photo in listed}
    if stated == {True}:
        unit = "by item"
    elif stated == {False}:
        unit = "by photo (no items are stated, near-duplicates were kept together)"
    else:
        unit = "by item (photos without a stated item by photo, near-duplicates kept together)"
    what = f"the photos for {_listing(own)} are the set's own, the others" if own else "the photos"
    ratio = ":".join(str(share) for share in shares.values())
    rule = f"{what} were split {ratio} into {_listing(list(shares))} {unit}, stratified by class, seed {seed}."
    return rule[0].upper() + rule[1:]


def _crossings(listed: Sequence[Listed], near: NDArray[np.intp], splits: Sequence[Split]) -> str:
    """A sentence on items in more than one split, for log and card; empty if there are none."""
    items = _count_crossing([photo.item for photo in listed], splits)
    duplicates = _count_crossing(near.tolist(), splits)
    counts = f"{items} stated items" * (items > 0), f"{duplicates} groups of near-duplicates" * (duplicates > 0)
    if not any(counts):
        return ""
    warning = f"{' and '.join(filter(None, counts))} lie in more than one split, which flatters the figures."
    logger.warning(warning)
    return f" {warning}"


def _count_crossing(keys: Sequence[Hashable], splits: Sequence[Split]) -> int:
    """How many keys other than None occur in more than one split."""
    found = defaultdict(set)
    for key, split in zip(keys, splits, strict=True):
        if key is not None:
            found[key].add(split)
    return sum(len(there) > 1 for there in found.values())


def _listing(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _manifest_sha256(photos: Sequence[Photo]) -> str:
    lines = [
        "\t".join((photo.name, photo.sha256, photo.series, photo.label, photo.item, photo.split)) for photo in photos
    ]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
