"""``edge-mm schema``: the MQTT contract, for who builds on it.

In: which document. Out: it, as JSON on stdout. It is shipped with the package, so it is that of this very version. Not
here: making it (``delivery.contract``).
"""

from __future__ import annotations

import argparse
from importlib.resources import files

from edge_mm.errors import UsageError


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: there is no such document.
    """
    folder = files("edge_mm") / "schemas"
    names = sorted(one.name.removesuffix(".json") for one in folder.iterdir() if one.name.endswith(".json"))
    if args.name is None:
        print("\n".join(names))
        return 0
    if args.name not in names:
        raise UsageError(f"no document {args.name!r}; there are {', '.join(names)}")
    print((folder / f"{args.name}.json").read_text(encoding="utf-8"), end="")
    return 0
