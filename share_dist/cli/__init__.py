"""Command line → recipe, then changes.

    share-dist share demo --out runs/demo --rome.explore-share 0.3

The first word is a command, the second the name of a recipe; every setting of the recipe is an option in its room's
name, explained by `share-dist share demo --help`.
"""

from share_dist.cli.main import main as main
