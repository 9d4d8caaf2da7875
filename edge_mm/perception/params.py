"""The parameters of a front end, as a bundle's manifest gives them, checked once where they enter.

In: a JSON object and a Struct that says what must be in it; what the Struct does not name is for others (trainers, the
policies). Out: the Struct, or a BundleError that names the parameter. Not here: what a parameter means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from edge_mm.errors import BundleError

T = TypeVar("T", bound=msgspec.Struct)

Share = Annotated[float, Meta(ge=0, le=1)]
"""A probability, or a part of something."""
Real = Annotated[float, Meta(ge=-1e9, le=1e9)]
"""A number that is one: neither infinite nor NaN."""
Positive = Annotated[float, Meta(gt=0, le=1e9)]
"""A ``Real`` above 0."""

Count = Annotated[int, Meta(ge=1, le=100_000)]
"""How many of something, at least one."""


def decoded(params: Mapping[str, Any], into: type[T], *, where: str) -> T:
    """The parameters as a Struct.

    Args:
        params: from the manifest.
        into: what must be there; wrong types, missing and out-of-range values are refused, strangers are not.
        where: begins the error's text, for example ``FILE: front end vision``.

    Raises:
        BundleError: which parameter is missing or what it should be.
    """
    try:
        return msgspec.convert(params, into)
    except msgspec.ValidationError as error:
        raise BundleError(f"{where}: {str(error).replace('$.', '')}; build the bundle again") from None
