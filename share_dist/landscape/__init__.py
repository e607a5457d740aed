"""Error as a smooth function of the camera, with uncertainty and gradient.

A *landscape* is what a survey says between its views: the expected error at every camera, how well it is known, how
much single views scatter about it, and which way it rises. It is a Gaussian process in its spectral form, a Bayesian
linear model on harmonics of the direction (or the whole rotation) times polynomials of log distance and whatever other
factors are named; a survey enters only through sums over its blocks. This room chooses no cameras and sees no model.

    fit_landscape(survey, config, factors)        -> Landscape    .mean .deviation .noise_sd .gradient .shares .to_json
    held_out(train, test, config)                 -> HeldOut      R² and RMSE on other views, beside nearest neighbours
    worst_tenth_fixed(base_landscape, survey)     -> WorstTenth   mean error where the base model was worst
    worst_tenth_own(survey, config)               -> WorstTenth   mean error where this model is worst, cross-fitted
    block_statistics(…), total(blocks)            -> Statistics   what a worker delivers, and their sum in block order
"""

from share_dist.landscape.anova import NOT_CAMERA as NOT_CAMERA
from share_dist.landscape.basis import Basis as Basis
from share_dist.landscape.basis import make_basis as make_basis
from share_dist.landscape.config import LandscapeConfig as LandscapeConfig
from share_dist.landscape.fit import DEFAULT_FACTORS as DEFAULT_FACTORS
from share_dist.landscape.fit import ROTATION as ROTATION
from share_dist.landscape.fit import fit_landscape as fit_landscape
from share_dist.landscape.judged import HeldOut as HeldOut
from share_dist.landscape.judged import held_out as held_out
from share_dist.landscape.rows import columns_of as columns_of
from share_dist.landscape.statistics import Statistics as Statistics
from share_dist.landscape.statistics import block_statistics as block_statistics
from share_dist.landscape.statistics import total as total
from share_dist.landscape.surface import Landscape as Landscape
from share_dist.landscape.worst_tenth import WorstTenth as WorstTenth
from share_dist.landscape.worst_tenth import worst_tenth_fixed as worst_tenth_fixed
from share_dist.landscape.worst_tenth import worst_tenth_mask as worst_tenth_mask
from share_dist.landscape.worst_tenth import worst_tenth_own as worst_tenth_own
