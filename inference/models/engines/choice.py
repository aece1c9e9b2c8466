"""Which engine runs the networks."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from inference.models.engines.engine import (
    Engine,
    EngineRefused,
    MakeEngine,
    Pass,
    by_torch,
)
from inference.models.engines.openvino_engine import OpenVinoEngine
from inference.records import EngineChoice, EngineName

logger = logging.getLogger(__name__)


def openvino_or_torch(one: Pass) -> Engine:
    """What runs a pass by OpenVINO, or by PyTorch where OpenVINO cannot."""
    try:
        return OpenVinoEngine(one)
    except EngineRefused as refusal:
        logger.warning("PyTorch takes the place of OpenVINO. %s", refusal)
        return by_torch(one)


def engine_name(choice: EngineChoice, device: str) -> EngineName:
    """The engine that a choice names on a device; for `auto`, OpenVINO on a processor where it is installed.

    Raises:
        EngineRefused: if OpenVINO is asked for, and is not installed or does not run on the device.
    """
    installed = find_spec("openvino") is not None
    if choice == "auto":
        return "openvino" if installed and device == "cpu" else "torch"
    if choice == "openvino" and device != "cpu":
        msg = f"OpenVINO runs on the processor alone, not on {device}; leave out the device, or use --engine torch."
        raise EngineRefused(msg)
    if choice == "openvino" and not installed:
        msg = "OpenVINO is not installed; install it with pip install openvino, or use --engine torch."
        raise EngineRefused(msg)
    return choice


def engine_for(choice: EngineChoice, device: str) -> MakeEngine:
    """What makes the engines of a choice on a device; `auto` falls back on PyTorch where OpenVINO cannot run a pass.

    Raises:
        EngineRefused: see `engine_name`.
    """
    if engine_name(choice, device) == "torch":
        return by_torch
    return openvino_or_torch if choice == "auto" else OpenVinoEngine
