"""What else is in the picture: clothes, light, background, occluders; `View` and `ViewPlan`.

A *scene* is everything but body and camera, as plain numbers; the render room makes pixels of them. A *view* is
person + camera + scene. A *plan* is the endless numbered list of views: three distributions, a split and a seed, and
nothing else is random. This room draws nothing and keeps no data.

    SceneDistribution.from_config(config)            the scenes there are; a folder of pictures is checked here
    ViewPlan(people, cameras, scenes, split, seed)   .view(i, body), .views(numbers, body), .to_json(), .hash
    factor_columns(views)                            what views are, as columns of numbers and words
    person_spaces(people, body)                      what people occupy, for pools of cameras
"""

from share_dist.scene.config import SceneConfig as SceneConfig
from share_dist.scene.factors import factor_columns as factor_columns
from share_dist.scene.kept import open_picture as open_picture
from share_dist.scene.parts import FLAT_KINDS as FLAT_KINDS
from share_dist.scene.parts import PLACE_KINDS as PLACE_KINDS
from share_dist.scene.parts import Background as Background
from share_dist.scene.parts import BackgroundKind as BackgroundKind
from share_dist.scene.parts import Cloth as Cloth
from share_dist.scene.parts import Clothes as Clothes
from share_dist.scene.parts import Light as Light
from share_dist.scene.parts import Occluder as Occluder
from share_dist.scene.parts import Pattern as Pattern
from share_dist.scene.parts import Scene as Scene
from share_dist.scene.pictures import Picture as Picture
from share_dist.scene.pictures import find_pictures as find_pictures
from share_dist.scene.plan import View as View
from share_dist.scene.plan import ViewPlan as ViewPlan
from share_dist.scene.sampling import SPLITS as SPLITS
from share_dist.scene.sampling import SceneDistribution as SceneDistribution
from share_dist.scene.sampling import Split as Split
from share_dist.scene.spaces import person_spaces as person_spaces
from share_dist.scene.spaces import spaces_of_joints as spaces_of_joints
