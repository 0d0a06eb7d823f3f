"""Synthetic pictures, one file per modality: an eye can see what they show, and a label says where they came from."""

from __future__ import annotations

from adapters.emulated_trust.images.ct import CtChest, CtHead
from adapters.emulated_trust.images.dx import DxChest, DxKnee
from adapters.emulated_trust.images.kind import ImageKind, Pixels, SeriesShape
from adapters.emulated_trust.images.mr import MrHead, MrLumbarSpine
from adapters.emulated_trust.images.us import UsAbdomen

KINDS: dict[str, ImageKind] = {
    "ct-head": CtHead(),
    "ct-chest": CtChest(),
    "mr-head": MrHead(),
    "mr-lumbar-spine": MrLumbarSpine(),
    "dx-chest": DxChest(),
    "dx-knee": DxKnee(),
    "us-abdomen": UsAbdomen(),
}

__all__ = ["KINDS", "ImageKind", "Pixels", "SeriesShape"]
