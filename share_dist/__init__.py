"""share_dist: find the cameras from which a human-mesh model fails, and repair it there."""

__version__ = "0.1.0"
