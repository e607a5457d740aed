"""A cluster file as it will be understood, with Ray's defaults wherever it says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import yaml

from share_dist.errors import BadSetting
from share_dist.storage import read_given_text

PROVIDERS = ("aws", "gcp", "local")
_COMMANDS = "initialization_commands setup_commands head_setup_commands worker_setup_commands".split()
_MOST_PARTS = 100_000
"""Keys and values of a document; ours have some hundreds."""

STARTS = "head_start_ray_commands worker_start_ray_commands".split()


@dataclass(frozen=True)
class LaunchFile:
    """What a cluster file says."""

    path: Path
    documents: tuple[dict[str, Any], ...]
    text: str
    """As it is written, comments and all."""

    @property
    def is_kubernetes(self) -> bool:
        """Whether it is for kubectl; else it is for `ray up`."""
        return "apiVersion" in self.documents[0]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The whole of a file for `ray up`, Ray's defaults for its provider filled in; empty for Kubernetes."""
        from ray.autoscaler._private.providers import _get_default_config

        return {} if self.is_kubernetes else {**_get_default_config(self.provider), **self.documents[0]}

    @cached_property
    def provider(self) -> dict[str, Any]:
        """The section that says where machines come from; empty for Kubernetes."""
        return self.documents[0].get("provider") or {}

    @property
    def cloud(self) -> str:
        """The kind of provider: aws, gcp, local, or nothing for Kubernetes."""
        return self.provider.get("type", "")

    @cached_property
    def node_types(self) -> dict[str, dict[str, Any]]:
        """The kinds of node of a file for `ray up`, each with its settings; local machines have none."""
        return {} if self.cloud == "local" else self.config.get("available_node_types") or {}

    @cached_property
    def machines(self) -> dict[str, dict[str, Any]]:
        """What the cloud is asked for, for each kind of node."""
        return {name: kind.get("node_config") or {} for name, kind in self.node_types.items()}

    @property
    def head(self) -> str:
        """The name of the head's kind of node."""
        return self.config.get("head_node_type", "")

    def commands(self, *sections: str) -> Iterator[tuple[str, str]]:
        """Yield each command with its section's name, marked where it is Ray's default."""
        for section in sections or (*_COMMANDS, *STARTS):
            origin = section if section in self.documents[0] else f"{section}, not given, so Ray's default"
            for command in self.config.get(section) or []:
                yield origin, command

    @cached_property
    def clusters(self) -> list[dict[str, Any]]:
        """The cluster specifications of a Kubernetes file, those inside of jobs included."""
        specs = [document.get("spec") or {} for document in self.documents]
        return [spec.get("rayClusterSpec", spec) for spec in specs if {"rayClusterSpec", "headGroupSpec"} & spec.keys()]

    @cached_property
    def images(self) -> list[str]:
        """Every container image that the file names."""
        kinds = ("image", "head_image", "worker_image")
        return [value for document in self.documents for key, value in _walk(document) if key in kinds]

    @cached_property
    def strings(self) -> list[tuple[str, str]]:
        """Every string of the file with the name it stands under, Ray's default commands included."""
        return [pair for part in (*self.documents, self.config) for pair in _walk(part)]


def _walk(part: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _walk(value, str(key))
    elif isinstance(part, list):
        for value in part:
            yield from _walk(value, name)
    elif isinstance(part, str):
        yield name, part


def _documents(text: str) -> Iterator[Any]:
    """Yield what `yaml.safe_load_all` would, but refuse what aliases would make endless before it is made."""
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = cast("yaml.Node", loader.get_node())
            if (size := _size(node, {})) > _MOST_PARTS:
                raise ValueError(f"with its aliases written out it has {size:,} parts")
            yield loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many parts a node has with its aliases written out, each counted as often as it stands there."""
    if id(node) not in known:
        # What lies in itself finds itself here before it is done.
        known[id(node)] = _MOST_PARTS
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        flat = [part for pair in parts for part in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in flat)
    return known[id(node)]


def read_launch_file(path: Path) -> LaunchFile:
    """Read a cluster file.

    Raises:
        errors.BadSetting: it is missing, no YAML, neither for `ray up` nor for Kubernetes, or for another provider.
        errors.DamagedFile: it is no text, or no regular file.
    """
    try:
        text = read_given_text(path)
        documents = tuple(document for document in _documents(text) if document)
    # Numbers and dates that are none are ValueErrors; what is nested too deeply is a RecursionError.
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadSetting(f"{path} cannot be read: {error}\n  Name a cluster file, such as ray_cluster.yaml.") from error
    kinds = [isinstance(document, dict) and ({"provider", "apiVersion"} & document.keys()) for document in documents]
    if not kinds or not all(kinds):
        raise BadSetting(
            f"{path} is no cluster file: it has neither `provider`, as `ray up` wants, nor `apiVersion`.\n"
            "  Name a cluster file, such as ray_cluster.yaml."
        )
    file = LaunchFile(path, documents, text)
    if file.cloud not in (*PROVIDERS, ""):
        raise BadSetting(
            f"{path} is for the provider {file.cloud}, for which there are no rules.\n"
            f"  Begin with one of ours; there are files for {', '.join(PROVIDERS)} and Kubernetes."
        )
    return file
