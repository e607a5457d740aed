"""The person: SMPL files or the built-in figure, joint sets by name, poses and shapes to sample.

A *body* is what SMPL files hold: a mesh, how it changes with shape and pose, and 24 joints. A *person* is a body's pose
and shape. This room knows no camera, no clothes and no network.

    load_body(config)                  -> Body        SMPL files if a folder is given, else the built-in figure
    pose_body(body, rotmats, betas)    -> Posed       vertices and joints, numpy, the render path
    BodyLayer(body)                    -> layer       the same in torch, for losses and metrics
    PeopleDistribution().sample(rngs, split) -> people    poses and shapes, each from its own random stream
    people_rotmats(people)             -> rotations   what the two above take
"""

from typing import TYPE_CHECKING

import lazy_loader

from share_dist.body.joints import COCO17 as COCO17
from share_dist.body.joints import OPENPOSE25 as OPENPOSE25
from share_dist.body.joints import SMPL24 as SMPL24
from share_dist.body.joints import SMPL45 as SMPL45
from share_dist.body.joints import VERTEX_IDS as VERTEX_IDS
from share_dist.body.joints import JointSet as JointSet
from share_dist.body.joints import convert_joints as convert_joints
from share_dist.body.joints import joint_set as joint_set
from share_dist.body.joints import joints45 as joints45
from share_dist.body.joints import require_smpl_mesh as require_smpl_mesh
from share_dist.body.model import Body as Body
from share_dist.body.model import BodyConfig as BodyConfig
from share_dist.body.model import load_body as load_body
from share_dist.body.people import PeopleDistribution as PeopleDistribution
from share_dist.body.people import Person as Person
from share_dist.body.people import mirror_person as mirror_person
from share_dist.body.people import people_rotmats as people_rotmats
from share_dist.body.people import person_rotmats as person_rotmats
from share_dist.body.posing import Posed as Posed
from share_dist.body.posing import pose_body as pose_body
from share_dist.body.posing import pose_joints as pose_joints
from share_dist.body.quaternions import rotmats_from_rotvecs as rotmats_from_rotvecs

# What needs torch is imported when it is asked for: a renderer never does, and torch takes seconds and memory of each.
if TYPE_CHECKING:
    from share_dist.body.health import check as check
    from share_dist.body.layer import BodyLayer as BodyLayer
    from share_dist.body.layer import smpl_arrays as smpl_arrays
    from share_dist.body.layer import smplx_model as smplx_model
else:
    __getattr__, _, _ = lazy_loader.attach(
        __name__, submod_attrs={"health": ["check"], "layer": ["BodyLayer", "smpl_arrays", "smplx_model"]}
    )
