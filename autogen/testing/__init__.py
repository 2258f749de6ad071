"""Tools for testing agents without a network: a scripted model, and a local server that offers it to the OpenAI SDK.

>>> from autogen import ConversableAgent
>>> from autogen.testing import ScriptedModel
>>> with ScriptedModel("Paris.") as model:
...     agent = ConversableAgent("geographer", llm_config=model.llm_config, human_input_mode="NEVER")
...     agent.generate_reply(messages=[{"role": "user", "content": "What is the capital of France?"}])
'Paris.'
"""

from .._lazy_imports import deprecate as _deprecate
from ._faults import FaultInjector
from ._oddities import ODDITIES, Misbehaving, Oddity
from ._scripted import Fault, RawReply, Reply, ScriptedModel, ScriptExhausted, ScriptNotFinished, tool_call
from ._server import OpenAIServer
from ._stand_in import StandIn
from .messages import ToolCall, tools_message
from .test_agent import TestAgent

__all__ = [
    "ODDITIES",
    "Fault",
    "FaultInjector",
    "Misbehaving",
    "Oddity",
    "OpenAIServer",
    "RawReply",
    "Reply",
    "ScriptExhausted",
    "ScriptNotFinished",
    "ScriptedModel",
    "StandIn",
    "TestAgent",
    "ToolCall",
    "tool_call",
    "tools_message",
]

# The class had this name in earlier versions.
__getattr__ = _deprecate(globals(), {"Storm": "FaultInjector"})
