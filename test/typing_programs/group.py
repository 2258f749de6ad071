"""A group chat with a selection function, allowed transitions, and a group that hands over by rules."""

from autogen import Agent, ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat.group import AgentTarget, ContextVariables, OnCondition, StringLLMCondition
from autogen.testing import ScriptedModel


def select_speaker(last_speaker: Agent, groupchat: GroupChat) -> Agent | str | None:
    if len(groupchat.messages) > 2:
        return None
    names = [agent.name for agent in groupchat.agents]
    return groupchat.agents[(names.index(last_speaker.name) + 1) % len(names)]


def run_group(writer: ConversableAgent, critic: ConversableAgent) -> list[str]:
    group = GroupChat(
        agents=[writer, critic],
        messages=[],
        max_round=4,
        speaker_selection_method=select_speaker,
        allowed_or_disallowed_speaker_transitions={writer: [critic], critic: [writer]},
        speaker_transitions_type="allowed",
    )
    manager = GroupChatManager(groupchat=group, llm_config=False, silent=True)
    result = writer.initiate_chat(manager, message="A verse, please.", silent=True)
    return [str(message["content"]) for message in result.chat_history]


def register_handoffs(writer: ConversableAgent, critic: ConversableAgent) -> ContextVariables:
    writer.handoffs.add_llm_condition(OnCondition(AgentTarget(critic), StringLLMCondition("The verse is written.")))
    return ContextVariables(data={"verses": 0})


def main() -> None:
    with ScriptedModel("Roses are red.", "Too short.") as model:
        writer = ConversableAgent("writer", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
        critic = ConversableAgent("critic", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
        print(run_group(writer, critic))
        print(register_handoffs(writer, critic).get("verses"))


if __name__ == "__main__":
    main()
