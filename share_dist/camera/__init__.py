"""Where we look from: camera poses, lenses, crops, weak ↔ full perspective, camera distributions.

A *camera* is ten numbers around a person whose pelvis is the origin: direction, distance, roll, offset, lens, crop. A
*camera distribution* is a value that draws cameras and is stored by name and numbers; uniform, everyday, greedy and
RoME sampling differ in nothing else. This room never draws a picture and knows no clothes, light or network.

    camera_rotation, camera_position, cam_from_person(camera)    the pose
    points_in_camera(points, camera), project(points, focal)     what falls where in the frame
    crop_box(points_px, camera), crop_from_frame(box, size)      the square a model sees
    full_from_weak, weak_from_full, translation_from_weak        the cameras models speak of
    Everyday() … Mixture(parts, weights)                         distributions: .sample(rng, space)
    low_discrepancy_pool(distribution, spaces, n, seed)          evenly spread cameras of a distribution
    to_json(distribution), distribution_from_json(content)       as stored in plans
    camera_columns(cameras or a survey), CAMERA_FACTORS          as landscapes read them
"""

from share_dist.camera.chosen import Grid as Grid
from share_dist.camera.chosen import Kernel as Kernel
from share_dist.camera.chosen import Mixture as Mixture
from share_dist.camera.chosen import Points as Points
from share_dist.camera.chosen import drawn_part as drawn_part
from share_dist.camera.config import CameraConfig as CameraConfig
from share_dist.camera.crop import BOX_MARGIN as BOX_MARGIN
from share_dist.camera.crop import Box as Box
from share_dist.camera.crop import apply_affine as apply_affine
from share_dist.camera.crop import crop_box as crop_box
from share_dist.camera.crop import crop_from_frame as crop_from_frame
from share_dist.camera.crop import full_from_weak as full_from_weak
from share_dist.camera.crop import inverse_affine as inverse_affine
from share_dist.camera.crop import translation_from_weak as translation_from_weak
from share_dist.camera.crop import weak_from_full as weak_from_full
from share_dist.camera.draw import FARTHEST_M as FARTHEST_M
from share_dist.camera.draw import UNIT_DIMENSIONS as UNIT_DIMENSIONS
from share_dist.camera.draw import CameraDistribution as CameraDistribution
from share_dist.camera.draw import CropJitter as CropJitter
from share_dist.camera.draw import Lens as Lens
from share_dist.camera.factors import CAMERA_COLUMNS as CAMERA_COLUMNS
from share_dist.camera.factors import CAMERA_FACTORS as CAMERA_FACTORS
from share_dist.camera.factors import CAMERA_TABLE_COLUMNS as CAMERA_TABLE_COLUMNS
from share_dist.camera.factors import Factor as Factor
from share_dist.camera.factors import camera_columns as camera_columns
from share_dist.camera.factors import cameras_from_columns as cameras_from_columns
from share_dist.camera.factors import table_columns as table_columns
from share_dist.camera.named import AllCameras as AllCameras
from share_dist.camera.named import CloseUp as CloseUp
from share_dist.camera.named import Everyday as Everyday
from share_dist.camera.named import FullSphere as FullSphere
from share_dist.camera.named import aimed_at as aimed_at
from share_dist.camera.pool import low_discrepancy_pool as low_discrepancy_pool
from share_dist.camera.pose import FRAME_SIZE_PX as FRAME_SIZE_PX
from share_dist.camera.pose import NEAR_M as NEAR_M
from share_dist.camera.pose import PRINCIPAL_PX as PRINCIPAL_PX
from share_dist.camera.pose import Camera as Camera
from share_dist.camera.pose import cam_from_person as cam_from_person
from share_dist.camera.pose import camera_position as camera_position
from share_dist.camera.pose import camera_rotation as camera_rotation
from share_dist.camera.pose import focal_px as focal_px
from share_dist.camera.pose import fov_from_focal_px as fov_from_focal_px
from share_dist.camera.pose import points_in_camera as points_in_camera
from share_dist.camera.pose import project as project
from share_dist.camera.space import Clearance as Clearance
from share_dist.camera.space import Space as Space
from share_dist.camera.stored import distribution_from_json as distribution_from_json
from share_dist.camera.stored import to_json as to_json
