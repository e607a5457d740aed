"""DeepSpeed around one network: starting it, taking a step, and reading or setting its whole state.

The state comes out as named tensors, whole, whatever ZeRO stage or number of ranks holds it in pieces, and goes back
into any other. DeepSpeed's own checkpoints are pickles bound to one world size; these are neither.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from share_dist.learning import Learner, learning_rate_at, make_optimizer, require_finite_gradient
from share_dist.training.config import TrainingConfig

_MOMENTS = ("exp_avg", "exp_avg_sq")


def quiet_deepspeed(device: torch.device) -> Any:
    """Import DeepSpeed without its log lines and without compiling anything, and return the module.

    On a CPU it would compile `deepspeed_shm_comm` for minutes under a lock that a killed process leaves behind, and
    every later start would wait for ever. That operator serves tensor-parallel inference only, so we declare it, and
    with it every other compiled operator, not available: training asks for none of them.
    """
    os.environ["DS_ACCELERATOR"] = "cuda" if device.type == "cuda" else "cpu"
    import deepspeed
    import deepspeed.ops

    setattr(deepspeed.ops, "__compatible_ops__", {})  # noqa: B010  # a module attribute made on demand
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    return deepspeed


def deepspeed_settings(config: TrainingConfig, batch_per_rank: int, gradient_clip: float) -> dict[str, Any]:
    """Return DeepSpeed's configuration: our optimizer, and clipping where only DeepSpeed can clip."""
    asked = config.deepspeed
    zero: dict[str, Any] = {"stage": config.zero_stage}
    if asked.offload_optimizer:
        zero["offload_optimizer"] = {"device": "cpu"}
    if asked.offload_weights:
        zero["offload_param"] = {"device": "cpu"}
    return {
        "train_micro_batch_size_per_gpu": batch_per_rank // asked.gradient_accumulation,
        "gradient_accumulation_steps": asked.gradient_accumulation,
        "steps_per_print": None,
        "zero_allow_untested_optimizer": True,
        # DeepSpeed's own AdamW for offloading would have to be compiled.
        "zero_force_ds_cpu_optimizer": False,
        "gradient_clipping": gradient_clip if config.zero_stage else 0.0,
        "communication_data_type": "bf16" if asked.bf16_gradients else "fp32",
        "zero_optimization": zero,
    }


class Engine:
    """A network, its AdamW and DeepSpeed around both."""

    def __init__(self, learner: Learner, config: TrainingConfig, batch_per_rank: int) -> None:
        """Wrap the learner's network; from here on the learner runs through DeepSpeed."""
        self.learner, self.stage, self.parts = learner, config.zero_stage, config.deepspeed.gradient_accumulation
        self.model: nn.Module = learner.model
        self.names = [name for name, weight in self.model.named_parameters() if weight.requires_grad]
        self.weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.deepspeed = quiet_deepspeed(learner.device)
        # DeepSpeed broadcasts and flattens weights as bytes in a row, which channels-last kernels are not.
        self.model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
        self.runtime, *_ = self.deepspeed.initialize(
            model=self.model,
            optimizer=make_optimizer(self.model, learner.config),
            config=deepspeed_settings(config, batch_per_rank, learner.config.gradient_clip),
        )
        if self.stage == 0:
            # Stages 1 to 3 keep weights as pieces of one flat buffer; stage 0 leaves them to us.
            self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        learner.model = self.runtime
        wrapped = self.runtime.optimizer
        self._begun = False
        self.adamw: torch.optim.Optimizer = wrapped.optimizer if self.stage else wrapped

    def step(self, records: Any, step: int) -> tuple[Tensor, dict[str, Tensor], float]:
        """Take one step over this rank's records and return its loss, its terms and the whole batch's gradient norm.

        Raises:
            errors.TrainingDiverged: the gradient is infinite or not a number.
        """
        self._set_rate(learning_rate_at(step, self.learner.config))
        found = [self._take_part(part, step) for part in self._parts_of(records)]
        norm = self._finish()
        require_finite_gradient(norm, step)
        losses, terms = zip(*found, strict=True)
        return _mean(losses), {name: _mean([each[name] for each in terms]) for name in terms[0]}, norm

    def _parts_of(self, records: Any) -> list[Any]:
        if self.parts == 1:
            return [records]
        return [records.take(rows) for rows in np.split(np.arange(len(records)), self.parts)]

    def _take_part(self, part: Any, step: int, factor: float = 1.0) -> tuple[Tensor, dict[str, Tensor]]:
        """Add one part's gradient; between parts DeepSpeed's own step only counts."""
        if self._begun:
            self.runtime.step()
        self._begun = True
        loss, terms = self.learner.loss(part, step)
        self._backward(loss if factor == 1.0 else loss * factor)
        return loss.detach(), terms

    def _finish(self) -> float:
        """Clip, let AdamW act, and return the whole batch's gradient norm."""
        norm = self._clip()
        self.runtime.step()
        self._begun = False
        return norm if norm is not None else float(self.runtime.get_global_grad_norm())

    def _backward(self, loss: Tensor) -> None:
        # A rank alone has nobody to average with; DeepSpeed would still copy every gradient there and back.
        alone = self.stage == 0 and self.parts == 1 and torch.distributed.get_world_size() == 1
        with self.runtime.no_sync() if alone else contextlib.nullcontext():
            self.runtime.backward(loss)

    def _clip(self) -> float | None:
        # Stage 0 keeps whole gradients: clipping here gives the plain loop's bits and the norm for nothing.
        if self.stage:
            return None
        limit = self.learner.config.gradient_clip or float("inf")
        return float(nn.utils.clip_grad_norm_(self.weights, limit))

    def _set_rate(self, rate: float) -> None:
        for group in self.adamw.param_groups:
            group["lr"] = rate

    def state(self) -> dict[str, Tensor]:
        """Return weights, buffers and AdamW's moments as whole float32 tensors; every rank must call this."""
        state = {f"model.{name}": value for name, value in self.model_state().items()}
        self._link_moments()
        for key in _MOMENTS:
            for name, weight in zip(self.names, self.weights, strict=True):
                state[f"{key}.{name}"] = _plain(self._moment(weight, key))
        return state

    def model_state(self) -> dict[str, Tensor]:
        """Return weights and buffers as whole tensors on the CPU; every rank must call this."""
        self._average_buffers()
        with self.deepspeed.zero.GatheredParameters(list(self.model.parameters()), enabled=self.stage == 3):
            return {name: _plain(value) for name, value in self.model.state_dict().items()}

    def restore(self, state: dict[str, Tensor], step: int, records: Any) -> None:
        """Put a state back after `step` steps; the network's weights must have been loaded before DeepSpeed started.

        A step at rate 0 with no gradient makes AdamW's state exist in every piece; then all of it is overwritten.
        """
        buffers = {name: value.clone() for name, value in self.model.named_buffers()}
        self._set_rate(0.0)
        for part in self._parts_of(records):
            self._take_part(part, step, factor=0.0)
        self._finish()
        for name, value in self.model.named_buffers():
            value.copy_(buffers[name])
        self._link_moments()
        for name, weight in zip(self.names, self.weights, strict=True):
            self._set_weight(weight, state[f"model.{name}"].to(self.learner.device))
            for key in _MOMENTS:
                self._set_moment(weight, key, state[f"{key}.{name}"].to(self.learner.device))
        for values in self.adamw.state.values():
            values["step"].fill_(step)

    def _link_moments(self) -> None:
        """Let every weight find its moments in the pieces that stages 1 and 2 keep them in.

        DeepSpeed 0.19.8 links them once, after the first parameter group's first step, when the second group (here:
        weights without decay) has no moments yet.
        """
        if self.stage in (1, 2):
            self.runtime.optimizer._hp_optimizer_states_linked = False
            self.runtime.optimizer._lazy_init_hp_params_optimizer_state()

    def _moment(self, weight: Tensor, key: str) -> Tensor:
        if self.stage:
            return self.deepspeed.utils.safe_get_full_optimizer_state(weight, key)
        return self.adamw.state[weight][key]

    def _set_moment(self, weight: Tensor, key: str, value: Tensor) -> None:
        if self.stage == 3:
            self.deepspeed.utils.safe_set_local_optimizer_state(weight, own_piece(weight, value), key)
        elif self.stage:
            self.deepspeed.utils.safe_set_full_optimizer_state(weight, value, key)
        else:
            self.adamw.state[weight][key].copy_(value)

    def _set_weight(self, weight: Tensor, value: Tensor) -> None:
        if self.stage == 3:
            self.deepspeed.utils.safe_set_local_fp32_param(weight, own_piece(weight, value))
            return
        if self.stage:
            self.deepspeed.utils.safe_set_full_fp32_param(weight, value)
        weight.data.copy_(value)

    def _average_buffers(self) -> None:
        """Make batch norm's statistics, learned by each rank from its own pictures, the same on all ranks."""
        if torch.distributed.get_world_size() == 1:
            return
        for value in self.model.buffers():
            if value.is_floating_point():
                torch.distributed.all_reduce(value)
                value /= torch.distributed.get_world_size()


def own_piece(weight: Any, whole: Tensor) -> Tensor:
    """Cut out what this rank holds of a weight at stage 3: equal pieces, the last one filled up with zeros.

    DeepSpeed 0.19.8 does this by itself only where the ranks divide the size; elsewhere it reads beyond the end.
    """
    size = weight.ds_tensor.numel()
    ranks = torch.distributed.get_world_size()
    filled = nn.functional.pad(whole.flatten(), (0, size * ranks - whole.numel()))
    return filled.narrow(0, size * torch.distributed.get_rank(), size)


def _mean(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(list(values)).mean(0)


def _plain(value: Tensor) -> Tensor:
    return value.detach().to("cpu", memory_format=torch.contiguous_format).contiguous().clone()
