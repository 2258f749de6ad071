"""A code executor for dynamic sessions of Azure Container Apps. Without a credential, it needs the extra `azure`."""

from .sessions_code_executor import ACADynamicSessionsCodeExecutor, AzureSessionsCodeExecutor

__all__ = ["ACADynamicSessionsCodeExecutor", "AzureSessionsCodeExecutor"]
