"""Wrong parameters in a bundle's manifest: a sentence that names them, never a traceback."""

import msgspec
import pytest

from edge_mm.errors import BundleError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.vision import VisionFrontEnd
from edge_mm.types import StreamSpec

MISSING = "missing"


def altered(bundle, name, value):
    params = {**bundle.front_end("vision"), name: value}
    kept = {key: one for key, one in params.items() if one is not MISSING}
    front_ends = {**bundle.manifest.front_ends, "vision": kept}
    members = {member: bundle.member(member) for member in bundle.manifest.files}
    return Bundle(msgspec.structs.replace(bundle.manifest, front_ends=front_ends), members, bundle.digest, "altered")


@pytest.mark.parametrize("value", [MISSING, None, "x", [], {}, -1, float("inf"), float("nan")], ids=repr)
@pytest.mark.parametrize("name", ["eye_px", "mouth_px", "face_keep", "face_find", "settle_s"])
def test_a_vision_parameter_that_is_missing_or_no_such_number_is_named(bundle, name, value):

    with pytest.raises(BundleError, match=f"altered: front end vision: .*{name}"):
        VisionFrontEnd(altered(bundle, name, value), StreamSpec("cabin", "video", 30.0, "bgr8"))


def test_a_part_of_the_settling_times_is_named(bundle):
    settle = {**bundle.front_end("vision")["settle_s"], "yawn": "long"}
    with pytest.raises(BundleError, match=r"settle_s\.yawn"):
        VisionFrontEnd(altered(bundle, "settle_s", settle), StreamSpec("cabin", "video", 30.0, "bgr8"))


def test_a_parameter_that_the_device_does_not_know_is_for_others(bundle):
    VisionFrontEnd(altered(bundle, "trained_by", "x"), StreamSpec("cabin", "video", 30.0, "bgr8"))
