"""A code executor for a Kubernetes pod. Needs the extra `kubernetes`."""

from .pod_commandline_code_executor import PodCommandLineCodeExecutor

__all__ = ["PodCommandLineCodeExecutor"]
