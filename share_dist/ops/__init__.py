"""Doctor: what a machine needs, looked at room by room.

Each room that touches the outside world offers `check()`; this room asks them all and prints one table.
"""

from share_dist.ops.doctor import doctor_table as doctor_table
from share_dist.ops.doctor import examine as examine
