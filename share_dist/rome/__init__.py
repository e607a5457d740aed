"""RoME: which cameras to show next.

A *region of maximal error* is a connected part of camera space whose expected error stands above a level, separated by
deep saddles from the next. This room turns a landscape into a camera distribution; it renders nothing, sees no model.
A region's views are in proportion to its excess error (by default), and a part of all views explores the whole target.

    find_regions(landscape, pool, config)             -> Regions       where the error is high: peaks, masses, members
    choose_cameras(landscape, pool, target, config)   -> distribution  what to train on; `config.method` names rivals
"""

from share_dist.rome.choose import choose_cameras as choose_cameras
from share_dist.rome.choose import greedy_weights as greedy_weights
from share_dist.rome.choose import region_shares as region_shares
from share_dist.rome.choose import rome_weights as rome_weights
from share_dist.rome.config import RomeConfig as RomeConfig
from share_dist.rome.regions import Region as Region
from share_dist.rome.regions import Regions as Regions
from share_dist.rome.regions import find_regions as find_regions
