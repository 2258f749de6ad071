"""What goes to a model is in order, whatever was done to the history."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from autogen.agentchat._replies.history_repair import NO_RESULT, repair_history
from autogen.testing import ScriptedModel, tool_call

IDS = ("c1", "c2", "c3")
CALLS = st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True)
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda text: {"role": "user", "content": text}, st.one_of(st.none(), st.text(max_size=3))),
        st.builds(lambda ids: {"role": "assistant", "content": None, "tool_calls": [{"id": i} for i in ids]}, CALLS),
        st.builds(lambda i: {"role": "tool", "tool_call_id": i, "content": i}, st.sampled_from(IDS)),
    ),
    max_size=12,
)


@given(MESSAGES)
def test_every_call_is_followed_by_its_results_and_every_result_has_its_call(messages):
    before = copy.deepcopy(messages)
    ordered, notes = repair_history(messages)
    waiting: list[str] = []
    for message in ordered:
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting
        assert message["content"] is not None or message.get("tool_calls")
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
    assert not waiting
    assert [m for m in ordered if m["role"] != "tool" and m["content"]] == [
        m for m in messages if m["role"] != "tool" and m["content"]
    ]
    assert not notes or ordered != messages
    assert messages == before
    assert repair_history(ordered) == (ordered, [])


def test_a_history_in_order_is_passed_as_it_is():
    messages = [{"role": "user", "content": "x"}]
    assert repair_history(messages)[0] is messages


def test_what_was_mended_is_logged_and_the_history_stays(call, agent, caplog):
    model = ScriptedModel(lambda messages: "done")
    me = agent("me", llm_config=model.llm_config)
    history = [
        {"role": "tool", "content": "lost", "tool_responses": [{"role": "tool", "tool_call_id": "c0", "content": "lost"}]},
        {"role": "assistant", "content": None, "tool_calls": [tool_call("f", call_id="c1")]},
        {"role": "user", "content": "never mind"},
    ]
    assert call(me.generate_reply, history, exclude=[]) == "done"
    assert [m.get("content") for m in model.asked[0][1:]] == [None, NO_RESULT, "never mind"]
    assert "the call c1 had no result" in caplog.text
    assert "of c0 had no call" in caplog.text
    assert len(history) == 3
