"""One thread for the landscape's linear algebra.

With several, BLAS may split a sum differently and the last bits change with the machine's load or OMP_NUM_THREADS; and
its threads wait for each other by spinning, which on a busy machine made a fit of half a second take half a minute.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


@functools.cache
def _controller() -> ThreadpoolController:
    """The BLAS libraries of this process; looked up once, at the first use, when numpy and scipy have loaded theirs."""
    return ThreadpoolController()


def one_blas_thread(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """Make a function run its linear algebra on one thread."""

    @functools.wraps(function)
    def limited(*args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
