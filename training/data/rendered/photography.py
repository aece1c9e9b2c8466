"""Photography of a rendered part: lamps, cameras, what it lies on. It never learns what it photographs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from training.data.rendered.lettering import Raster
from training.data.rendered.specification import Colour
from training.data.rendered.surfaces import Surface, in_colour, smooth_noise

_CAMERA_DISTANCE = 1500.0
_ROOM = 48


@dataclass(frozen=True)
class Camera:
    """One make of camera.

    Attributes:
        width: Width of its pictures.
        ratio: Height over width.
        blur: Least blur of its lens, in pixels.
        noise: Noise at base sensitivity.
        sharpening: Unsharp mask it applies.
        contrast: Slope of its tone curve in the middle.
        saturation: Of its colours.
        qualities: JPEG qualities it stores at.
        subsampling: Pillow's chroma subsampling, 0 (4:4:4) or 2 (4:2:0).
    """

    width: int
    ratio: float
    blur: float
    noise: float
    sharpening: float
    contrast: float
    saturation: float
    qualities: tuple[int, int]
    subsampling: Literal[0, 2]


CAMERAS = (
    Camera(672, 0.75, 0.45, 0.006, 0.5, 1.10, 1.10, (86, 95), 2),
    Camera(640, 0.75, 0.70, 0.010, 0.9, 1.20, 1.20, (78, 88), 2),
    Camera(704, 0.667, 0.40, 0.004, 0.0, 1.00, 1.00, (90, 96), 0),
    Camera(640, 0.8, 0.85, 0.014, 0.3, 1.05, 0.95, (72, 84), 2),
)


@dataclass(frozen=True)
class Photography:
    """The circumstances of one photo; angles in degrees, lengths in pixels of the photo."""

    camera: Camera
    quality: int
    filled: float
    rotation: float
    tilt: tuple[float, float]
    shift: tuple[float, float]
    azimuth: float
    elevation: float
    exposure: float
    warmth: float
    tint: float
    vignette: float
    blur: float
    noise: float
    ground: Literal["cloth", "wood", "paper", "stone"]
    ground_colour: Colour

    @classmethod
    def draw(cls, rng: Generator) -> Photography:
        """Circumstances for any photo: the one distribution that both labels are photographed under."""
        camera = CAMERAS[int(rng.integers(len(CAMERAS)))]
        brightness, tint = rng.uniform(0.03, 0.5), rng.uniform(0.8, 1.2, 3)
        return cls(
            camera=camera,
            quality=int(rng.integers(camera.qualities[0], camera.qualities[1] + 1)),
            filled=rng.uniform(0.74, 0.92),
            rotation=rng.normal(0, 4),
            tilt=(rng.uniform(-14, 14), rng.uniform(-14, 14)),
            shift=(rng.uniform(-14, 14), rng.uniform(-10, 10)),
            azimuth=rng.uniform(0, 360),
            elevation=rng.uniform(35, 65),
            exposure=rng.uniform(0.8, 1.2),
            warmth=rng.uniform(-0.12, 0.12),
            tint=rng.uniform(-0.04, 0.04),
            vignette=rng.uniform(0.0, 0.35),
            blur=rng.gamma(2.0, 0.12),
            noise=float(np.exp(rng.normal(0, 0.3))),
            ground=("cloth", "wood", "paper", "stone")[int(rng.integers(4))],
            ground_colour=(brightness * tint[0], brightness * tint[1] * 0.95, brightness * tint[2] * 0.88),
        )


@dataclass(frozen=True)
class Photographed:
    """One photo.

    Attributes:
        jpeg: The file.
        size: Width and height in pixels.
        homography: From the flat part to the photo, float64 (3, 3).
    """

    jpeg: bytes
    size: tuple[int, int]
    homography: Raster


def photograph(surface: Surface, rng: Generator) -> Photographed:
    """One photo of a part on a table.

    All randomness is drawn from `rng` alone and in an order that does not depend on the surface, so
    that a counterfeit and its twin, photographed with the same state, differ in the alteration only.
    """
    seen = Photography.draw(rng)
    height, width = surface.cover.shape
    size = (seen.camera.width, round(seen.camera.width * max(seen.camera.ratio, 1.04 * height / width)))
    homography = _perspective((height, width), size, seen)
    laid = cv2.warpPerspective(light(surface, seen, rng), homography, size, flags=cv2.INTER_AREA)
    cover = cv2.warpPerspective(surface.cover, homography, size)
    scene = in_colour(ground(seen, size, rng) * shade(cover, seen) * (1 - cover), seen.ground_colour) + laid
    return Photographed(develop(under_the_lamp(scene, seen), seen, rng), size, homography)


def shade(cover: Raster, seen: Photography) -> Raster:
    """Share of the light that something flat leaves on what it lies on, 0 to 1, float32 (h, w)."""
    size = cover.shape[::-1]
    azimuth = np.deg2rad(seen.azimuth)
    reach = 9 / np.tan(np.deg2rad(seen.elevation))
    fall = np.array([[1, 0, -reach * np.cos(azimuth)], [0, 1, -reach * np.sin(azimuth)]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(cover, fall, size), (0, 0), 5)
    contact = cv2.GaussianBlur(cover, (0, 0), 9)
    return np.asarray((1 - 0.55 * shadow) * (1 - 0.3 * contact))


def under_the_lamp(scene: Raster, seen: Photography) -> Raster:
    """A scene under the lamp's fall-off, the lens's vignette, the exposure and the white balance; (h, w, 3)."""
    size = scene.shape[1::-1]
    azimuth = np.deg2rad(seen.azimuth)
    across = np.linspace(-1, 1, size[0], dtype=np.float32)
    down = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    lamp = 1 + 0.14 * (across * float(np.cos(azimuth)) + down * float(np.sin(azimuth)))
    corners = 1 - seen.vignette * (across**2 + down**2) / 2
    balance = (1 + seen.warmth, 1 + seen.tint, 1 - seen.warmth)
    return scene * in_colour(seen.exposure * lamp * corners, balance)


def develop(scene: Raster, seen: Photography, rng: Generator) -> bytes:
    """What the camera makes of the light: blur, noise, sharpening, tone curve, JPEG."""
    camera = seen.camera
    scene = cv2.GaussianBlur(scene, (0, 0), float(np.hypot(camera.blur, seen.blur)))
    grain = rng.standard_normal(scene.shape, np.float32)
    scene = scene + camera.noise * seen.noise * np.sqrt(np.maximum(scene, 0) + 0.02) * grain
    # A square root stands for the sRGB curve: close to it, and cheap.
    toned = np.sqrt(np.clip(scene, 0, 4))
    toned = np.where(toned > 0.8, 0.8 + 0.2 * np.tanh((toned - 0.8) / 0.2), toned)
    grey = toned.mean(axis=2, keepdims=True)
    toned = grey + camera.saturation * (toned - grey)
    toned = 0.5 + camera.contrast * (toned - 0.5) if camera.contrast != 1 else toned
    toned = toned + camera.sharpening * (toned - cv2.GaussianBlur(toned.astype(np.float32), (0, 0), 1.2))
    pixels = (255 * np.clip(toned, 0, 1) + 0.5).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=seen.quality, subsampling=camera.subsampling)
    return encoded.getvalue()


def light(surface: Surface, seen: Photography, rng: Generator) -> Raster:
    """The part under a lamp in a room, linear RGB times cover, float32 (h, w, 3)."""
    azimuth, elevation = np.deg2rad([seen.azimuth, seen.elevation])
    lamp = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    halfway = lamp + np.array([0, 0, 1])
    halfway /= np.linalg.norm(halfway)
    slope_x, slope_y = (cv2.Sobel(surface.height, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    length = np.sqrt(1 + slope_x**2 + slope_y**2)

    def facing(direction: Raster) -> Raster:
        x, y, z = direction.tolist()
        return np.maximum(z - x * slope_x - y * slope_y, 0) / length

    diffuse = 0.42 + 0.72 * facing(lamp) / float(lamp[2])
    glint = facing(halfway)
    sharp, soft = glint**60, glint**12
    highlight = 0.9 * sharp * (1 - surface.roughness) + 0.22 * soft * (0.4 + surface.metal)
    mirrored = _room_in_mirror(surface, slope_x / length, slope_y / length, rng)
    matt = diffuse * (1 - surface.metal)
    shine = surface.metal * (0.25 * diffuse + mirrored + highlight)
    lit = surface.colour * in_colour((matt + shine) * surface.cover)
    return lit + in_colour(0.16 * highlight * (1 - surface.metal) * surface.cover)


def _room_in_mirror(surface: Surface, lean_x: Raster, lean_y: Raster, rng: Generator) -> Raster:
    """What of the room each point mirrors, about 0 to 1.5: soft boxes and dark corners, blurred by roughness."""
    room = np.full((_ROOM, _ROOM), rng.uniform(0.12, 0.35), np.float32)
    for _ in range(int(rng.integers(2, 5))):
        (x, y), (a, b) = rng.uniform(4, _ROOM - 4, 2), rng.uniform(3, 13, 2)
        turn, bright = rng.uniform(0, 180), rng.uniform(0.4, 1.3)
        cv2.ellipse(room, ((float(x), float(y)), (float(a) * 2, float(b) * 2), float(turn)), float(bright), -1)
    sharp, soft = cv2.GaussianBlur(room, (0, 0), 1.6), cv2.GaussianBlur(room, (0, 0), 6)
    height, width = surface.cover.shape
    centre = rng.uniform(0.35, 0.65, 2) * _ROOM
    # A flat part mirrors a patch of the room; a lean of the surface looks further away.
    at_x = centre[0] + (np.arange(width, dtype=np.float32) / width - 0.5) * 11 + lean_x * 26
    at_y = centre[1] + (np.arange(height, dtype=np.float32)[:, None] / width - 0.3) * 11 + lean_y * 26
    maps = np.broadcast_to(at_x, (height, width)).astype(np.float32), at_y.astype(np.float32)
    views = [cv2.remap(view, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) for view in (sharp, soft)]
    rough = np.clip(surface.roughness * 1.4, 0, 1)
    return views[0] * (1 - rough) + views[1] * rough


def _perspective(shape: tuple[int, int], size: tuple[int, int], seen: Photography) -> Raster:
    """The homography from the flat part to the photo."""
    height, width = shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    spin, nod, swing = np.deg2rad([seen.rotation, *seen.tilt])
    scale = seen.filled * min(size[0] / width, size[1] / height)
    flat = (corners - (width / 2, height / 2)) * scale
    x = flat[:, 0] * np.cos(spin) - flat[:, 1] * np.sin(spin)
    y = flat[:, 0] * np.sin(spin) + flat[:, 1] * np.cos(spin)
    distance = _CAMERA_DISTANCE + y * np.sin(nod) + x * np.sin(swing)
    upright = np.stack([x * np.cos(swing), y * np.cos(nod)], 1) * (_CAMERA_DISTANCE / distance)[:, None]
    middle = (size[0] / 2 + seen.shift[0], size[1] / 2 + seen.shift[1])
    return np.asarray(cv2.getPerspectiveTransform(corners, (upright + middle).astype(np.float32)))


def ground(seen: Photography, size: tuple[int, int], rng: Generator) -> Raster:
    """Brightness of what the part lies on, about 1, float32 (h, w)."""
    shape = size[::-1]
    angle, pitch = rng.uniform(-0.35, 0.35), rng.uniform(4.5, 8)
    x, y = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)[:, None]
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    along, across = x * cos + y * sin, y * cos - x * sin
    match seen.ground:
        case "cloth":
            warp, weft = (np.sin(d * (np.pi / pitch) + 0.5 * smooth_noise(shape, 25, rng)) for d in (along, across))
            pattern = 0.22 * warp * weft + 0.08 * np.abs(warp) + 0.10 * smooth_noise(shape, 2, rng)
        case "wood":
            streaks = cv2.warpAffine(
                smooth_noise((shape[0], 24), 2.2, rng),
                np.array([[30, 0, -40], [np.tan(angle) * 30, 1, -40]]),
                size,
                borderMode=cv2.BORDER_REFLECT,
            )
            rings = np.sin(across / (pitch * 2.4) + 1.6 * smooth_noise(shape, 150, rng))
            pattern = 0.13 * rings + 0.10 * streaks + 0.03 * smooth_noise(shape, 1.5, rng)
        case "stone":
            veins = np.abs(smooth_noise(shape, 60, rng) + 0.4 * smooth_noise(shape, 17, rng))
            pattern = 0.25 * np.exp(-veins * 6) + 0.06 * smooth_noise(shape, 3, rng)
        case "paper":
            pattern = 0.02 * smooth_noise(shape, 2, rng) + 0.02 * smooth_noise(shape, 9, rng)
    return np.clip(1 + pattern + 0.08 * smooth_noise(shape, 120, rng), 0.2, 2)
