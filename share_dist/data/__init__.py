"""Records in shards; readers of other people's data, and writers that others can read.

A *shard* is a tar of 256 consecutive views, readable by WebDataset and by `tar`: for each view a picture, its truth as
named arrays and a line of JSON. A data set is a plan plus a count, so shards are made only to keep or to publish them.

    write_index(store, index_card(plan, ...))                          what the data set is to be, before any shard
    write_shard(store, index, shard_bytes(records, card))              a shard of it, committed
    read_shards(store, body_hash)                          -> Records  shard after shard
"""

from share_dist.data.shards import SHARD_VIEWS as SHARD_VIEWS
from share_dist.data.shards import index_card as index_card
from share_dist.data.shards import read_index as read_index
from share_dist.data.shards import read_shards as read_shards
from share_dist.data.shards import shard_bytes as shard_bytes
from share_dist.data.shards import shard_is_done as shard_is_done
from share_dist.data.shards import shard_name as shard_name
from share_dist.data.shards import shard_numbers as shard_numbers
from share_dist.data.shards import write_index as write_index
from share_dist.data.shards import write_shard as write_shard
