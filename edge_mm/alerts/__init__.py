"""From readings to alerts: rules say what holds, the alarm machine says what changed."""

from edge_mm.alerts.alarms import Alarms
from edge_mm.alerts.defaults import default_policies
from edge_mm.alerts.limits import Limits, limits_from

__all__ = ["Alarms", "Limits", "default_policies", "limits_from"]
