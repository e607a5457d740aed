"""Folders and s3:// buckets: write-once objects, manifests, `once()`.

A *store* maps keys such as ``round-00/survey/meta.json`` to bytes that never change once written. A *stage* is a
folder of such objects; its manifest, written last, lists their SHA-256 hashes and is the only commit point: what has
no manifest was never finished and is made again. This room knows nothing of views or models.

    open_store(uri)                 -> Store   a folder today; the protocol leaves room for buckets
    open_run(out, config_json)      -> Store   a run's folder, refused when it holds another run
    once(store, name, make, ...)    -> T       the stage's value, made now or found finished
    inside(store, name)             -> Store   the part of a store below `name`
    require_same(store, key, wanted, ...)      refuses a store that describes something else
"""

from share_dist.storage.once import MANIFEST as MANIFEST
from share_dist.storage.once import commit as commit
from share_dist.storage.once import is_committed as is_committed
from share_dist.storage.once import once as once
from share_dist.storage.once import verify as verify
from share_dist.storage.run import check as check
from share_dist.storage.run import open_run as open_run
from share_dist.storage.run import require_same as require_same
from share_dist.storage.stores import FolderStore as FolderStore
from share_dist.storage.stores import Store as Store
from share_dist.storage.stores import inside as inside
from share_dist.storage.stores import open_store as open_store
from share_dist.storage.stores import writing as writing
