"""Named runs and named search spaces.

find_recipe(name)                 -> RunConfig     a complete run
find_space(name)                  -> SearchSpace   what a sweep may change, by name or from a JSON file
checked_space(space, config)                       refused here, before any trial starts
"""

from share_dist.recipes.runs import RECIPES as RECIPES
from share_dist.recipes.runs import find_recipe as find_recipe
from share_dist.recipes.space import OneOf as OneOf
from share_dist.recipes.space import Range as Range
from share_dist.recipes.space import SearchSpace as SearchSpace
from share_dist.recipes.space import checked_space as checked_space
from share_dist.recipes.space import is_asked as is_asked
from share_dist.recipes.space import space_from_json as space_from_json
from share_dist.recipes.space import space_to_json as space_to_json
from share_dist.recipes.spaces import SPACES as SPACES
from share_dist.recipes.spaces import find_space as find_space
