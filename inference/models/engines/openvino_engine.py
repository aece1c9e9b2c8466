"""OpenVINO as an engine: a pass compiled for the processor at hand."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import platform
import warnings
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from inference.models.engines.engine import EngineRefused, Maps, Pass, Run, TorchEngine
from inference.models.engines.kept import KeptFile, compiled_folder
from inference.models.provenance import code_version, library_versions
from inference.records import EngineName

logger = logging.getLogger(__name__)

PRECISION = "f32"
"""OpenVINO would choose bfloat16 by itself on a processor that has it. A lower precision may only stand here for a
model whose card says that its figures were validated at it; no card says so yet."""
AGREEMENT = 1e-4
"""Largest difference from PyTorch on the probe, as a share of a map's largest value. Rounding makes some 5e-6 of it;
bfloat16 a hundredth."""
_TRACED, _PROBED = (64, 96), (128, 96)
"""Where sizes of images vary, those for which a pass is traced and tried, in pixels: other ones, so that what holds for
one size alone shows."""


class OpenVinoEngine:
    """Runs a pass by OpenVINO on the processor. Threads may share it.

    It is compiled when it is made, for any number of images, or taken from the folder of what was compiled before.

    Args:
        one: The pass.
        folder: Where what was compiled is kept; by default in the user's cache folder.

    Raises:
        EngineRefused: if OpenVINO cannot run the pass, or runs it otherwise than PyTorch does.
    """

    name: ClassVar[EngineName] = "openvino"

    def __init__(self, one: Pass, folder: Path | None = None) -> None:
        try:
            self._compiled = _compiled(one, folder or compiled_folder())
        # PyTorch's tracing and OpenVINO raise errors of many kinds, and each means that PyTorch has to run the pass.
        except Exception as error:
            logger.debug("OpenVINO cannot run %s", one, exc_info=True)
            why = error if isinstance(error, EngineRefused) else f"it fails with {type(error).__name__}"
            msg = f"OpenVINO cannot run {one.model} ({one.name}) here: {why}; use --engine torch."
            raise EngineRefused(msg) from error
        self._lock = Lock()

    def features(self, images: Tensor) -> Maps:
        """See `Engine`."""
        with self._lock:
            return self._compiled(images)


class _Compiled:
    """A model that OpenVINO has compiled, ready to run."""

    def __init__(self, compiled: Any) -> None:
        self._outputs = range(len(compiled.outputs))
        self._request = compiled.create_infer_request()

    def __call__(self, images: Tensor) -> Maps:
        # Results are copied, since the next request writes over them.
        found = self._request.infer([np.ascontiguousarray(images.numpy())], share_inputs=True)
        return tuple(torch.from_numpy(found[index]) for index in self._outputs)


def _compiled(one: Pass, folder: Path) -> _Compiled:
    """A pass, kept from an earlier start, or compiled now and kept; either way it agrees with PyTorch on a probe."""
    core, settings = _core(), _settings()
    probe = torch.randn(1, 3, *(one.size or _PROBED), generator=torch.Generator().manual_seed(0))
    expected = TorchEngine(one.run).features(probe)
    kept = KeptFile(folder, _key(one, settings, core.get_property("CPU", "FULL_DEVICE_NAME")))
    with kept.held():
        content = kept.read()
        if content is not None:
            try:
                return _agreeing(core.import_model(content, "CPU", settings), probe, expected)
            except (RuntimeError, EngineRefused) as error:
                logger.debug("%s cannot be used", kept.path, exc_info=True)
                logger.warning("%s is not used (%s); it is compiled again.", kept.path, type(error).__name__)
        compiled = core.compile_model(_converted(one), "CPU", settings)
        agreeing = _agreeing(compiled, probe, expected)
        exported = io.BytesIO()
        compiled.export_model(exported)
        kept.write(exported.getvalue())
        return agreeing


@cache
def _core() -> Any:
    """The one core of this process, never let go.

    With the first model a core gives the calling thread a stack for signals, which goes when the core goes. If another
    thread lets it go, the first one keeps the address, and the next signal, such as Ctrl-C, ends the process.
    """
    import openvino

    return openvino.Core()


def _settings() -> dict[str, str]:
    threads = str(torch.get_num_threads())
    return {"INFERENCE_PRECISION_HINT": PRECISION, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": "1"}


def _key(one: Pass, settings: dict[str, str], processor: str) -> str:
    """Hexadecimal digits that change with all that a compiled pass is made of, and for."""
    made_of = [one.name, one.weights_sha256, one.size, settings, code_version(), library_versions("openvino")]
    return hashlib.sha256(json.dumps([*made_of, processor, platform.machine()]).encode()).hexdigest()[:32]


def _agreeing(compiled: Any, probe: Tensor, expected: Maps) -> _Compiled:
    """What was compiled, if it gives the maps that PyTorch gives of a probe."""
    ready = _Compiled(compiled)
    away = max(_away(found, map_) for found, map_ in zip(ready(probe), expected, strict=True))
    # Not `away > AGREEMENT`: maps with NaN must not agree.
    if not away <= AGREEMENT:
        msg = f"its maps differ from PyTorch's by {away:.2g} of the largest value, and {AGREEMENT:g} is allowed"
        raise EngineRefused(msg)
    return ready


def _away(found: Tensor, expected: Tensor) -> float:
    """The largest difference as a share of the largest value; infinite if the shapes differ."""
    if found.shape != expected.shape:
        return float("inf")
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(torch.finfo(torch.float32).tiny))


class _AsModule(nn.Module):
    """A pass as the module that PyTorch traces."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def forward(self, images: Tensor) -> Tensor | Maps:
        return self._run(images)


def _converted(one: Pass) -> Any:
    """A pass as OpenVINO's own model, for any number of images, and where sizes vary for any size.

    OpenVINO's `convert_model` does the same and reports its use to its makers; nothing leaves this machine here.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    images = torch.zeros(2, 3, *(one.size or _TRACED))
    with torch.no_grad(), warnings.catch_warnings():
        # PyTorch advises `torch.export`, which takes ten times as long and cannot leave height and width open. It warns
        # of shapes and values that become constants in a trace, too; the probe has others.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(_AsModule(one.run).eval(), images, check_trace=False)
    # The decoder must outlive the conversion, which reads it as it goes.
    decoder = TorchScriptPythonDecoder(traced)
    frontend = FrontEndManager().load_by_framework("pytorch")
    model = frontend.convert(frontend.load(decoder))
    model.reshape([-1, 3, *(one.size or (-1, -1))])
    return model
