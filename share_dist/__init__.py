"""share_dist: find the cameras from which a human-mesh model fails, and repair it there."""

import os

__version__ = "0.1.0"

# Read when numba is imported, by any room.
os.environ.setdefault(
    "NUMBA_CACHE_LOCATOR_CLASSES",
    "share_dist.compiled.KernelsByContent,UserProvidedCacheLocator,InTreeCacheLocator,UserWideCacheLocator",
)
