"""Tools of LangChain as tools of agents."""

from __future__ import annotations

from .langchain_tool import LangChainInteroperability, LangChainToolAdapter

__all__ = ["LangChainInteroperability", "LangChainToolAdapter"]
