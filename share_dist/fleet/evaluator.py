"""The actors that measure: records in, rows out."""

from __future__ import annotations

import ray
import torch

from share_dist.body import BodyConfig, BodyLayer
from share_dist.fleet.actors import Opened, Parcel, Worker
from share_dist.fleet.renderer import Block
from share_dist.models import Regressor, load_checkpoint
from share_dist.survey import SurveyConfig, error_rows, parquet_from_rows


@ray.remote(max_restarts=-1, max_task_retries=-1)
class EvaluatorActor(Worker):
    """Records in, rows out."""

    def __init__(self, body: BodyConfig, body_hash: str, device: torch.device):
        super().__init__(body, body_hash)
        torch.set_num_threads(1)
        self.device = device
        self.made_layer: BodyLayer | None = None
        self.models = Opened(self._open_model, kept=2)

    def _open_model(self, weights: bytes) -> Regressor:
        model, _ = load_checkpoint(weights, self.body.hash)
        return model.to(self.device).eval()

    @property
    def layer(self) -> BodyLayer:
        """The body for the metrics, made at its first use."""
        if self.made_layer is None:
            self.made_layer = BodyLayer(self.body).to(self.device)
        return self.made_layer

    def rows(self, model: Parcel, config: SurveyConfig, block: Block) -> bytes:
        """Return a block's rows as a Parquet file."""
        factors, records = block
        return parquet_from_rows({**factors, **error_rows(self.models[model], self.layer, records, config)})
