"""Tools of other frameworks as tools of agents."""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

# For editors and type checkers.
if TYPE_CHECKING:
    from .crewai import CrewAIInteroperability as CrewAIInteroperability
    from .interoperability import Interoperability as Interoperability
    from .interoperability import as_tool as as_tool
    from .interoperable import Interoperable as Interoperable
    from .langchain import LangChainChatModelFactory as LangChainChatModelFactory
    from .langchain import LangChainInteroperability as LangChainInteroperability
    from .langchain import LangChainToolAdapter as LangChainToolAdapter
    from .litellm import LiteLLmConfigAdapter as LiteLLmConfigAdapter
    from .litellm import LiteLLmConfigFactory as LiteLLmConfigFactory
    from .pydantic_ai import PydanticAIInteroperability as PydanticAIInteroperability
    from .registry import register_interoperable_class as register_interoperable_class

# For the interpreter: the module of each name, imported when the name is first used.
_HOME = {
    "CrewAIInteroperability": "crewai",
    "Interoperability": "interoperability",
    "Interoperable": "interoperable",
    "LangChainChatModelFactory": "langchain",
    "LangChainInteroperability": "langchain",
    "LangChainToolAdapter": "langchain",
    "LiteLLmConfigAdapter": "litellm",
    "LiteLLmConfigFactory": "litellm",
    "PydanticAIInteroperability": "pydantic_ai",
    "as_tool": "interoperability",
    "register_interoperable_class": "registry",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
