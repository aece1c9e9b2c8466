"""Training without a counterfeit: an examiner often holds genuine items only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference.models.weights import load_model
from inference.records import Refusal
from training.authenticity.photo_batches import PhotoBatches
from training.authenticity.samples import genuine_training
from training.authenticity.settings import PRESETS, AuthenticitySettings
from training.authenticity.train import train
from training.data.photos.photo_set import read_photo_set


def settings(data: Path, out: Path, **changes: object) -> AuthenticitySettings:
    small = PRESETS["small"]
    fitting = replace(small.fit, out=out, epochs=1)
    sized = replace(small.preprocessing, size=32)
    return replace(
        small,
        **{  # type: ignore[arg-type]
            "data": data,
            "fit": fitting,
            "preprocessing": sized,
            "backbone": "six_layer_cnn",
            "segment_degree": 8,
            "genuine_only": True,
            **changes,
        },
    )


def test_no_counterfeit_is_left_in_training_and_all_elsewhere(photo_folder: Path) -> None:
    photos = read_photo_set(photo_folder)
    kept = genuine_training(photos)
    assert {photo.label for photo in kept.of("train")} == {"genuine"}
    assert list(kept.of("train")) == [p for p in photos.of("train") if p.label == "genuine"]
    for split in ("val", "test"):
        assert kept.of(split) == photos.of(split)
    assert kept.classes == photos.classes
    assert "left out of training" in kept.split_rule


def test_every_counterfeit_it_draws_was_made_by_a_disturbance(photo_folder: Path, tmp_path: Path) -> None:
    chosen = settings(photo_folder, tmp_path, disturbed_share=0.4)
    photos = genuine_training(read_photo_set(photo_folder))
    training = PhotoBatches(photos, chosen, torch.device("cpu"))
    drawn = training.__getitems__([(0, index) for index in range(len(training))])
    assert 0 < int(drawn["disturbed"].sum()) < len(training)
    assert torch.equal(drawn["label"] == photos.classes.index("belt/counterfeit"), drawn["disturbed"] == 1)


def test_the_card_says_that_no_counterfeit_was_met(photo_folder: Path, tmp_path: Path) -> None:
    card = train(settings(photo_folder, tmp_path / "run"))
    assert card is not None
    assert "It has met no counterfeit in training." in card.limits
    assert "Counterfeits were left out of training." in card.split_rule
    assert load_model(card.name, tmp_path / "run").card == card


def test_something_must_make_the_counterfeits(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="since these make the counterfeits"):
        settings(photo_folder, tmp_path, disturbed_share=0.0, warped_share=0.0)


def test_what_is_disturbed_must_count_as_counterfeit_where_there_is_no_other(
    photo_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match="needs --disturbed-are-counterfeits"):
        settings(photo_folder, tmp_path, disturbed_share=0.5, disturbed_are_counterfeits=False)
