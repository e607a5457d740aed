"""Doctor, explain, submit, node agent, listing and verifying what is stored.

What whoever runs share_dist asks and does. The doctor asks each room that touches the outside world for its `check()`,
here or on every node. This room knows nothing of how a run computes.

    examine(), doctor_table(findings)   -> Finding, str    this machine
    ops.examine.examine_cluster(…)      -> NodeReport      every node of a cluster
    ops.explain.explain(address)        -> Finding         why a run is not advancing
    ops.submit.submit(submission, …)    -> exit status     one line is one run on the cluster
    ops.node_agent.run_agent(config)    -> exit status     a spot notice drains the node
    look(uri), find_runs(uri), pull(uri), verify(uri)      what is stored
"""

from share_dist.ops.doctor import doctor_table as doctor_table
from share_dist.ops.doctor import examine as examine
from share_dist.ops.listing import find_runs as find_runs
from share_dist.ops.listing import look as look
from share_dist.ops.listing import runs_table as runs_table
from share_dist.ops.stored import pull as pull
from share_dist.ops.stored import verify as verify
