"""Small programs of AG2, in the spellings of its versions from 0.5 to 0.14: each runs unchanged."""

import pytest

from autogen.testing import ScriptedModel, tool_call

CONFIGS = {
    "0.14": "config = LLMConfig(entry, temperature=0); agent = ConversableAgent('a', llm_config=config)",
    "0.10": "config = LLMConfig(config_list=[entry], temperature=0); agent = ConversableAgent('a', llm_config=config)",
    "0.10, one": "agent = ConversableAgent('a', llm_config=LLMConfig(config_list=entry))",
    "0.8": "agent = ConversableAgent(name='a', llm_config=LLMConfig(**entry))",
    "0.8, with": "with LLMConfig(**entry) as config:\n    agent = ConversableAgent(name='a')",
    "0.9, with": "config = LLMConfig(config_list=[entry])\nwith config:\n    agent = AssistantAgent(name='a')",
    "0.9, current": "with LLMConfig(entry):\n    now = LLMConfig.current\nagent = ConversableAgent('a', llm_config=now)",
    "0.9, default": "with LLMConfig(entry):\n    agent = ConversableAgent('a', llm_config=LLMConfig.default.copy())",
    "0.10, get_current": (
        "with LLMConfig(entry):\n    now = LLMConfig.get_current_llm_config()\nagent = ConversableAgent('a', llm_config=now)"
    ),
    "0.11, ensure": "agent = ConversableAgent('a', llm_config=LLMConfig.ensure_config({'config_list': [entry]}))",
    "0.11, where": "agent = ConversableAgent('a', llm_config=LLMConfig({'model': 'x'}, entry).where(tags='t'))",
    "0.11, dump": "agent = ConversableAgent('a', llm_config=LLMConfig(**LLMConfig(entry).model_dump()))",
    "0.7, dict": "agent = ConversableAgent('a', llm_config={'config_list': [entry], 'temperature': 0})",
}


@pytest.mark.parametrize("version", CONFIGS)
def test_a_config_in_the_spelling_of(version):
    entry = {**ScriptedModel("Hello.").config, "tags": ["t"]}
    world = {"entry": entry}
    exec("from autogen import AssistantAgent, ConversableAgent, LLMConfig\n" + CONFIGS[version], world)
    assert world["agent"].run("Hi", silent=True).summary == "Hello."


# Each defines `go()`, which starts a chat between `desk` and `sales`, and returns the last text and the variables.
GROUPS = {
    "0.5": """
from autogen import AFTER_WORK, ON_CONDITION, AfterWorkOption, SwarmAgent, SwarmResult, initiate_swarm_chat

def note(guest: str, context_variables: dict) -> SwarmResult:
    "Note the name of a guest."
    context_variables["guest"] = guest
    return SwarmResult(values="Noted.", agent=sales, context_variables={**context_variables, "seen": True})

sales = SwarmAgent(name="sales", llm_config=sales_config, silent=True)
desk = SwarmAgent(name="desk", llm_config=desk_config, functions=[note], silent=True)
sales.register_hand_off(hand_to=[ON_CONDITION(desk, "Back."), AFTER_WORK(AfterWorkOption.TERMINATE)])

def go():
    result, variables, last = initiate_swarm_chat(
        initial_agent=desk, agents=[desk, sales], messages="Ada is here.", context_variables={}, max_rounds=5
    )
    assert last is sales
    return result.chat_history[-1]["content"], variables.to_dict()
""",
    "0.8": """
from autogen import AfterWork, AfterWorkOption, ConversableAgent, OnCondition, SwarmResult, UpdateSystemMessage
from autogen import initiate_swarm_chat, register_hand_off
from autogen.agentchat.contrib.swarm_agent import ContextVariables

def note(guest: str, context_variables: dict) -> SwarmResult:
    "Note the name of a guest."
    return SwarmResult(values="Noted.", agent="sales", context_variables={"guest": guest, "seen": True})

update = [UpdateSystemMessage("The guest is {guest}.")]
sales = ConversableAgent("sales", llm_config=sales_config, update_agent_state_before_reply=update, silent=True)
desk = ConversableAgent("desk", llm_config=desk_config, functions=[note], silent=True)
register_hand_off(agent=sales, hand_to=[OnCondition(target=desk, condition="Back.", available="seen")])

def go():
    result, variables, last = initiate_swarm_chat(
        initial_agent=desk, agents=[desk, sales], messages=[{"role": "user", "content": "Ada is here."}],
        context_variables=ContextVariables({"guest": "?"}), after_work=AfterWork(agent=AfterWorkOption.TERMINATE),
    )
    assert sales.system_message == "The guest is Ada."
    return result.summary, variables.to_dict()
""",
    "0.10": """
from autogen import ConversableAgent
from autogen.agentchat import ContextVariables, ReplyResult, run_group_chat
from autogen.agentchat.group.on_condition import OnCondition
from autogen.agentchat.group.llm_condition import StringLLMCondition
from autogen.agentchat.group.patterns.pattern import DefaultPattern
from autogen.agentchat.group.targets.transition_target import AgentTarget, TerminateTarget

def note(guest: str, context_variables: ContextVariables) -> ReplyResult:
    "Note the name of a guest."
    context_variables["guest"] = guest
    context_variables.set("seen", True)
    return ReplyResult(message="Noted.", target=AgentTarget(sales), context_variables=context_variables)

sales = ConversableAgent(name="sales", llm_config=sales_config, silent=True)
desk = ConversableAgent(name="desk", llm_config=desk_config, functions=note, silent=True)
desk.register_handoff(OnCondition(target=AgentTarget(sales), condition=StringLLMCondition("They buy.")))
sales.handoffs.set_after_work(TerminateTarget())

def go():
    pattern = DefaultPattern(initial_agent=desk, agents=[desk, sales], context_variables=ContextVariables())
    response = run_group_chat(pattern=pattern, messages="Ada is here.", max_rounds=5)
    assert response.last_speaker == "sales"
    return response.summary, response.context_variables.to_dict()
""",
    "0.14, async": """
import asyncio
from autogen import ConversableAgent, a_run_swarm
from autogen.agentchat.contrib.swarm_agent import SwarmResult

def note(guest: str) -> SwarmResult:
    "Note the name of a guest."
    return SwarmResult("Noted.", sales, {"guest": guest, "seen": True})

sales = ConversableAgent("sales", llm_config=sales_config, silent=True)
desk = ConversableAgent("desk", llm_config=desk_config, functions=note, silent=True)

async def run():
    response = await a_run_swarm(desk, "Ada is here.", [desk, sales])
    return await response.summary, (await response.context_variables).to_dict()

def go():
    return asyncio.run(run())
""",
}


@pytest.mark.filterwarnings("ignore:SwarmAgent is deprecated")
@pytest.mark.parametrize("version", GROUPS)
def test_a_group_in_the_spelling_of(version):
    desk_config = ScriptedModel(tool_call("note", guest="Ada")).llm_config
    world = {"desk_config": desk_config, "sales_config": ScriptedModel("Tea, Ada?").llm_config}
    exec(GROUPS[version], world)
    assert world["go"]() == ("Tea, Ada?", {"guest": "Ada", "seen": True})


def test_what_is_left_out_says_so():
    with pytest.raises(ImportError, match="Realtime agents are left out"):
        exec("from autogen.agentchat.realtime.experimental import RealtimeAgent")
