"""Exact 95 % intervals of small counts: k of n, and k in so many hours.

In: counts. Out: lower and upper end. Formulas: Clopper and Pearson, Biometrika 26 (1934) for k of n; Garwood,
Biometrika 28 (1936) for a Poisson count. Both are found by bisection of the distribution itself, so nothing beyond the
standard library is needed; the tests hold them equal to scipy's. Not here: intervals over people (``spread``).
"""

from __future__ import annotations

import math
from collections.abc import Callable

_STEPS = 200
_TAIL = 0.025
"""On each side: 95 % in all."""


def share_interval(k: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share.

    Args:
        k: how many did.
        n: of how many, 1 or more.

    Returns:
        Lower and upper end, 0..1.

    Raises:
        ValueError: not 0 <= k <= n, or n is 0.
    """
    if not 0 <= k <= n or n == 0:
        raise ValueError(f"{k} of {n}: a share needs 0 <= k <= n and n >= 1")
    low = 0.0 if k == 0 else _bisect(lambda p: 1 - _binomial_at_most(k - 1, n, p) < _TAIL, 0.0, 1.0)
    high = 1.0 if k == n else _bisect(lambda p: _binomial_at_most(k, n, p) > _TAIL, 0.0, 1.0)
    return low, high


def rate_interval(count: int, hours: float) -> tuple[float, float]:
    """Garwood's interval of a rate.

    Args:
        count: events, 0 or more.
        hours: in how long, > 0.

    Returns:
        Lower and upper end, events per hour.

    Raises:
        ValueError: a negative count, or no time.
    """
    if count < 0 or not hours > 0:
        raise ValueError(f"{count} events in {hours} h: needs a count of 0 or more and some time")
    most = count + 10 * math.sqrt(count + 1) + 10
    low = 0.0 if count == 0 else _bisect(lambda mu: 1 - _poisson_at_most(count - 1, mu) < _TAIL, 0.0, float(count))
    high = _bisect(lambda mu: _poisson_at_most(count, mu) > _TAIL, float(count), most)
    return low / hours, high / hours


def _bisect(below: Callable[[float], bool], low: float, high: float) -> float:
    """Where ``below`` turns from true to false."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _poisson_at_most(k: int, mu: float) -> float:
    if mu <= 0:
        return 1.0
    return math.fsum(math.exp(i * math.log(mu) - mu - math.lgamma(i + 1)) for i in range(k + 1))


def _binomial_at_most(k: int, n: int, p: float) -> float:
    if p <= 0:
        return 1.0
    if p >= 1:
        return 1.0 if k >= n else 0.0
    log_p, log_q, all_ = math.log(p), math.log1p(-p), math.lgamma(n + 1)
    return math.fsum(
        math.exp(all_ - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q) for i in range(k + 1)
    )
