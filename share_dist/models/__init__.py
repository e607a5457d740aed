"""The networks under test, and readers of their published checkpoints.

A *model* looks at one square picture and says pose, shape and the crop's camera. This room builds networks, runs them
and keeps their weights; it never sees the truth and never learns.

    make_model(config)                 -> Regressor  untrained, answers with the mean person
    normalise_images(bytes)            -> Tensor     what every backbone expects
    predict(model, bytes)              -> Estimate   as used after training
    save_checkpoint, load_checkpoint                 weights and their card in one safetensors file
    model_hash(model)                  -> str        the name under which results remember the weights
"""

from share_dist.models.checkpoint import BASE_CHECKPOINT as BASE_CHECKPOINT
from share_dist.models.checkpoint import blend_checkpoints as blend_checkpoints
from share_dist.models.checkpoint import checkpoint_bytes as checkpoint_bytes
from share_dist.models.checkpoint import fit_weights as fit_weights
from share_dist.models.checkpoint import load_checkpoint as load_checkpoint
from share_dist.models.checkpoint import model_hash as model_hash
from share_dist.models.checkpoint import read_card as read_card
from share_dist.models.checkpoint import read_source as read_source
from share_dist.models.checkpoint import save_checkpoint as save_checkpoint
from share_dist.models.config import PAPER_HMR as PAPER_HMR
from share_dist.models.config import PUBLISHED_SPIN as PUBLISHED_SPIN
from share_dist.models.config import ModelConfig as ModelConfig
from share_dist.models.dropout import sample_keys as sample_keys
from share_dist.models.dropout import uniform_from_keys as uniform_from_keys
from share_dist.models.regressor import Estimate as Estimate
from share_dist.models.regressor import Precision as Precision
from share_dist.models.regressor import Regressor as Regressor
from share_dist.models.regressor import autocast as autocast
from share_dist.models.regressor import freeze_batch_norm as freeze_batch_norm
from share_dist.models.regressor import has_bf16 as has_bf16
from share_dist.models.regressor import make_model as make_model
from share_dist.models.regressor import normalise_images as normalise_images
from share_dist.models.regressor import predict as predict
from share_dist.models.regressor import settled_precision as settled_precision
from share_dist.models.regressor import tensor_from_array as tensor_from_array
