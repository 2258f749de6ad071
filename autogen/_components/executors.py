"""Executors of code in documents."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import ComponentType, KeptComponentType
from ..specs.errors import Problem, SpecError
from ..specs.fields import ComponentConfig
from ._parts import ExecutorPart

if TYPE_CHECKING:
    from ..specs._needs import NeedsCollector


class ExecutorConfig(ComponentConfig):
    """Schema of settings that all executors on this machine have."""

    timeout: int = Field(default=60, gt=0)
    work_dir: str | None = None


class DockerConfig(ExecutorConfig):
    """Schema of `docker`."""

    image: str = "python:3-slim"


class ExecutorType(ComponentType):
    """The type of executors whose arguments are attributes of the same names."""

    kind = "executor"

    def __init__(self, name: str, target: str, config_model: type[ExecutorConfig], description: str) -> None:
        self.name = name
        self.target = target
        self.config_model = config_model
        self.label = name.capitalize()
        self.description = description

    def make(self, config: ExecutorConfig, build: Build) -> LiveObject:
        """Make the executor."""
        module, _, name = self.target.partition(":")
        settings = config.model_dump(exclude_unset=True)
        if config.work_dir is not None:
            settings["work_dir"] = build.get_path(config.work_dir)
        return getattr(importlib.import_module(module), name)(**settings)

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the settings that differ from the defaults. A folder that was made for it is not one of them."""
        config = {}
        for name, field in self.config_model.model_fields.items():
            value = getattr(obj, name, field.default)
            if name != "work_dir" and value != field.default:
                config[name] = value
        return config

    def collect_needs(self, config: ExecutorConfig, needs: NeedsCollector) -> None:
        """Note the executor, and its folder."""
        needs.add("executors", self.name)
        if config.work_dir is not None:
            needs.add_path(config.work_dir)


class JupyterConfig(ExecutorConfig):
    """Schema of `jupyter`."""

    kernel_name: str = "python3"


class PodConfig(ComponentConfig):
    """Schema of `pod`."""

    image: str = "python:3-slim"
    namespace: str | None = None
    timeout: int = Field(default=60, gt=0)


class PodType(KeptComponentType):
    """The type of executors in pods of Kubernetes, by the configuration of this machine."""

    name = "pod"
    kind = "executor"
    target = "autogen.coding.kubernetes.pod_commandline_code_executor:PodCommandLineCodeExecutor"
    config_model = PodConfig
    label = "Pod"
    description = "Runs code in a pod of Kubernetes."

    def make(self, config: PodConfig, build: Build) -> LiveObject:
        """Make the executor, and its pod."""
        from ..coding.kubernetes import PodCommandLineCodeExecutor

        return PodCommandLineCodeExecutor(**config.model_dump(exclude_unset=True))

    def collect_needs(self, config: PodConfig, needs: NeedsCollector) -> None:
        """Note the executor."""
        needs.add("executors", self.name)


class AzureSessionsConfig(ComponentConfig):
    """Schema of `azure_sessions`."""

    pool_management_endpoint: str
    timeout: int = Field(default=60, gt=0)


class AzureSessionsType(KeptComponentType):
    """The type of executors in sessions of Azure, with the credential of this machine."""

    name = "azure_sessions"
    kind = "executor"
    target = "autogen.coding.azure.sessions_code_executor:AzureSessionsCodeExecutor"
    config_model = AzureSessionsConfig
    label = "Azure sessions"
    description = "Runs code in dynamic sessions of Azure Container Apps."
    example: JSONObject = {"pool_management_endpoint": "https://pool.example/"}

    def make(self, config: AzureSessionsConfig, build: Build) -> LiveObject:
        """Make the executor. The session begins with the first request."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)(config.pool_management_endpoint, timeout=config.timeout)

    def collect_needs(self, config: AzureSessionsConfig, needs: NeedsCollector) -> None:
        """Note the executor, and the address of the pool."""
        needs.add("executors", self.name)
        needs.add_address(config.pool_management_endpoint)


class ApprovedConfig(ComponentConfig):
    """Schema of `approved`: an executor, whose blocks a human approves."""

    executor: ExecutorPart
    by: Literal["human"] = "human"


class ApprovedType(ComponentType):
    """The type of executors that ask a human about each block."""

    name = "approved"
    kind = "executor"
    target = "autogen.coding.approval:ApprovedCodeExecutor"
    config_model = ApprovedConfig
    label = "Approved"
    description = "Asks a human before each block of code."
    example: JSONObject = {"executor": {"type": "docker", "config": {}}}

    def make(self, config: ApprovedConfig, build: Build) -> LiveObject:
        """Wrap the executor."""
        from ..coding.approval import ApprovedCodeExecutor

        return ApprovedCodeExecutor(build.get_part(config.executor), config.by)

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the executor.

        Raises:
            SpecError: if a function approves.
        """
        if not obj.asks_human:
            raise SpecError([Problem("", "a function that approves code can't be written", 'use approve="human"')])
        return {"executor": writer.write_inline(obj.executor)}


_MODULE = "autogen.coding"

EXECUTOR_TYPES = (
    ExecutorType(
        "local",
        f"{_MODULE}.local_commandline_code_executor:LocalCommandLineCodeExecutor",
        ExecutorConfig,
        "Runs code on this machine, with the rights of the user.",
    ),
    ExecutorType(
        "sandboxed",
        f"{_MODULE}.sandboxed_commandline_code_executor:SandboxedCommandLineCodeExecutor",
        ExecutorConfig,
        "Runs code on this machine within a sandbox.",
    ),
    ExecutorType(
        "docker",
        f"{_MODULE}.docker_commandline_code_executor:DockerCommandLineCodeExecutor",
        DockerConfig,
        "Runs code in a container.",
    ),
    ExecutorType(
        "jupyter",
        f"{_MODULE}.jupyter.embedded_ipython_code_executor:EmbeddedIPythonCodeExecutor",
        JupyterConfig,
        "Runs code in a Jupyter kernel on this machine, with the rights of the user.",
    ),
    PodType(),
    AzureSessionsType(),
    ApprovedType(),
)
