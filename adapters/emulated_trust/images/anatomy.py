"""The bodies that the pictures show, as shapes of tissue in mm: x to the patient's left, y backwards, z upwards."""

from __future__ import annotations

from math import cos, pi, sin, sqrt

from adapters.emulated_trust.images.canvas import Blob
from adapters.emulated_trust.images.kind import has_finding, is_large


def axial_head(z: float, variant: int) -> list[Blob]:
    """An axial slice of a head, z mm above its middle (about -75 to 75)."""
    scale = sqrt(max(1 - (z / 98) ** 2, 0.12))
    grow = 1.05 if is_large(variant) else 1.0
    a, b = 72 * scale * grow, 92 * scale * grow
    blobs = [
        Blob("scalp", 0, 0, a + 6, b + 6),
        Blob("skull", 0, 0, a, b),
        Blob("csf", 0, 0, a - 6, b - 6),
        Blob("grey", 0, 0, a - 8, b - 8),
        Blob("white", -a * 0.42, 0, a * 0.34, b * 0.68),
        Blob("white", a * 0.42, 0, a * 0.34, b * 0.68),
        Blob("falx", 0, 0, 0.9, b - 9),
    ]
    blobs += _base_of_skull(z, a, b) if z < -40 else _ventricles(z, 1.45 if is_large(variant) else 1.0)
    return blobs + (_lesion(z) if has_finding(variant) else [])


def _ventricles(z: float, size: float) -> list[Blob]:
    reach = sqrt(max(1 - ((z - 5) / 32) ** 2, 0))
    if reach == 0:
        return []
    horns = [
        Blob("csf", side * x * size, y, 4.5 * size * reach, length * reach, side * turn)
        for side in (-1, 1)
        for x, y, length, turn in ((9, -20, 17, -16), (13, 22, 20, 20))
    ]
    deep = [Blob("nucleus", side * 20 * size, -6, 8 * reach, 15 * reach, side * 12) for side in (-1, 1)]
    return [*deep, *horns, Blob("csf", 0, 4, 2.2 * size * reach, 11 * reach)]


def _base_of_skull(z: float, a: float, b: float) -> list[Blob]:
    depth = min((-40 - z) / 25, 1)
    petrous = [Blob("skull", side * a * 0.5, b * 0.12, a * 0.34 * depth, 7, side * 24) for side in (-1, 1)]
    eyes = [Blob("eye", side * 30, -b * 0.72, 12 * depth, 12 * depth) for side in (-1, 1)]
    sinus = [Blob("air", side * 8, -b * 0.72, 6 * depth, 15 * depth, power=3) for side in (-1, 1)]
    return [*petrous, *eyes, *sinus, Blob("white", 0, b * 0.28, 14, 12), Blob("csf", 0, b * 0.45, 7, 4)]


def _lesion(z: float) -> list[Blob]:
    reach = sqrt(max(1 - ((z - 18) / 17) ** 2, 0))
    if reach == 0:
        return []
    return [Blob("oedema", 36, 20, 23 * reach, 27 * reach, 20), Blob("lesion", 37, 22, 12 * reach, 13 * reach)]


def axial_chest(z: float, variant: int) -> list[Blob]:
    """An axial slice of a chest, z mm above the level of the heart (about -110 to 110)."""
    grow = 1.07 if is_large(variant) else 1.0
    a, b = 165 * grow, 112 * grow
    narrow = sqrt(max(1 - (z / 150) ** 2, 0.1))
    heart = sqrt(max(1 - ((z + 35) / 75) ** 2, 0))
    blobs = [Blob("fat", 0, 0, a, b, power=2.4), Blob("muscle", 0, 0, a - 14, b - 14, power=2.4)]
    blobs += _rib_ring(z, a - 24, b - 22)
    blobs += [Blob("lung", side * 73, -4, 54 * narrow, 78 * narrow, side * 4, 2.3) for side in (-1, 1)]
    blobs += _lung_vessels(narrow)
    blobs += [Blob("muscle", 0, -8, 26, 60), Blob("vertebra", 0, 70, 19, 16), Blob("canal", 0, 88, 8, 7)]
    blobs += [Blob("blood", 22, 46, 12, 12), Blob("air", 2, 22, 8, 8) if z > 10 else Blob("muscle", 4, 44, 6, 5)]
    if heart:
        blobs.append(Blob("blood", 22, -22, 56 * heart, 44 * heart, 28))
    return blobs + ([Blob("nodule", -78, -20, *_shrink(z, 45, 14))] if has_finding(variant) else [])


def _shrink(z: float, centre: float, radius: float) -> tuple[float, float]:
    size = radius * sqrt(max(1 - ((z - centre) / (radius * 1.6)) ** 2, 0))
    return size, size


def _rib_ring(z: float, a: float, b: float) -> list[Blob]:
    return [
        Blob("rib", a * cos(t), b * sin(t), 13, 4.5, t * 180 / pi + 90)
        for t in (2 * pi * (step / 12 + z / 190) for step in range(12))
        if abs(sin(t)) < 0.93
    ]


def _lung_vessels(narrow: float) -> list[Blob]:
    return [
        Blob("muscle", side * (32 + 11 * step), (18.5 * ((step * 7 + row * 3) % 5) - 42) * narrow, 2.6 - step / 3, 2.2)
        for side in (-1, 1)
        for step in range(6)
        for row in range(2)
    ]


def sagittal_lumbar_spine(x: float, variant: int) -> list[Blob]:
    """A sagittal slice of a lower back, x mm from the midline; on the picture y runs downwards, forwards is left."""
    centre = sqrt(max(1 - (x / 34) ** 2, 0.15))
    blobs = [Blob("muscle", 0, 0, 118, 200, power=5), Blob("fat", 104, 0, 26, 190, power=3)]
    blobs.append(Blob("bowel", -80, 10, 42, 150))
    for level in range(7):
        y, shift = -126 + level * 42, _lordosis(level)
        blobs.append(Blob("vertebra", shift, y, 21 * centre + 4, 15.5, -4 * (level - 3), 5))
        blobs.append(_disc(level, y, shift, centre, variant))
        blobs.append(Blob("vertebra", shift + 62, y + 8, 17 * centre, 8, 24))
    if abs(x) < 14:
        blobs += [Blob("csf", _lordosis(level / 4) + 34, -132 + level * 10.5, 8, 9) for level in range(27)]
        blobs += [Blob("cord", _lordosis(level / 4) + 33, -132 + level * 10.5, 4, 8) for level in range(12)]
        blobs += [Blob("disc-worn", _lordosis(4) + 27, 63, 8, 5)] if has_finding(variant) else []
    return blobs


def _lordosis(level: float) -> float:
    return -18 * sin(level / 6 * pi)


def _disc(level: int, y: float, shift: float, centre: float, variant: int) -> Blob:
    worn = has_finding(variant) and level == 4
    tissue, height = ("disc-worn", 3.2) if worn else ("disc", 5.2)
    return Blob(tissue, shift, y + 21, 21 * centre + 4, height, -4 * (level - 3), 3)
