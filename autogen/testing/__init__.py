"""Tools for testing agents without a network: a scripted model, and a local server that offers it to the OpenAI SDK.

>>> from autogen import ConversableAgent
>>> from autogen.testing import ScriptedModel
>>> with ScriptedModel("Paris.") as model:
...     agent = ConversableAgent("geographer", llm_config=model.llm_config, human_input_mode="NEVER")
...     agent.generate_reply(messages=[{"role": "user", "content": "What is the capital of France?"}])
'Paris.'
"""

import warnings as _warnings
from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from ._anthropic_server import AnthropicServer as AnthropicServer
    from ._converse_server import ConverseServer as ConverseServer
    from ._embeddings import embed_words as embed_words
    from ._faults import FaultInjector as FaultInjector
    from ._gemini_server import GeminiServer as GeminiServer
    from ._oddities import ODDITIES as ODDITIES
    from ._oddities import Misbehaving as Misbehaving
    from ._oddities import Oddity as Oddity
    from ._responses_server import ResponsesServer as ResponsesServer
    from ._scripted import Fault as Fault
    from ._scripted import RawReply as RawReply
    from ._scripted import Reply as Reply
    from ._scripted import ScriptedModel as ScriptedModel
    from ._scripted import ScriptExhausted as ScriptExhausted
    from ._scripted import ScriptNotFinished as ScriptNotFinished
    from ._scripted import tool_call as tool_call
    from ._server import OpenAIServer as OpenAIServer
    from ._stand_in import StandIn as StandIn
    from .messages import ToolCall as ToolCall
    from .messages import tools_message as tools_message
    from .prefixes import assert_prefix_stable as assert_prefix_stable
    from .test_agent import TestAgent as TestAgent

# Read by the interpreter on first use of a name: pytest imports this package for its fixtures in every project.
_HOME = {
    "ODDITIES": "_oddities",
    "AnthropicServer": "_anthropic_server",
    "ConverseServer": "_converse_server",
    "Fault": "_scripted",
    "FaultInjector": "_faults",
    "GeminiServer": "_gemini_server",
    "Misbehaving": "_oddities",
    "Oddity": "_oddities",
    "OpenAIServer": "_server",
    "RawReply": "_scripted",
    "Reply": "_scripted",
    "ResponsesServer": "_responses_server",
    "ScriptExhausted": "_scripted",
    "ScriptNotFinished": "_scripted",
    "ScriptedModel": "_scripted",
    "StandIn": "_stand_in",
    "TestAgent": "test_agent",
    "ToolCall": "messages",
    "embed_words": "_embeddings",
    "assert_prefix_stable": "prefixes",
    "tool_call": "_scripted",
    "tools_message": "messages",
}

_load_attribute, __dir__, __all__ = _lazy(globals(), _HOME)
# The class had this name in earlier versions.
_RENAMED = {"Storm": "FaultInjector"}


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        _warnings.warn(f"{name} is deprecated, use {_RENAMED[name]}.", DeprecationWarning, stacklevel=2)
        name = _RENAMED[name]
    return _load_attribute(name)
