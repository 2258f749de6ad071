"""Many chats at once: `map_chats` runs a chat for each item of a list, and goes on after a crash.

>>> from autogen.distributed import map_chats
>>> def answer(question, run):
...     agent = AssistantAgent("assistant", llm_config=llm_config)
...     return UserProxyAgent("user", human_input_mode="NEVER").initiate_chat(agent, message=question, max_turns=1)
>>> for question, result in map_chats(questions, answer, checkpoint="answers.db", budget=5):  # doctest: +SKIP
...     print(question, result)
"""

from ._map_chats import a_map_chats, map_chats
from ._mapping import ChatRun
from ._results import AsyncChatResults, ChatFailure, ChatResults, RunSummary

__all__ = ["AsyncChatResults", "ChatFailure", "ChatResults", "ChatRun", "RunSummary", "a_map_chats", "map_chats"]
