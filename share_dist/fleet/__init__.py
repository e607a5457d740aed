"""Ray: pools of render and evaluation actors that survive losing a node.

The *fleet* is two pools of plain actors. Renderers turn view numbers into records; evaluators turn records into rows.
One mechanism serves surveys, data sets and training input, because a view is a function of a plan and a number:
whatever an actor was doing when it was killed, another does again and gets the same bits. Pictures go from a renderer
to an evaluator or to a training rank, never to the driver, which sees only rows and receipts.

    with Fleet(config, body, render) as fleet:
        fleet.survey(model, plan, count, store)   -> Survey    resumable, a block of 256 views at a time
        fleet.records(plan, numbers)              -> Records   a few pictures, for a gallery
        fleet.write_shards(plan, count, store)    -> dict      a data set on disk
        fleet.pictures(plan).feed(numbers, ahead)  -> Records   step after step, inside a training rank
    cluster_nodes()                               -> the living nodes, what they have free, which must leave
    KEPT_MEMORY                                   -> environment of processes that compute
"""

from typing import TYPE_CHECKING

import lazy_loader

from share_dist.fleet.cluster import KEPT_MEMORY as KEPT_MEMORY
from share_dist.fleet.cluster import check as check
from share_dist.fleet.cluster import connect as connect
from share_dist.fleet.config import FleetConfig as FleetConfig
from share_dist.fleet.config import PoolSizes as PoolSizes
from share_dist.fleet.config import pool_sizes as pool_sizes
from share_dist.fleet.feed import FleetPictures as FleetPictures
from share_dist.fleet.feed import ViewFeed as ViewFeed
from share_dist.fleet.nodes import ClusterNode as ClusterNode
from share_dist.fleet.nodes import cluster_nodes as cluster_nodes
from share_dist.fleet.nodes import labels_of as labels_of
from share_dist.fleet.nodes import leaving_nodes as leaving_nodes
from share_dist.fleet.nodes import may_grow as may_grow
from share_dist.fleet.nodes import require_labels as require_labels
from share_dist.fleet.nodes import require_room as require_room
from share_dist.fleet.nodes import staying as staying
from share_dist.fleet.pools import RenderHandles as RenderHandles

# It needs torch for the models it surveys; the renderers of this room are processes that never import it.
if TYPE_CHECKING:
    from share_dist.fleet.fleet import Fleet as Fleet
else:
    __getattr__, _, _ = lazy_loader.attach(__name__, submod_attrs={"fleet": ["Fleet"]})
