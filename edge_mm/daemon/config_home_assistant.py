"""What ``[home_assistant]`` cannot show alone.

In: the raw tables of ``edge-mm.toml``. Out: sentences. Not here: its keys (``delivery.home_assistant_guest``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_mm.delivery.home_assistant_guest import HomeAssistantSettings
from edge_mm.delivery.topics import BASE

__all__ = ["HomeAssistantSettings", "home_assistant_misfits"]


def home_assistant_misfits(raw: Mapping[str, Any]) -> Iterator[str]:
    """Whether its discovery and our alerts would be mixed."""
    mqtt, told = raw.get("mqtt", {}), raw.get("home_assistant")
    if not (isinstance(mqtt, dict) and isinstance(told, dict)):
        return
    prefix = told.get("prefix", HomeAssistantSettings().prefix)
    base = mqtt.get("base_topic", BASE)
    if prefix == base:
        yield f"home_assistant.prefix: {prefix!r} is mqtt.base_topic too; alerts would be read as devices"
    elif f"{prefix}/".startswith(f"{base}/") or f"{base}/".startswith(f"{prefix}/"):
        below, above = (prefix, base) if len(str(prefix)) > len(str(base)) else (base, prefix)
        yield (
            f"home_assistant.prefix: {prefix!r} and mqtt.base_topic {base!r}: {below!r} is below {above!r}, so that "
            "alerts and devices would be mixed; give one of them another first level"
        )
