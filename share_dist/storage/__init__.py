"""Folders and s3:// buckets: write-once objects, manifests, `once()`.

A *store* maps keys such as ``round-00/survey/meta.json`` to bytes that never change once written. A *stage* is a
folder of such objects; its manifest, written last, lists their SHA-256 hashes and is the only commit point: what has
no manifest was never finished and is made again. This room knows nothing of views or models.

    open_store(uri)                 -> Store   a folder or a bucket; nothing is asked yet
    read_address(uri)               -> bytes   one file of a folder or a bucket
    write_whole(path, data)                    one file outside a store, in one step, through no link
    read_given(path)                -> bytes   a file that somebody named: no pipe, and of bounded size
    read_arrays(store, key)         -> dict    arrays of an .npz that we wrote; plain_arrays() of its bytes
    read_given_text(path)           -> str     the same, decoded
    other_kind(head)                -> str     what a file is by its first bytes, when it is not what was wanted
    open_run(out, config_json)      -> Store   a run's place, refused when it holds another run or has a driver
    once(store, name, make, ...)    -> T       the stage's value, made now or found finished
    reopen_run(store), finish_run(store)       take away and write a whole run's manifest
    vouched(store)                  -> Store   a finished run, of which nothing is read that its manifest does not say
    content_key(parts, ...)         -> str     a stage's name by all that decides it, where runs share it
    inside(store, name)             -> Store   the part of a store below `name`
    sealed(value)                   -> bytes   JSON that ends with its own hash; unsealed() and read_sealed() compare it
    verified(stage)                 -> stage   compared with its manifest, its bytes in memory
    require_same(store, key, wanted, ...)      refuses a store that describes something else
    arrow_place(store)              -> dict    the same place for Ray Train and Tune
    together(work, items)           -> list    many requests at once
    check(out)                      -> findings for the doctor

Keys and endpoint of a bucket come from boto's own chain and stand in no setting, file or message of ours.
"""

from share_dist.storage.address import for_many_reads as for_many_reads
from share_dist.storage.address import open_store as open_store
from share_dist.storage.address import read_address as read_address
from share_dist.storage.arrays import plain_arrays as plain_arrays
from share_dist.storage.arrays import read_arrays as read_arrays
from share_dist.storage.arrow import arrow_place as arrow_place
from share_dist.storage.claims import taken_over as taken_over
from share_dist.storage.finished import CONFIG as CONFIG
from share_dist.storage.finished import finish_run as finish_run
from share_dist.storage.finished import folders_of as folders_of
from share_dist.storage.finished import is_ours as is_ours
from share_dist.storage.finished import remedy_for as remedy_for
from share_dist.storage.finished import reopen_run as reopen_run
from share_dist.storage.finished import rewrite as rewrite
from share_dist.storage.finished import vouched as vouched
from share_dist.storage.folder import FolderStore as FolderStore
from share_dist.storage.folder import writing as writing
from share_dist.storage.given import given_text as given_text
from share_dist.storage.given import home_expanded as home_expanded
from share_dist.storage.given import open_given as open_given
from share_dist.storage.given import read_given as read_given
from share_dist.storage.given import read_given_text as read_given_text
from share_dist.storage.kinds import HEAD_BYTES as HEAD_BYTES
from share_dist.storage.kinds import other_kind as other_kind
from share_dist.storage.kinds import text_of as text_of
from share_dist.storage.manifests import Manifest as Manifest
from share_dist.storage.manifests import check_object as check_object
from share_dist.storage.manifests import damaged as damaged
from share_dist.storage.manifests import manifest_files as manifest_files
from share_dist.storage.manifests import read_manifest as read_manifest
from share_dist.storage.manifests import what_differs as what_differs
from share_dist.storage.once import checked as checked
from share_dist.storage.once import commit as commit
from share_dist.storage.once import content_key as content_key
from share_dist.storage.once import is_committed as is_committed
from share_dist.storage.once import once as once
from share_dist.storage.once import verified as verified
from share_dist.storage.preflight import check as check
from share_dist.storage.run import command_of as command_of
from share_dist.storage.run import open_run as open_run
from share_dist.storage.run import refuse_differences as refuse_differences
from share_dist.storage.run import require_same as require_same
from share_dist.storage.sealed import MAKE_AGAIN as MAKE_AGAIN
from share_dist.storage.sealed import is_sealed as is_sealed
from share_dist.storage.sealed import line_checksum as line_checksum
from share_dist.storage.sealed import read_sealed as read_sealed
from share_dist.storage.sealed import sealed as sealed
from share_dist.storage.sealed import sealed_line as sealed_line
from share_dist.storage.sealed import unsealed as unsealed
from share_dist.storage.sealed import unsealed_line as unsealed_line
from share_dist.storage.sealed import unsealed_lines as unsealed_lines
from share_dist.storage.stores import MACHINERY as MACHINERY
from share_dist.storage.stores import MANIFEST as MANIFEST
from share_dist.storage.stores import Entry as Entry
from share_dist.storage.stores import Store as Store
from share_dist.storage.stores import inside as inside
from share_dist.storage.together import Background as Background
from share_dist.storage.together import together as together
from share_dist.storage.whole import require_file_name as require_file_name
from share_dist.storage.whole import temporary_file as temporary_file
from share_dist.storage.whole import write_whole as write_whole
