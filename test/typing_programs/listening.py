"""Events: a listener that matches on their classes, and a chat that is run event by event."""

import asyncio

from typing_extensions import assert_never

from autogen import AssistantAgent, ConversableAgent, events
from autogen.events import AnyEvent, Event
from autogen.testing import ScriptedModel


def describe(event: AnyEvent) -> str:
    """Describe an event. A type checker sees that no class of events is left out."""
    match event:
        case events.ChatStarted(initiator=name) | events.ChatEnded(initiator=name) | events.ChatPrepared(initiator=name):
            return f"{event.type} by {name}"
        case events.MessageSent(sender=sender, recipient=recipient, message=message):
            return f"{sender} to {recipient}: {message}"
        case events.ReplyStarted(agent=name) | events.ReplyEnded(agent=name):
            return f"{name} replies"
        case events.ModelAsked() | events.ModelAnswered() | events.ModelFailed() | events.SteppedDown():
            return f"{event.model} for {event.agent}"
        case events.ToolCalled(name=name, arguments=arguments):
            return f"{name}({arguments})"
        case events.ToolReturned(name=name, content=content, seconds=seconds):
            return f"{name}: {content} in {seconds:.3f} s"
        case events.CodeStarted(blocks=blocks):
            return f"{len(blocks)} blocks"
        case events.CodeEnded(exit_code=exit_code):
            return f"exit code {exit_code}"
        case events.TokenReceived(delta=text):
            return text
        case events.HandedOver(target=target):
            return f"on to {target}"
        case (
            events.AutoReplied()
            | events.GuardrailChecked()
            | events.ContextTransformed()
            | events.MemoriesRecalled()
            | events.ReasoningTree()
            | events.SkillUsed()
            | events.PlanChanged()
            | events.SafeguardActed()
            | events.ApprovalAsked()
            | events.ApprovalGiven()
            | events.ChatWaiting()
            | events.GroupResumed()
            | events.SpeakerRequested()
            | events.SpeakerAttempted()
            | events.NoHumanInput()
            | events.ReplyRetracted()
            | events.HistoryCleared()
            | events.UsagePrinted()
            | events.ProgramEvent()
            | events.DocumentsIndexed()
            | events.DocumentsRetrieved()
        ):
            return event.type
        case events.SpeakerSelected(speaker=name):
            return f"{name} is next"
        case events.HumanAsked(prompt=text) | events.HumanAnswered(text=text):
            return str(text)
        case _:
            assert_never(event)


def print_tokens(event: Event) -> None:
    if isinstance(event, events.ModelAnswered):
        tokens: int = event.prompt_tokens + event.completion_tokens
        print(event.model, tokens, event.cost)


def run_step_by_step(agent: ConversableAgent) -> str:
    with agent.run_iter(message="What is 2 + 3?", yield_on=["message_sent", events.HumanAsked]) as chat:
        for event in chat:
            if isinstance(event, events.HumanAsked):
                event.respond("exit")
            print(event.type, event.chat)
        return str(chat.result.summary)


async def run_async(agent: ConversableAgent) -> str:
    chat = agent.a_run_iter(message="What is 3 + 4?")
    async for event in chat:
        print(describe(event))
    return str(chat.result.summary)


def main() -> None:
    with ScriptedModel("It is 5.", "It is 7.") as model:
        agent = AssistantAgent("calculator", llm_config=model.llm_config, silent=True)
        with events.subscribe(print_tokens, types=[events.ModelAnswered]):
            print(run_step_by_step(agent))
        print(asyncio.run(run_async(agent)))


if __name__ == "__main__":
    main()
