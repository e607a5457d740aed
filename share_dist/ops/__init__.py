"""Doctor: what a machine needs, looked at room by room.

Each room that touches the outside world offers `check()`; this room asks them all and prints one table.
"""

from share_dist.ops.doctor import doctor_table as doctor_table
from share_dist.ops.doctor import examine as examine
from share_dist.ops.stored import find_runs as find_runs
from share_dist.ops.stored import pull as pull
from share_dist.ops.stored import runs_table as runs_table
from share_dist.ops.stored import verify as verify
