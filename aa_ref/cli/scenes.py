"""Two synthetic pictures that alias badly: a zone plate, and a street that looks like a photo.

The street is seen by a camera at the origin that looks along z. Each surface is a plane: where a
ray meets it, formulas give its colour. One integer hash stands in for chance.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHT", "WIDTH", "street", "zone_plate"]

HEIGHT, WIDTH = 432, 576
_SUPERSAMPLING = 2
_HORIZON, _FOCAL = 0.56, 1.1  # from the top, and the focal length, both in picture heights
_HAZE = np.array([0.80, 0.84, 0.90])

Samples = NDArray[np.float64]
Mask = NDArray[np.bool_]


class _View(NamedTuple):
    """Where each sample looks, right and up of straight ahead, at distance 1."""

    right: Samples
    up: Samples


def zone_plate() -> NDArray[np.uint8]:
    """Rings ``cos(pi r² / width)``: the frequency grows with r, to Nyquist at both sides.

    Returns
    -------
    ndarray of shape (HEIGHT, WIDTH)
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    squared = (x - WIDTH / 2) ** 2 + (y - HEIGHT / 2) ** 2
    return _as_bytes(0.5 + 0.5 * np.cos(np.pi * squared / WIDTH))


def street() -> NDArray[np.uint8]:
    """A paved street with a brick house, a boarded one, a picket fence, a sign and a flag.

    Returns
    -------
    ndarray of shape (HEIGHT, WIDTH, 3)
    """
    rows, columns = HEIGHT * _SUPERSAMPLING, WIDTH * _SUPERSAMPLING
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    right = (x + 0.5 - columns / 2) / rows / _FOCAL
    up = (rows * _HORIZON - y - 0.5) / rows / _FOCAL
    fine = _traced(_View(right.reshape(-1), up.reshape(-1)))
    coarse = fine.reshape(HEIGHT, _SUPERSAMPLING, WIDTH, _SUPERSAMPLING, 3).mean((1, 3))
    grain = _chance(y[:HEIGHT, :WIDTH], x[:HEIGHT, :WIDTH], 99)[..., None] - 0.5
    return _as_bytes(coarse + 0.04 * grain)


def _traced(view: _View) -> Samples:
    """The colour of the first surface that each ray meets."""
    picture = np.empty((view.up.size, 3))
    left = np.arange(view.up.size)
    for surface in (
        _flag,
        _sign,
        _brick_roof,
        _brick_wall,
        _fence,
        _boarded_roof,
        _boarded_house,
        _hedge,
        _ground,
        _sky,
    ):
        colour, met = surface(_View(view.right[left], view.up[left]))
        picture[left[met]] = colour[met]
        left = left[~met]
    return picture


def _as_bytes(picture: Samples) -> NDArray[np.uint8]:
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


# --- tools ---------------------------------------------------------------------------------------


def _chance(i: Samples, j: Samples, seed: int) -> Samples:
    """A number in [0, 1) for each pair of cell numbers, always the same."""
    h = np.floor(i).astype(np.int64).astype(np.uint32) * np.uint32(0x9E3779B1)
    h ^= np.floor(j).astype(np.int64).astype(np.uint32) * np.uint32(0x85EBCA77)
    h ^= np.uint32(seed * 0x27D4EB2F & 0xFFFFFFFF)
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39), (15, 1)):
        h ^= h >> np.uint32(shift)
        h *= np.uint32(factor)
    return h / 2.0**32


def _clouded(u: Samples, v: Samples, seed: int, octaves: int = 4) -> Samples:
    """Smooth chance in [0, 1): cells of side 1, then finer and fainter ones."""
    total, weight = np.zeros_like(u), 0.0
    for octave in range(octaves):
        fu, fv = u % 1, v % 1
        su, sv = fu * fu * (3 - 2 * fu), fv * fv * (3 - 2 * fv)
        low = (1 - sv) * _chance(u, v, seed) + sv * _chance(u, v + 1, seed)
        high = (1 - sv) * _chance(u + 1, v, seed) + sv * _chance(u + 1, v + 1, seed)
        total += ((1 - su) * low + su * high) / 2**octave
        weight += 1 / 2**octave
        u, v, seed = 2 * u, 2 * v, seed + 1
    return total / weight


def _mixed(a: Samples, b: Samples, amount: Samples) -> Samples:
    """From colour ``a`` to colour ``b``."""
    return a + (b - a) * np.clip(amount, 0, 1)[..., None]


def _colour(*rgb: float) -> Samples:
    return np.array(rgb, np.float64)


def _lit(colour: Samples, light: Samples) -> Samples:
    return colour * light[..., None]


def _hazy(colour: Samples, distance: Samples, clear: float = 60.0) -> Samples:
    return _mixed(colour, _HAZE, 1 - np.exp(-np.maximum(distance, 0) / clear))


def _on_wall(view: _View, x: float) -> tuple[Samples, Samples]:
    """Height and distance where rays meet the plane at ``x``; far away where they do not."""
    ahead = view.right * np.sign(x) > 1e-3
    z = np.where(ahead, x / np.where(ahead, view.right, 1), 1e6)
    return view.up * z, z


def _brick_tone(
    along: Samples, height: Samples, size: tuple[float, float], joint: float
) -> tuple[Samples, Mask]:
    """A tone for each brick of a running bond, and where the joints are."""
    row = np.floor(height / size[1])
    shifted = along / size[0] + 0.5 * (row % 2)
    in_joint = (height % size[1] < joint) | ((shifted % 1) * size[0] < joint)
    return _chance(row, shifted, 3), in_joint


# --- surfaces, from far to near: the colour along each ray, and which rays meet it ---------------


def _sky(view: _View) -> tuple[Samples, Mask]:
    top, low = _colour(0.24, 0.47, 0.80), _colour(0.82, 0.89, 0.96)
    sky = _mixed(low, top, np.sqrt(np.clip(view.up / 0.5, 0, 1)))
    clouds = _clouded(view.right * 5 + 9, view.up * 13, 20, 5)
    return _mixed(sky, _colour(1, 1, 1), (clouds - 0.5) * 3.2), np.full(clouds.shape, True)


def _ground(view: _View) -> tuple[Samples, Mask]:
    below = view.up < -2e-3
    z = np.where(below, -1.6 / np.where(below, view.up, -1), 1e6)
    x = view.right * z
    tone, joint = _brick_tone(x, z, (0.40, 0.20), 0.035)
    stones = _lit(_colour(0.62, 0.58, 0.54), 0.72 + 0.5 * tone)
    stones = np.where(joint[..., None], _colour(0.27, 0.25, 0.24), stones)
    blades = _clouded(x * 22, z * 9, 40, 3)
    lawn = _mixed(_colour(0.16, 0.33, 0.10), _colour(0.50, 0.66, 0.24), (blades - 0.25) * 1.6)
    kerb = _colour(0.80, 0.79, 0.76)
    ground = np.where((x > 1.45)[..., None], lawn, stones)
    ground = np.where((np.abs(x - 1.38) < 0.07)[..., None], kerb, ground)
    shadow = np.clip((x + 2.2) / 0.9, 0, 1)  # of the brick house
    ground = _lit(ground, np.where(x > 1.45, 1.0, 0.55 + 0.45 * shadow))
    return _hazy(ground, z), below


def _hedge(view: _View) -> tuple[Samples, Mask]:
    outline = 0.035 + 0.05 * _clouded(view.right * 14, np.zeros_like(view.up), 50, 4)
    leaves = _clouded(view.right * 90, view.up * 90, 60, 3)
    hedge = _mixed(_colour(0.10, 0.24, 0.10), _colour(0.42, 0.57, 0.25), (leaves - 0.2) * 1.4)
    return _hazy(hedge, np.full_like(view.up, 22.0)), (view.up > -0.06) & (view.up < outline)


def _boarded_house(view: _View) -> tuple[Samples, Mask]:
    z = 13.0
    x, y = view.right * z, view.up * z
    mask = (x > 0.3) & (x < 5.6) & (y > -1.6) & (y < 1.5)
    board = (y / 0.118) % 1
    light = np.where(board < 0.30, 0.42, 0.80 + 0.24 * board)
    wall = _lit(_colour(0.93, 0.88, 0.72), light)
    for left in (0.9, 2.6, 4.3):
        frame = (np.abs(x - left - 0.45) < 0.52) & (np.abs(y - 0.35) < 0.72)
        pane = (np.abs(x - left - 0.45) < 0.44) & (np.abs(y - 0.35) < 0.64)
        slats = np.where((y / 0.095) % 1 < 0.5, 0.20, 0.62)
        wall = np.where(frame[..., None], _colour(0.97, 0.97, 0.96), wall)
        wall = np.where(pane[..., None], _lit(_colour(0.80, 0.90, 1.0), slats), wall)
    return _hazy(wall, np.full_like(x, z)), mask


def _boarded_roof(view: _View) -> tuple[Samples, Mask]:
    z = 13.0
    x, y = view.right * z, view.up * z
    rise = (y - 1.5) / 1.35
    mask = (rise > 0) & (rise < 1) & (x > 0.05 + 0.8 * rise) & (x < 5.9 - 0.8 * rise)
    row = np.floor(y / 0.13)
    tile = (x / 0.17 + 0.5 * (row % 2)) % 1
    light = 0.60 + 0.40 * np.sin(np.pi * tile) - 0.35 * ((y / 0.13) % 1 < 0.28)
    tones = 0.85 + 0.3 * _chance(row, x / 0.17 + 0.5 * (row % 2), 70)
    return _hazy(_lit(_colour(0.42, 0.45, 0.52), light * tones), np.full_like(x, z)), mask


def _fence(view: _View) -> tuple[Samples, Mask]:
    y, z = _on_wall(view, 1.75)
    picket = (z / 0.15) % 1
    top = -0.62 - 0.16 * np.abs(picket - 0.31)
    seen = (picket < 0.62) & (y < top) | (np.abs(y + 0.85) < 0.05) | (np.abs(y + 1.35) < 0.05)
    light = np.where(picket < 0.62, 0.90 + 0.12 * np.cos(5 * picket), 0.66)
    return _hazy(_lit(_colour(0.98, 0.97, 0.94), light), z), seen & (y > -1.6) & (z < 40)


def _brick_wall(view: _View) -> tuple[Samples, Mask]:
    y, z = _on_wall(view, -2.2)
    mask = (y > -1.6) & (y < 1.5) & (z < 11)
    tone, joint = _brick_tone(z, y, (0.30, 0.10), 0.018)
    bricks = _mixed(_colour(0.50, 0.17, 0.11), _colour(0.82, 0.42, 0.28), tone)
    wall = np.where(joint[..., None], _colour(0.86, 0.83, 0.77), bricks)
    for middle in (4.75, 7.0, 9.3):
        frame = (np.abs(z - middle) < 0.62) & (np.abs(y - 0.25) < 0.78)
        pane = (np.abs(z - middle) < 0.52) & (np.abs(y - 0.25) < 0.68)
        slats = np.where((y / 0.055) % 1 < 0.55, 0.92, 0.34)
        wall = np.where(frame[..., None], _colour(0.95, 0.94, 0.90), wall)
        wall = np.where(pane[..., None], _lit(_colour(0.30, 0.50, 0.46), slats), wall)
    stains = 0.86 + 0.28 * _clouded(z * 0.9, y * 0.9, 80, 2)
    stains = stains * np.where(y > 1.22, 0.55, 1.0)  # the shadow of the eave
    return _hazy(_lit(wall, stains), z), mask


def _brick_roof(view: _View) -> tuple[Samples, Mask]:
    # the plane through the eave at (-2.0, 1.28) that rises 2.2 to the left
    slope, eave_x, eave_y = 2.2, -2.0, 1.28
    toward = view.up + slope * view.right
    z = (eave_y + slope * eave_x) / np.where(np.abs(toward) > 1e-6, toward, 1e-6)
    along = eave_x - view.right * z
    mask = (z > 0) & (z < 11.2) & (along > 0) & (along < 1.1)
    row = np.floor(along / 0.10)
    tile = (z / 0.22) % 1
    light = 0.55 + 0.45 * np.sin(np.pi * tile) - 0.30 * ((along / 0.10) % 1 < 0.22)
    tones = 0.8 + 0.4 * _chance(row, z / 0.22, 90)
    return _hazy(_lit(_colour(0.74, 0.30, 0.20), light * tones), z), mask


def _sign(view: _View) -> tuple[Samples, Mask]:
    """A board with lines of strokes that look like text."""
    z = 5.2
    x, y = view.right * z + 1.55, view.up * z - 0.50
    mask = (np.abs(x) < 0.62) & (np.abs(y) < 0.42)
    line = np.floor(y / 0.11)
    height, letter = (y / 0.11) % 1, np.floor(x / 0.05)
    inside = (x / 0.05) % 1
    upright = (inside < 0.34) & (_chance(letter, line, 11) < 0.8)
    bar = (np.floor(height * 5) % 2 == np.floor(2 * _chance(letter, line, 12))) & (inside < 0.8)
    ink = (upright | bar) & (height > 0.25) & (height < 0.85) & (_chance(letter, line, 13) < 0.85)
    text = ink & (np.abs(x) < 0.55) & (np.abs(y) < 0.33)
    board = np.where(text[..., None], _colour(0.10, 0.11, 0.14), _colour(0.97, 0.94, 0.84))
    edge = (np.abs(x) > 0.59) | (np.abs(y) > 0.39)
    return np.where(edge[..., None], _colour(0.20, 0.30, 0.42), board), mask


def _flag(view: _View) -> tuple[Samples, Mask]:
    """Finely striped cloth in the wind, on a pole."""
    x, y = view.right - 0.20, view.up - 0.285
    wave = 0.016 * np.sin(24 * x + 9 * y) + 0.008 * np.sin(47 * x - 14 * y + 1)
    slope = np.cos(24 * x + 9 * y) + 0.7 * np.cos(47 * x - 14 * y + 1)
    v = y + wave * np.clip(x / 0.12, 0, 1)
    cloth = (x > 0) & (x < 0.33 - 0.01 * np.cos(30 * y)) & (np.abs(v) < 0.105)
    stripe = 0.5 + 0.5 * np.cos(2 * np.pi * (v + 0.25 * x) * HEIGHT * _FOCAL / 5.0)
    colour = _mixed(_colour(0.10, 0.16, 0.42), _colour(0.98, 0.95, 0.88), (stripe - 0.3) * 2.5)
    pole = (x > -0.010) & (x <= 0.0) & (y < 0.135)
    colour = np.where(pole[..., None], _colour(0.55, 0.56, 0.58), _lit(colour, 0.84 + 0.20 * slope))
    return colour, cloth | (pole & (view.up > -0.13))
