"""Code execution: executors, and extraction of code from messages."""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from .approval import ApprovedCodeExecutor as ApprovedCodeExecutor
    from .approval import ask_a_human as ask_a_human
    from .azure.sessions_code_executor import ACADynamicSessionsCodeExecutor as ACADynamicSessionsCodeExecutor
    from .azure.sessions_code_executor import AzureSessionsCodeExecutor as AzureSessionsCodeExecutor
    from .base import CodeBlock as CodeBlock
    from .base import CodeExecutor as CodeExecutor
    from .base import CodeExtractor as CodeExtractor
    from .base import CodeResult as CodeResult
    from .docker_commandline_code_executor import DockerCommandLineCodeExecutor as DockerCommandLineCodeExecutor
    from .factory import CodeExecutorFactory as CodeExecutorFactory
    from .local_commandline_code_executor import LocalCommandLineCodeExecutor as LocalCommandLineCodeExecutor
    from .markdown_code_extractor import MarkdownCodeExtractor as MarkdownCodeExtractor
    from .sandboxed_commandline_code_executor import SandboxedCommandLineCodeExecutor as SandboxedCommandLineCodeExecutor

# Read by the interpreter on first use of a name.
_HOME = {
    "ACADynamicSessionsCodeExecutor": "azure.sessions_code_executor",
    "AzureSessionsCodeExecutor": "azure.sessions_code_executor",
    "ApprovedCodeExecutor": "approval",
    "ask_a_human": "approval",
    "CodeBlock": "base",
    "CodeExecutor": "base",
    "CodeExtractor": "base",
    "CodeResult": "base",
    "CodeExecutorFactory": "factory",
    "DockerCommandLineCodeExecutor": "docker_commandline_code_executor",
    "LocalCommandLineCodeExecutor": "local_commandline_code_executor",
    "MarkdownCodeExtractor": "markdown_code_extractor",
    "SandboxedCommandLineCodeExecutor": "sandboxed_commandline_code_executor",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
