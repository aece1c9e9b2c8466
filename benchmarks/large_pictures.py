"""What pictures of 49 megapixels cost the running app: seconds a call, and the memory that is not given back.

Run by hand, on Linux: `python -m benchmarks.large_pictures`. The app is started as an examiner starts it, and a client
of its API examines, locates and compares in turn, each picture with bytes of its own. Seconds and megabytes depend on
the machine; the ratio of the memory after all calls to that after the first ten hardly does.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import gradio_client
import numpy as np
import tyro
from PIL import Image

ROOT = Path(__file__).parents[1]
CALLS = ("examine", "locate", "compare")
SETTLED = 10


@dataclass(frozen=True)
class Settings:
    """How many calls, with how large pictures."""

    calls: int = 100
    """Calls, above ten."""
    side: int = 7000
    """Side of the square pictures in pixels."""
    port: int | None = None
    """Port of the app; any free one when left out."""


def picture(example: Path, side: int) -> bytes:
    """A JPEG of an example, enlarged, with the grain that a camera adds."""
    with Image.open(example) as small:
        upright = Image.new("RGB", small.size, "white")
        upright.paste(small, mask=small.getchannel("A") if small.mode == "RGBA" else None)
    pixels = np.asarray(upright.resize((side, side), Image.Resampling.BICUBIC), np.int16)
    rng = np.random.default_rng(0)
    grain = rng.integers(-6, 7, (side, side, 1), np.int16) if example.suffix == ".jpg" else np.int16(0)
    with tempfile.TemporaryFile() as file:
        Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
        file.seek(0)
        return file.read()


def marked(jpeg: bytes, number: int) -> bytes:
    """The same picture in other bytes: with a comment."""
    comment = f"copy {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def megabytes(process: int, kind: str) -> int:
    """Memory of a process: VmRSS, what it has now, or VmHWM, the most it ever had."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(rf"^{kind}:\s+(\d+) kB", status, re.MULTILINE)[0]) // 1024


def wait_for(app: subprocess.Popen, port: int) -> None:
    """Return once the app answers."""
    while app.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.5)
    msg = "The app did not start; see what it wrote."
    raise SystemExit(msg)


def main(settings: Settings) -> None:
    """Print seconds for each kind of call, and the memory after ten calls and after all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", settings.port or 0))
        port = free.getsockname()[1]
    app = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for(app, port)
        report(gradio_client.Client(f"http://127.0.0.1:{port}", verbose=False), app.pid, settings)
    finally:
        app.send_signal(signal.SIGTERM)
        app.wait()


def report(client: gradio_client.Client, process: int, settings: Settings) -> None:
    """Call, measure and print."""
    examples = ROOT / "ui" / "examples"
    part = picture(sorted((examples / "parts").glob("leather_tag*genuine*.jpg"))[0], settings.side)
    mark = picture(sorted((examples / "marks").glob("*/*.png"))[0], settings.side)
    print(
        f"{settings.calls} calls, pictures of {settings.side} x {settings.side}; {megabytes(process, 'VmRSS')} MB idle"
    )
    seconds: dict[str, list[float]] = {kind: [] for kind in CALLS}
    resident = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(settings.calls):
            kind = CALLS[number % len(CALLS)]
            files = []
            for place, jpeg in enumerate((part, mark) if kind == "compare" else (part,)):
                path = Path(folder) / f"{place}.jpg"
                path.write_bytes(marked(jpeg, number))
                files.append(gradio_client.handle_file(str(path)))
            start = time.perf_counter()
            client.predict(*files, api_name=f"/{kind}")
            seconds[kind].append(time.perf_counter() - start)
            resident.append(megabytes(process, "VmRSS"))
            if (number + 1) % SETTLED == 0:
                print(
                    f"{resident[-1]:>6} MB after {number + 1} calls, {megabytes(process, 'VmHWM')} at most", flush=True
                )
    for kind, values in seconds.items():
        print(f"{kind:>8}: {median(values):6.2f} s")
    print(f"after all calls {resident[-1] / resident[SETTLED - 1]:.3f} times the memory after {SETTLED}")


if __name__ == "__main__":
    main(tyro.cli(Settings))
