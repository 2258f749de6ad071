"""Programs in the style of AG2's documentation. Each takes the config of a model, and the script of the model is beside it.

A script has texts and calls `("name", {arguments})`, several as a list. A program returns what a test compares.
"""

import asyncio
from typing import Annotated, Any

from pydantic import BaseModel

from autogen import ConversableAgent, LLMConfig, UpdateSystemMessage
from autogen.agentchat import initiate_group_chat, run_group_chat, run_group_chat_iter
from autogen.agentchat.group import (
    AgentNameTarget,
    AgentTarget,
    ContextExpression,
    ContextVariables,
    ExpressionContextCondition,
    NestedChatTarget,
    OnCondition,
    OnContextCondition,
    ReplyResult,
    RevertToUserTarget,
    StringContextCondition,
    StringLLMCondition,
    TerminateTarget,
)
from autogen.agentchat.group.guardrails import RegexGuardrail
from autogen.agentchat.group.patterns import AutoPattern, DefaultPattern, RoundRobinPattern
from autogen.events.agent_events import InputRequestEvent, TextEvent
from autogen.io.processors import ConsoleEventProcessor
from autogen.tools import Tool
from autogen.tools.dependency_injection import BaseContext, Depends


def list_messages(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the authors and the texts; calls and results by name, because a hidden member of AG2 executes calls."""
    found = []
    for message in messages:
        if calls := message.get("tool_calls"):
            found.append((message.get("name", ""), "calls " + ", ".join(call["function"]["name"] for call in calls)))
        elif responses := message.get("tool_responses"):
            found.append(("tool", " | ".join(str(response["content"]) for response in responses)))
        else:
            found.append((message.get("name", ""), message["content"]))
    return found


def list_events(response: Any, answers: Any = ()) -> list[str]:
    """Read the events of a response in lock-step, and answer its questions."""
    answers, found = iter(answers), []
    for event in response.events:
        found.append(event.type)
        if event.type == "input_request":
            event.content.respond(next(answers))
    return found


SUPPORT_SCRIPT = [
    [("classify_query", {"query": "My laptop is on fire"})],
    "Unplug it, and call us.",
    "Is it out now?",
]


def run_customer_service(llm_config: LLMConfig) -> Any:
    """Run a desk that classifies a query with a tool, and hands over to a specialist by the context."""

    def classify_query(query: Annotated[str, "The query"], context_variables: ContextVariables) -> ReplyResult:
        """Classify a query of a customer."""
        is_technical = "laptop" in query
        context_variables["is_technical"] = is_technical
        context_variables["queries"] += 1
        target = AgentTarget(technician) if is_technical else AgentNameTarget("clerk")
        return ReplyResult(message="Classified.", target=target, context_variables=context_variables)

    context_variables = ContextVariables(data={"is_technical": False, "queries": 0, "customer": "Ada"})
    triage = ConversableAgent(name="triage", system_message="Classify.", functions=[classify_query], llm_config=llm_config)
    technician = ConversableAgent(
        name="technician",
        system_message="You repair.",
        llm_config=llm_config,
        update_agent_state_before_reply=[UpdateSystemMessage("You help {customer}, query {queries}.")],
    )
    clerk = ConversableAgent(name="clerk", system_message="You bill.", llm_config=llm_config)
    user = ConversableAgent(name="user", human_input_mode="NEVER", llm_config=False, default_auto_reply="It is.")
    technician.handoffs.set_after_work(RevertToUserTarget())
    user.handoffs.set_after_work(AgentTarget(technician))
    pattern = DefaultPattern(
        initial_agent=triage,
        agents=[triage, technician, clerk],
        user_agent=user,
        context_variables=context_variables,
        group_after_work=TerminateTarget(),
    )
    result, variables, last_agent = initiate_group_chat(pattern=pattern, messages="My laptop is on fire", max_rounds=6)
    return list_messages(result.chat_history), variables.to_dict(), last_agent.name, result.summary


TRAVEL_SCRIPT = [
    "Rome for two days.",
    "Take the train at nine.",
    [("transfer_to_booking_1", {})],
    "Booked.",
]


def run_travel_planner(llm_config: LLMConfig) -> Any:
    """Run a planner whose model hands over, after the members have spoken in order of their after-works."""
    planner = ConversableAgent(name="planner", system_message="You plan.", llm_config=llm_config)
    router = ConversableAgent(name="router", system_message="You route.", llm_config=llm_config)
    desk = ConversableAgent(name="desk", system_message="You decide.", llm_config=llm_config)
    booking = ConversableAgent(name="booking", system_message="You book.", llm_config=llm_config)
    planner.handoffs.set_after_work(AgentTarget(router))
    router.handoffs.set_after_work(AgentTarget(desk))
    desk.handoffs.add_llm_condition(
        OnCondition(target=AgentTarget(booking), condition=StringLLMCondition(prompt="Everything is clear."))
    )
    booking.handoffs.set_after_work(TerminateTarget())
    pattern = DefaultPattern(initial_agent=planner, agents=[planner, router, desk, booking])
    response = run_group_chat(pattern=pattern, messages="A weekend, please", max_rounds=10)
    response.process()
    return list_messages(response.messages), response.last_speaker, response.summary


CONTEXT_SCRIPT = ["Welcome.", "A premium answer."]


def run_context_conditions(llm_config: LLMConfig) -> Any:
    """Run agents that hand over by expressions about the context, without a model."""
    front = ConversableAgent(name="front", system_message="Greet.", llm_config=llm_config)
    premium = ConversableAgent(name="premium", system_message="Serve.", llm_config=llm_config)
    basic = ConversableAgent(name="basic", system_message="Serve.", llm_config=llm_config)
    is_premium = ExpressionContextCondition(ContextExpression("${level} >= 2 and not ${blocked}"))
    front.handoffs.add_after_works(
        [
            OnContextCondition(target=AgentTarget(premium), condition=is_premium),
            OnContextCondition(target=AgentTarget(basic), condition=StringContextCondition(variable_name="level")),
        ]
    )
    premium.handoffs.set_after_work(TerminateTarget())
    pattern = DefaultPattern(
        initial_agent=front,
        agents=[front, premium, basic],
        context_variables=ContextVariables(data={"level": 3, "blocked": False}),
    )
    result, _, last_agent = initiate_group_chat(pattern=pattern, messages="Hello", max_rounds=5)
    return list_messages(result.chat_history), last_agent.name


LESSON_SCRIPT = ["Photosynthesis.", "planner", "A plan.", "reviewer", "Good."]


def run_lesson_team(llm_config: LLMConfig) -> Any:
    """Run a team whose next speaker a model selects, by its descriptions."""
    teacher = ConversableAgent(name="teacher", description="Picks a topic.", llm_config=llm_config)
    planner = ConversableAgent(name="planner", description="Plans the lesson.", llm_config=llm_config)
    reviewer = ConversableAgent(name="reviewer", description="Reviews the plan.", llm_config=llm_config)
    pattern = AutoPattern(
        initial_agent=teacher,
        agents=[teacher, planner, reviewer],
        group_manager_args={"llm_config": llm_config},
    )
    result, _, last_agent = initiate_group_chat(pattern=pattern, messages="A lesson, please", max_rounds=4)
    return list_messages(result.chat_history), last_agent.name


ROUND_SCRIPT = ["One.", "Two.", "Three."]


def run_round_robin(llm_config: LLMConfig) -> Any:
    """Run members in turn, and read the events in lock-step."""
    agents = [ConversableAgent(name=name, llm_config=llm_config, human_input_mode="NEVER") for name in ("a", "b", "c")]
    pattern = RoundRobinPattern(initial_agent=agents[0], agents=agents)
    response = run_group_chat(pattern=pattern, messages="Count", max_rounds=4)
    return list_events(response), list_messages(response.messages)


TOOL_SCRIPT = [[("add", {"a": 2, "b": 3})], "It is 5. TERMINATE"]


def run_tool_of_one_agent(llm_config: LLMConfig) -> Any:
    """Run one agent with a tool, and read its events in lock-step."""

    def add(a: Annotated[int, "First number"], b: Annotated[int, "Second number"]) -> int:
        """Add two numbers."""
        return a + b

    agent = ConversableAgent(name="calculator", llm_config=llm_config, human_input_mode="NEVER", functions=[add])
    response = agent.run(message="2 + 3?", max_turns=3, user_input=False)
    types = list_events(response)
    return types, list_messages(response.messages), response.last_speaker


HUMAN_SCRIPT = ["Which colour?", "Red it is."]


def run_human_in_the_loop(llm_config: LLMConfig) -> Any:
    """Run a chat in which a user interface answers the questions to the human."""
    assistant = ConversableAgent(name="assistant", llm_config=llm_config, human_input_mode="NEVER")
    human = ConversableAgent(name="human", llm_config=False, human_input_mode="ALWAYS")
    response = human.run(recipient=assistant, message="Paint it", max_turns=5)
    types = list_events(response, ["red", "exit"])
    return types, list_messages(response.messages), response.summary


TWO_SCRIPT = ["A joke.", "A better joke.", "The best joke."]


def run_two_agents(llm_config: LLMConfig) -> Any:
    """Run two agents that write to each other, through a response."""
    jack = ConversableAgent(name="jack", llm_config=llm_config, human_input_mode="NEVER")
    emma = ConversableAgent(name="emma", llm_config=llm_config, human_input_mode="NEVER")
    response = jack.run(recipient=emma, message="Tell a joke", max_turns=2)
    response.process()
    usage = response.cost.usage_including_cached_inference
    return list_messages(response.messages), response.summary, response.last_speaker, usage.total_cost


SECRET_SCRIPT = [[("get_balance", {"currency": "EUR", "account": {"number": "of somebody else"}})], "You have 100."]


def run_injected_secret(llm_config: LLMConfig) -> Any:
    """Run a tool that gets an account which the model neither sees nor sets."""

    class Account(BaseContext, BaseModel):
        number: str
        currency: str = "USD"

    def get_balance(
        account: Annotated[Account, Depends(Account(number="of Ada"))],
        currency: Annotated[str, "Currency"] = "USD",
    ) -> str:
        """Return the balance of the account."""
        return f"100 {currency} on the account {account.number}"

    assistant = ConversableAgent(name="assistant", llm_config=llm_config, human_input_mode="NEVER")
    user = ConversableAgent(name="user", llm_config=False, human_input_mode="NEVER")
    assistant.register_for_llm(description="Get the balance.")(get_balance)
    user.register_for_execution()(get_balance)
    parameters = assistant.llm_config["tools"][0]["function"]["parameters"]["properties"]
    result = user.initiate_chat(assistant, message="My balance?", max_turns=2)
    return list(parameters), list_messages(result.chat_history)


GUARDRAIL_SCRIPT = ["The number is 123-45-6789.", "Nothing is wrong."]


def run_guardrails(llm_config: LLMConfig) -> Any:
    """Run a group in which an answer with a number of a certain form is held back, and a reviewer takes over."""
    clerk = ConversableAgent(name="clerk", llm_config=llm_config)
    reviewer = ConversableAgent(name="reviewer", llm_config=llm_config)
    clerk.register_output_guardrail(
        RegexGuardrail(
            name="numbers",
            condition=r"\d{3}-\d{2}-\d{4}",
            target=AgentTarget(reviewer),
            activation_message="Held back.",
        )
    )
    pattern = DefaultPattern(initial_agent=clerk, agents=[clerk, reviewer])
    result, _, last_agent = initiate_group_chat(pattern=pattern, messages="My number?", max_rounds=3)
    found = [(name, text.split("\n")[0]) for name, text in list_messages(result.chat_history)]
    return found, last_agent.name


NESTED_SCRIPT = ["A draft.", "Better.", "Published."]


def run_nested_target(llm_config: LLMConfig) -> Any:
    """Run a writer who hands over to nested chats, which are the work of an author and a critic."""
    writer = ConversableAgent(name="writer", llm_config=False, human_input_mode="NEVER", default_auto_reply="Ready.")
    author = ConversableAgent(name="author", llm_config=llm_config)
    critic = ConversableAgent(name="critic", llm_config=llm_config)
    publisher = ConversableAgent(name="publisher", llm_config=llm_config)
    queue = [
        {"recipient": author, "message": "Write.", "max_turns": 1, "summary_method": "last_msg"},
        {"recipient": critic, "message": "Improve.", "max_turns": 1, "summary_method": "last_msg"},
    ]
    writer.handoffs.add_context_condition(
        OnContextCondition(
            target=NestedChatTarget(nested_chat_config={"chat_queue": queue}),
            condition=StringContextCondition(variable_name="is_open"),
        )
    )
    writer.handoffs.set_after_work(AgentTarget(publisher))
    pattern = DefaultPattern(
        initial_agent=writer,
        agents=[writer, author, critic, publisher],
        context_variables=ContextVariables(data={"is_open": True}),
    )
    result, _, last_agent = initiate_group_chat(pattern=pattern, messages="A poem", max_rounds=3)
    return [text for _, text in list_messages(result.chat_history)], last_agent.name


ASYNC_SCRIPT = [[("measure", {"room": "hall"})], "It is 21 degrees."]


def run_async_tool(llm_config: LLMConfig) -> Any:
    """Run an async chat with a coroutine as a tool."""

    async def measure(room: Annotated[str, "Room"]) -> str:
        """Measure the temperature."""
        await asyncio.sleep(0)
        return f"21 in the {room}"

    async def main() -> Any:
        agent = ConversableAgent(name="thermometer", llm_config=llm_config, human_input_mode="NEVER")
        response = await agent.a_run(message="How warm?", tools=[Tool(name="measure", func_or_tool=measure)], max_turns=2)
        types = [event.type async for event in response.events]
        return types, list_messages(await response.messages), await response.summary

    return asyncio.run(main())


QUEUE_SCRIPT = ["Facts.", "A text of the facts."]


def run_queue(llm_config: LLMConfig) -> Any:
    """Run two chats one after the other, the second with the summary of the first."""
    lead = ConversableAgent(name="lead", llm_config=False, human_input_mode="NEVER")
    researcher = ConversableAgent(name="researcher", llm_config=llm_config)
    writer = ConversableAgent(name="writer", llm_config=llm_config)
    responses = lead.sequential_run(
        [
            {"recipient": researcher, "message": "Search.", "max_turns": 1, "summary_method": "last_msg"},
            {"recipient": writer, "message": "Write.", "max_turns": 1, "summary_method": "last_msg"},
        ]
    )
    found = []
    for response in responses:
        types = list_events(response)
        found.append((types, [text for _, text in list_messages(response.messages)], response.summary))
    return tuple(found)


PROCESSOR_SCRIPT = ["Which room?", "Painted."]


def run_user_interface(llm_config: LLMConfig) -> Any:
    """Run an agent whose questions a user interface answers, by a processor of events."""
    seen: list[str] = []

    class Window(ConsoleEventProcessor):
        def process_event(self, event: Any) -> None:
            seen.append(event.type)
            if isinstance(event, InputRequestEvent):
                event.content.respond("the hall" if seen.count("input_request") == 1 else "exit")

    painter = ConversableAgent(name="painter", llm_config=llm_config, human_input_mode="NEVER")
    response = painter.run(message="Paint", user_input=True, max_turns=4)
    response.process(Window())
    return seen, list_messages(response.messages), response.summary, response.last_speaker


REVERT_SCRIPT = [[("ask_for_size", {})], [("ask_for_size", {})]]


def run_revert_to_user(llm_config: LLMConfig) -> Any:
    """Run an agent whose tool hands over to a human, who is asked by events."""

    def ask_for_size(context_variables: ContextVariables) -> ReplyResult:
        """Ask for the size."""
        context_variables["asked"] += 1
        return ReplyResult(message="Which size?", target=RevertToUserTarget(), context_variables=context_variables)

    tailor = ConversableAgent(name="tailor", llm_config=llm_config, functions=[ask_for_size])
    user = ConversableAgent(name="user", llm_config=False, human_input_mode="ALWAYS")
    pattern = DefaultPattern(
        initial_agent=tailor,
        agents=[tailor],
        user_agent=user,
        context_variables=ContextVariables(data={"asked": 0}),
    )
    response = run_group_chat(pattern=pattern, messages="A coat", max_rounds=10)
    # the hidden member of AG2 that executes calls is selected in between
    types = [kind for kind in list_events(response, ["XL", "exit"]) if kind != "group_chat_run_chat"]
    return types, list_messages(response.messages), dict(response.context_variables.items())


ITERATION_SCRIPT = ["First.", "Second."]


def run_iteration(llm_config: LLMConfig) -> Any:
    """Run a group by its events of texts alone, each of which the chat waits for."""
    first = ConversableAgent(name="first", llm_config=llm_config)
    second = ConversableAgent(name="second", llm_config=llm_config)
    first.handoffs.set_after_work(AgentTarget(second))
    second.handoffs.set_after_work(TerminateTarget())
    pattern = DefaultPattern(initial_agent=first, agents=[first, second])
    iterator = run_group_chat_iter(pattern=pattern, messages="Begin", max_rounds=5, yield_on=[TextEvent])
    found = [(event.content.recipient, event.content.content) for event in iterator]
    return found, iterator.summary, iterator.last_speaker


SWARM_SCRIPT = [
    [("transfer_clerk_to_returns", {})],
    [("refund", {"order": "7"})],
    "Your money is on its way.",
]


def run_swarm_of_0_7(llm_config: Any) -> Any:
    """Run a swarm in the spelling of 0.7: hand-offs, results of tools, and variables as a dict."""
    from autogen import AFTER_WORK, ON_CONDITION, AfterWorkOption, SwarmResult, initiate_swarm_chat, register_hand_off

    def refund(order: str, context_variables: dict[str, Any]) -> SwarmResult:
        """Refund an order."""
        context_variables["refunded"] = order
        return SwarmResult(values="Refunded.", context_variables=context_variables)

    clerk = ConversableAgent(name="clerk", system_message="You route.", llm_config=llm_config)
    returns = ConversableAgent(name="returns", system_message="You refund.", llm_config=llm_config, functions=[refund])
    user = ConversableAgent(name="user", llm_config=False, human_input_mode="NEVER", default_auto_reply="Thanks.")
    register_hand_off(agent=clerk, hand_to=[ON_CONDITION(returns, "They want their money back")])
    register_hand_off(agent=returns, hand_to=[AFTER_WORK(AfterWorkOption.REVERT_TO_USER)])
    result, variables, last_agent = initiate_swarm_chat(
        initial_agent=clerk,
        agents=[clerk, returns],
        user_agent=user,
        messages="Refund order 7",
        context_variables={"refunded": None},
        after_work=AfterWorkOption.TERMINATE,
        max_rounds=7,
    )
    return list_messages(result.chat_history), variables["refunded"], last_agent.name


PROGRAMS = {
    "customer service": (run_customer_service, SUPPORT_SCRIPT),
    "travel planner": (run_travel_planner, TRAVEL_SCRIPT),
    "context conditions": (run_context_conditions, CONTEXT_SCRIPT),
    "lesson team": (run_lesson_team, LESSON_SCRIPT),
    "round robin": (run_round_robin, ROUND_SCRIPT),
    "tool of one agent": (run_tool_of_one_agent, TOOL_SCRIPT),
    "human in the loop": (run_human_in_the_loop, HUMAN_SCRIPT),
    "two agents": (run_two_agents, TWO_SCRIPT),
    "injected secret": (run_injected_secret, SECRET_SCRIPT),
    "guardrails": (run_guardrails, GUARDRAIL_SCRIPT),
    "nested target": (run_nested_target, NESTED_SCRIPT),
    "async tool": (run_async_tool, ASYNC_SCRIPT),
    "queue": (run_queue, QUEUE_SCRIPT),
    "user interface": (run_user_interface, PROCESSOR_SCRIPT),
    "revert to user": (run_revert_to_user, REVERT_SCRIPT),
    "iteration": (run_iteration, ITERATION_SCRIPT),
    "swarm of 0.7": (run_swarm_of_0_7, SWARM_SCRIPT),
}
"""The programs and their scripts, by name."""
