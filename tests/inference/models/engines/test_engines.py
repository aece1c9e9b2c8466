"""Engines: OpenVINO gives what PyTorch gives, from a cold start, from what was kept, and from nothing at all."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from inference.authenticity.examiner import AuthenticityExaminer
from inference.bench import Bench
from inference.collections.examiner import CollectionExaminer
from inference.intake.exhibit import read_exhibit
from inference.locator.examiner import Locator
from inference.models.engines import openvino_engine
from inference.models.engines.choice import engine_for, engine_name, openvino_or_torch
from inference.models.engines.engine import Engine, EngineRefused, Pass, Run, TorchEngine, by_torch
from inference.models.engines.kept import KeptFile
from inference.models.engines.openvino_engine import AGREEMENT, OpenVinoEngine
from inference.networks.backbones import build_backbone
from inference.networks.mmal_net import MmalNet
from inference.records import Exhibit
from inference.request import Request
from inference.trademark.examiner import TrademarkExaminer

pytest.importorskip("openvino")

PROJECT = Path(__file__).parents[4]
PARTS = sorted((PROJECT / "ui" / "examples" / "parts").glob("*.jpg"))
LABELS = [path for path in PARTS if path.name.startswith("round_label")]
PAIRS = sorted(path for path in (PROJECT / "ui" / "examples" / "marks").iterdir() if path.is_dir())
COLLECTION = "round_label_atelier"
NATS, SHARE_OF_FULL_SCALE = 1e-3, 1e-3

SHIPPED = (
    "leather_tag features",
    "leather_tag quarter",
    "metal_buckle features",
    "metal_buckle quarter",
    "efficientnet_lite0 features",
    "efficientnet_lite0 patches",
    "hms_icon_marks features",
    "hms_icon_marks embeddings",
    "comparator log odds",
    "locator features",
)


def noise(batch: int, height: int, width: int, seed: int = 1) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


INPUTS: dict[str, Callable[[int, int], Tensor]] = {
    "noise": lambda height, width: noise(2, height, width),
    "black": lambda height, width: torch.full((1, 3, height, width), -1.0),
    "white": lambda height, width: torch.ones(3, 3, height, width),
    "a gradient": lambda height, width: torch.linspace(-1, 1, width).expand(1, 3, height, width),
    "far outside of pixels": lambda height, width: 50 * noise(1, height, width),
    "channels last": lambda height, width: noise(1, height, width).contiguous(memory_format=torch.channels_last),
}


def exhibit(path: Path) -> Exhibit:
    return read_exhibit(path)


def pair(folder: Path) -> tuple[Exhibit, Exhibit]:
    first, second = sorted(folder.iterdir())
    return exhibit(first), exhibit(second)


@pytest.fixture(scope="module")
def passes() -> dict[str, Pass]:
    """Every pass that the shipped models ask for when they examine the examples."""
    asked: dict[str, Pass] = {}

    def noting(one: Pass) -> Engine:
        asked[f"{one.model} {one.name}"] = one
        return by_torch(one)

    for model in ("leather_tag", "metal_buckle"):
        AuthenticityExaminer.load(model, make_engine=noting).examine(exhibit(PARTS[0]))
    TrademarkExaminer.load("hms_icon_marks", make_engine=noting).compare(*pair(PAIRS[0]))
    CollectionExaminer.load("comparator", make_engine=noting)
    Locator.load("locator", make_engine=noting)
    return asked


@pytest.fixture(scope="module")
def engines(passes: dict[str, Pass]) -> dict[str, OpenVinoEngine]:
    return {name: OpenVinoEngine(one) for name, one in passes.items()}


def sizes(one: Pass) -> list[tuple[int, int]]:
    return [one.size] if one.size else [(96, 160), (192, 64)]


def away(engine: Engine, one: Pass, images: Tensor) -> float:
    """The largest difference from PyTorch, as a share of a map's largest value."""
    found, expected = engine.features(images), by_torch(one).features(images)
    assert [map_.shape for map_ in found] == [map_.shape for map_ in expected]
    assert all(map_.dtype == torch.float32 for map_ in found)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected, strict=True))


def test_every_shipped_model_asks_for_these_passes(passes: dict[str, Pass]) -> None:
    assert {*passes} == {*SHIPPED}


@pytest.mark.parametrize("what", INPUTS)
@pytest.mark.parametrize("name", SHIPPED)
def test_the_maps_are_those_of_torch(
    name: str, what: str, passes: dict[str, Pass], engines: dict[str, OpenVinoEngine]
) -> None:
    for size in sizes(passes[name]):
        assert away(engines[name], passes[name], INPUTS[what](*size)) < AGREEMENT


@pytest.mark.parametrize("name", SHIPPED)
def test_images_are_seen_in_a_batch_as_they_are_seen_alone(
    name: str, passes: dict[str, Pass], engines: dict[str, OpenVinoEngine]
) -> None:
    images = noise(5, *sizes(passes[name])[0])
    together = engines[name].features(images)
    for index, image in enumerate(images):
        for joint, alone in zip(together, engines[name].features(image[None]), strict=True):
            assert float((joint[index] - alone[0]).abs().max() / alone.abs().max()) < 1e-5


def test_maps_stay_as_they_are_when_the_next_images_come(engines: dict[str, OpenVinoEngine]) -> None:
    engine = engines["efficientnet_lite0 features"]
    (first,) = engine.features(noise(1, 224, 224))
    before = first.clone()
    engine.features(noise(1, 224, 224, seed=2))
    assert torch.equal(first, before)


@pytest.fixture(scope="module")
def benches() -> dict[str, Bench]:
    return {"torch": Bench(), "openvino": Bench(engine="openvino")}


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_verdicts_on_the_examples_are_the_same(path: Path, benches: dict[str, Bench]) -> None:
    """Each by the model of its part; that of tags refuses the labels."""
    model = "metal_buckle" if path.name.startswith("metal_buckle") else "leather_tag"
    by_reference, compiled = (benches[name].examine(Request(exhibit(path)), model) for name in ("torch", "openvino"))
    assert (compiled.outcome, compiled.series) == (by_reference.outcome, by_reference.series)
    assert compiled.log_odds == pytest.approx(by_reference.log_odds, abs=NATS)
    assert compiled.score == pytest.approx(by_reference.score, abs=NATS)
    difference = abs(compiled.heatmap.raw - by_reference.heatmap.raw).max()
    assert difference <= SHARE_OF_FULL_SCALE * compiled.heatmap.full_scale
    assert [check.status for check in compiled.scope_checks] == [check.status for check in by_reference.scope_checks]


@pytest.mark.parametrize("folder", PAIRS, ids=lambda folder: folder.name)
def test_comparisons_of_the_examples_are_the_same(folder: Path, benches: dict[str, Bench]) -> None:
    by_reference, compiled = (benches[name].compare(*pair(folder)) for name in ("torch", "openvino"))
    assert compiled.outcome == by_reference.outcome
    assert compiled.log_odds == pytest.approx(by_reference.log_odds, abs=NATS)
    for before, after in zip(by_reference.sub_scores, compiled.sub_scores, strict=True):
        assert after.log_odds == pytest.approx(before.log_odds, abs=NATS)
    for before, after in zip(by_reference.heatmaps, compiled.heatmaps, strict=True):
        assert abs(after.raw - before.raw).max() <= SHARE_OF_FULL_SCALE * after.full_scale
    assert len(compiled.correspondences) == len(by_reference.correspondences)


def test_a_comparison_is_the_same_to_the_bit_whichever_mark_comes_first(benches: dict[str, Bench]) -> None:
    first, second = pair(PAIRS[0])
    one, other = benches["openvino"].compare(first, second), benches["openvino"].compare(second, first)
    assert one.log_odds == other.log_odds
    assert (one.heatmaps[0].raw == other.heatmaps[1].raw).all()


@pytest.mark.parametrize("path", LABELS, ids=lambda path: path.stem)
def test_examinations_beside_a_collection_are_the_same(path: Path, benches: dict[str, Bench]) -> None:
    request = Request(exhibit(path))
    by_reference, compiled = (benches[name].examine_beside(request, COLLECTION) for name in ("torch", "openvino"))
    assert compiled.outcome == by_reference.outcome
    assert compiled.score == pytest.approx(by_reference.score, abs=NATS)
    for before, after in zip(by_reference.witnesses, compiled.witnesses, strict=True):
        assert abs(after.heatmap.raw - before.heatmap.raw).max() <= SHARE_OF_FULL_SCALE * after.heatmap.full_scale


@pytest.mark.parametrize("path", PARTS[::2], ids=lambda path: path.stem)
def test_the_same_parts_are_located(path: Path, benches: dict[str, Bench]) -> None:
    by_reference, compiled = (benches[name].detections(exhibit(path)) for name in ("torch", "openvino"))
    assert [(one.part, one.crop) for one in compiled] == [(one.part, one.crop) for one in by_reference]
    for before, after in zip(by_reference, compiled, strict=True):
        assert after.score == pytest.approx(before.score, abs=1e-4)


def test_records_state_the_engine_and_its_version(benches: dict[str, Bench]) -> None:
    import openvino

    request = Request(exhibit(PARTS[0]))
    stated = {name: bench.examine(request, "leather_tag").provenance for name, bench in benches.items()}
    assert {name: provenance.engine for name, provenance in stated.items()} == {
        "torch": "torch",
        "openvino": "openvino",
    }
    assert "openvino" not in stated["torch"].libraries
    assert openvino.get_version().startswith(stated["openvino"].libraries["openvino"])
    assert benches["openvino"].examine_beside(request, COLLECTION).provenance.engine == "openvino"


SIX = Pass("features", "tiny", "a" * 64, build_backbone("six_layer_cnn").eval().requires_grad_(False), (64, 96))
IMAGES = noise(2, 64, 96)


def compiled_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name != ".lock")


def test_what_was_compiled_is_kept_and_gives_the_same_to_the_bit(tmp_path: Path) -> None:
    (fresh,) = OpenVinoEngine(SIX, tmp_path).features(IMAGES)
    (file,) = compiled_files(tmp_path)
    written = file.stat().st_mtime_ns
    (again,) = OpenVinoEngine(SIX, tmp_path).features(IMAGES)
    assert torch.equal(fresh, again)
    assert [file.stat().st_mtime_ns for file in compiled_files(tmp_path)] == [written]


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "a bit of its hash": lambda content: flip(content, 3),
    "a byte of its weights": lambda content: flip(content, len(content) // 2),
    "something else": lambda _: b"\0" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_compiled_again(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    OpenVinoEngine(SIX, tmp_path)
    (file,) = compiled_files(tmp_path)
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert away(OpenVinoEngine(SIX, tmp_path), SIX, IMAGES) < AGREEMENT
    assert [record.message for record in caplog.records] == [f"{file} is damaged; it is compiled again."]
    assert KeptFile(tmp_path, file.stem).read() is not None


def test_a_whole_file_that_is_no_compiled_pass_is_compiled_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    OpenVinoEngine(SIX, tmp_path)
    (file,) = compiled_files(tmp_path)
    KeptFile(tmp_path, file.stem).write(b"no compiled pass")
    assert away(OpenVinoEngine(SIX, tmp_path), SIX, IMAGES) < AGREEMENT
    assert f"{file} is not used" in caplog.text


def test_a_whole_file_of_other_weights_is_never_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    OpenVinoEngine(SIX, tmp_path / "own")
    other = build_backbone("six_layer_cnn").eval().requires_grad_(False)
    OpenVinoEngine(Pass(SIX.name, SIX.model, "b" * 64, other, SIX.size), tmp_path / "other")
    (own,), (foreign,) = compiled_files(tmp_path / "own"), compiled_files(tmp_path / "other")
    shutil.copy(foreign, own)
    assert away(OpenVinoEngine(SIX, tmp_path / "own"), SIX, IMAGES) < AGREEMENT
    assert f"{own} is not used (EngineRefused); it is compiled again." in caplog.text


def test_the_key_changes_with_all_that_a_compiled_pass_is_made_of_and_for() -> None:
    settings = {"INFERENCE_NUM_THREADS": "2"}
    keys = {
        openvino_engine._key(SIX, settings, "AMD EPYC"),
        openvino_engine._key(SIX, settings, "Apple M4"),
        openvino_engine._key(SIX, {"INFERENCE_NUM_THREADS": "4"}, "AMD EPYC"),
        openvino_engine._key(Pass("quarter", SIX.model, SIX.weights_sha256, SIX.run, SIX.size), settings, "AMD EPYC"),
        openvino_engine._key(Pass(SIX.name, SIX.model, "b" * 64, SIX.run, SIX.size), settings, "AMD EPYC"),
        openvino_engine._key(Pass(SIX.name, SIX.model, SIX.weights_sha256, SIX.run, (64, 64)), settings, "AMD EPYC"),
    }
    assert len(keys) == 6
    assert openvino_engine._key(SIX, settings, "AMD EPYC") in keys


_MAPS_OF_TWO = """
import sys, torch
from pathlib import Path
from inference.models.engines.engine import Pass
from inference.models.engines.openvino_engine import OpenVinoEngine
from inference.models.weights import load_model
network = load_model("efficientnet_lite0").network.requires_grad_(False)
sys.stdin.readline()
engine = OpenVinoEngine(Pass("features", "lite", "a" * 64, network, (64, 64)), Path(sys.argv[1]))
print(engine.features(torch.ones(1, 3, 64, 64))[0].double().sum().item())
"""


def test_two_processes_that_start_at_once_share_one_whole_file(tmp_path: Path) -> None:
    folder = tmp_path / "made by the first"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", _MAPS_OF_TWO, str(folder)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("now\n")
        one.stdin.flush()
    answers = [one.communicate(timeout=300) for one in both]
    assert [one.returncode for one in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert "again" not in answers[0][1] + answers[1][1]
    (file,) = compiled_files(folder)
    assert KeptFile(folder, file.stem).read() is not None


_SIGNAL_AFTERWARDS = """
import faulthandler, os, signal, sys, torch
from pathlib import Path
from threading import Thread
from inference.models.engines.engine import Pass
from inference.models.engines.openvino_engine import OpenVinoEngine
faulthandler.enable()  # it gives this thread a stack for signals; without one a handler does not need it
signal.signal(signal.SIGTERM, lambda *_: print("heard"))
engines = [OpenVinoEngine(Pass("features", "relu", "a" * 64, torch.relu, (8, 8)), Path(sys.argv[1]))]
thread = Thread(target=engines.clear)
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_is_heard_after_another_thread_let_an_engine_go(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _SIGNAL_AFTERWARDS, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (0, "heard\n"), ran.stderr


def test_it_works_where_no_folder_can_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("a file stands in the place of the folder")
    assert away(OpenVinoEngine(SIX, tmp_path / "file" / "cache"), SIX, IMAGES) < AGREEMENT
    assert "is not kept, and is compiled again at the next start" in caplog.text


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file can grow above 1,000 bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_works_on_a_full_disk_and_leaves_nothing_there(
    tmp_path: Path, little_room: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert away(OpenVinoEngine(SIX, tmp_path), SIX, IMAGES) < AGREEMENT
    assert compiled_files(tmp_path) == []
    assert "is not kept, and is compiled again at the next start" in caplog.text


def test_the_latest_files_are_kept_and_earlier_ones_make_room(tmp_path: Path) -> None:
    for number in range(70):
        KeptFile(tmp_path, f"{number:032}").write(b"compiled")
        os.utime(KeptFile(tmp_path, f"{number:032}").path, (number, number))
    kept = [path.stem for path in compiled_files(tmp_path)]
    assert len(kept) == 64
    assert kept[-1] == f"{69:032}"


def mmal() -> Pass:
    """A pass that depends on the values of its images: they say where it looks again."""
    return Pass(
        "features", "rival", "c" * 64, MmalNet("six_layer_cnn", 4).eval().requires_grad_(False).features, (96, 96)
    )


def test_what_openvino_cannot_run_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused) as refused:
        OpenVinoEngine(mmal(), tmp_path)
    assert str(refused.value) == (
        "OpenVINO cannot run rival (features) here: it fails with OpConversionFailure; use --engine torch."
    )


def test_auto_has_torch_run_it_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    one = mmal()
    engine = openvino_or_torch(one)
    images = noise(1, 96, 96)
    engine.features(images)
    assert engine.name == "torch"
    assert torch.equal(engine.features(images)[0], TorchEngine(one.run).features(images)[0])
    (said,) = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert said.startswith("PyTorch takes the place of OpenVINO. OpenVINO cannot run rival (features) here: ")


@pytest.mark.parametrize(
    "run",
    [lambda images: images / float(images.shape[0]), lambda images: images - float(images.max())],
    ids=["number of images", "value"],
)
def test_a_pass_that_holds_for_the_images_of_the_trace_alone_shows_on_the_probe(run: Run, tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="its maps differ from PyTorch's by"):
        OpenVinoEngine(Pass("features", "tiny", "d" * 64, run, (32, 32)), tmp_path)
    assert compiled_files(tmp_path) == []


def test_a_lower_precision_shows_on_the_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    if "BF16" not in openvino_engine._core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bfloat16")
    monkeypatch.setattr(openvino_engine, "PRECISION", "bf16")
    with pytest.raises(EngineRefused, match="its maps differ from PyTorch's by"):
        OpenVinoEngine(SIX, tmp_path)


@pytest.mark.parametrize(
    ("choice", "device", "name"),
    [
        ("auto", "cpu", "openvino"),
        ("auto", "cuda", "torch"),
        ("auto", "mps", "torch"),
        ("torch", "cpu", "torch"),
        ("openvino", "cpu", "openvino"),
    ],
)
def test_the_engine_of_a_choice_on_a_device(choice: str, device: str, name: str) -> None:
    assert engine_name(choice, device) == name  # type: ignore[arg-type]


def test_openvino_on_another_device_is_refused() -> None:
    with pytest.raises(EngineRefused) as refused:
        Bench(device="cuda", engine="openvino")
    assert str(refused.value) == (
        "OpenVINO runs on the processor alone, not on cuda; leave out the device, or use --engine torch."
    )


_WITHOUT = """
import sys
sys.modules["openvino"] = None
from inference.command_line.commands import main
sys.argv = ["inference", "locate", *sys.argv[1:]]
sys.exit(main())
"""


def without_openvino(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT, str(PARTS[0]), *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_where_it_is_not_installed_torch_locates_and_a_chosen_openvino_is_refused() -> None:
    done = without_openvino()
    assert (done.returncode, done.stderr) == (0, "")
    refused = without_openvino("--engine", "openvino")
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        "OpenVINO is not installed; install it with pip install openvino, or use --engine torch."
    )


def test_openvino_is_imported_only_when_an_engine_is_made() -> None:
    code = (
        "import sys, inference.bench, ui.workbench; inference.bench.Bench(engine='auto'); "
        "print('openvino' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_torch_is_made_by_torch_on_every_device() -> None:
    assert engine_for("torch", "cpu") is engine_for("auto", "cuda") is by_torch
