"""Write ``edge_mm/schemas`` anew; refuses where receivers would be broken without a new version."""

import json
import sys
from pathlib import Path

from edge_mm.delivery.contract import SAID, VERSION, asyncapi, breaking, schema_of

FOLDER = Path(__file__).parents[1] / "edge_mm" / "schemas"


def documents():
    """Name -> document."""
    return {"asyncapi": asyncapi(), **{name: schema_of(name) for name in SAID}}


def text(document):
    """As it is written."""
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def main():
    """Write them."""
    new, before = documents(), FOLDER / "asyncapi.json"
    if before.exists():
        old = json.loads(before.read_text())
        broken = breaking(old, new["asyncapi"]) if old["info"]["version"] == f"{VERSION}.0.0" else []
        if broken:
            sys.exit("receivers would be broken, raise the version (delivery/payloads.py):\n" + "\n".join(broken))
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, document in new.items():
        (FOLDER / f"{name}.json").write_text(text(document))
    print(f"{len(new)} documents, version {VERSION}")


if __name__ == "__main__":
    main()
