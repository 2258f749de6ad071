"""Programs in the style of AG2's documentation run unchanged: messages, events and values are AG2's, texts are ours."""

import pytest
from ag2_programs import PROGRAMS

from autogen.testing import Reply, ScriptedModel, tool_call

GOLDEN = {
    "customer service": (
        [
            ("user", "My laptop is on fire"),
            ("triage", "calls classify_query"),
            ("tool", "Classified."),
            ("technician", "Unplug it, and call us."),
            ("user", "It is."),
            ("technician", "Is it out now?"),
        ],
        {"is_technical": True, "queries": 1, "customer": "Ada"},
        "technician",
        "Is it out now?",
    ),
    "travel planner": (
        [
            ("user", "A weekend, please"),
            ("planner", "Rome for two days."),
            ("router", "Take the train at nine."),
            ("desk", "calls transfer_to_booking_1"),
            ("tool", "Transferred to booking."),
            ("booking", "Booked."),
        ],
        "booking",
        "Booked.",
    ),
    "context conditions": ([("user", "Hello"), ("front", "Welcome."), ("premium", "A premium answer.")], "premium"),
    "lesson team": (
        [("user", "A lesson, please"), ("teacher", "Photosynthesis."), ("planner", "A plan."), ("reviewer", "Good.")],
        "reviewer",
    ),
    "round robin": (
        [
            "text",
            "group_chat_run_chat",
            "text",
            "after_works_transition",
            "group_chat_run_chat",
            "text",
            "after_works_transition",
            "group_chat_run_chat",
            "text",
            "termination",
            "run_completion",
        ],
        [("user", "Count"), ("a", "One."), ("b", "Two."), ("c", "Three.")],
    ),
    "tool of one agent": (
        [
            "text",
            "tool_call",
            "execute_function",
            "executed_function",
            "tool_response",
            "text",
            "termination",
            "run_completion",
        ],
        [("user", "2 + 3?"), ("", "calls add"), ("tool", "5"), ("calculator", "It is 5. TERMINATE")],
        "calculator",
    ),
    "human in the loop": (
        ["text", "text", "input_request", "text", "text", "input_request", "termination", "run_completion"],
        [("human", "Paint it"), ("assistant", "Which colour?"), ("human", "red"), ("assistant", "Red it is.")],
        "Red it is.",
    ),
    "two agents": (
        [("jack", "Tell a joke"), ("emma", "A joke."), ("jack", "A better joke."), ("emma", "The best joke.")],
        "The best joke.",
        "emma",
        0.0,
    ),
    "injected secret": (
        ["currency"],
        [
            ("user", "My balance?"),
            ("", "calls get_balance"),
            ("tool", "100 EUR on the account of Ada"),
            ("assistant", "You have 100."),
        ],
    ),
    "guardrails": ([("user", "My number?"), ("clerk", "Held back."), ("reviewer", "Nothing is wrong.")], "reviewer"),
    "nested target": (["A poem", "Better.", "Published."], "publisher"),
    "async tool": (
        [
            "text",
            "tool_call",
            "execute_function",
            "executed_function",
            "tool_response",
            "text",
            "termination",
            "run_completion",
        ],
        [("user", "How warm?"), ("", "calls measure"), ("tool", "21 in the hall"), ("thermometer", "It is 21 degrees.")],
        "It is 21 degrees.",
    ),
    "queue": (
        (
            ["post_carryover_processing", "text", "using_auto_reply", "text", "termination", "run_completion"],
            ["Search.", "Facts."],
            "Facts.",
        ),
        (
            ["post_carryover_processing", "text", "using_auto_reply", "text", "termination", "run_completion"],
            ["Write.\nContext: \nFacts.", "A text of the facts."],
            "A text of the facts.",
        ),
    ),
    "user interface": (
        ["text", "text", "input_request", "text", "text", "input_request", "termination", "run_completion"],
        [("user", "Paint"), ("painter", "Which room?"), ("user", "the hall"), ("painter", "Painted.")],
        "Painted.",
        "painter",
    ),
    "revert to user": (
        [
            "text",
            "using_auto_reply",
            "tool_call",
            "execute_function",
            "executed_function",
            "reply_result_transition",
            "tool_response",
            "input_request",
            "text",
            "using_auto_reply",
            "tool_call",
            "execute_function",
            "executed_function",
            "reply_result_transition",
            "tool_response",
            "input_request",
            "termination",
            "run_completion",
        ],
        [
            ("user", "A coat"),
            ("tailor", "calls ask_for_size"),
            ("tool", "Which size?"),
            ("user", "XL"),
            ("tailor", "calls ask_for_size"),
            ("tool", "Which size?"),
        ],
        {"asked": 2},
    ),
    "iteration": ([("chat_manager", "Begin"), ("chat_manager", "First."), ("chat_manager", "Second.")], "Second.", "second"),
    "swarm of 0.7": (
        [
            ("user", "Refund order 7"),
            ("clerk", "calls transfer_clerk_to_returns"),
            ("tool", "Transferred to returns."),
            ("returns", "calls refund"),
            ("tool", "Refunded."),
            ("returns", "Your money is on its way."),
            ("user", "Thanks."),
        ],
        "7",
        "user",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_as_with_ag2(name):
    program, script = PROGRAMS[name]
    replies = [
        Reply(tool_calls=[tool_call(tool, **arguments) for tool, arguments in step]) if isinstance(step, list) else step
        for step in script
    ]
    model = ScriptedModel(*replies)
    assert program(model.llm_config) == GOLDEN[name]
    assert len(model.requests) == len(script)
