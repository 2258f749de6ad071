"""Tools of LangChain as tools of agents, and its chat models."""

from __future__ import annotations

from .langchain_chat_model_factory import LangChainChatModelFactory
from .langchain_tool import LangChainInteroperability, LangChainToolAdapter

__all__ = ["LangChainChatModelFactory", "LangChainInteroperability", "LangChainToolAdapter"]
