"""What chats and agents may spend."""

import pickle

import pytest

from autogen import BudgetExceeded, ConversableAgent
from autogen.agentchat.chat import StopReason
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.testing import Reply, ScriptedModel

HUNDRED = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}


def costing(*texts, **config):
    """A model each of whose answers takes 100 tokens and costs 0.1 USD."""
    model = ScriptedModel(*[Reply(text, usage=HUNDRED) for text in texts])
    entry = {**model.config, "price": [1.0, 1.0]}
    return model, {"config_list": [entry], "cache_seed": None, **config}


@pytest.fixture
def pair(agent):
    def pair(**config):
        model, llm_config = costing(*"abcdefgh", **config)
        return agent("user", default_auto_reply="more"), agent("speaker", llm_config=llm_config), model

    return pair


@pytest.mark.parametrize(("setting", "limit", "spent"), [("max_cost", 0.25, 0.3), ("max_tokens_total", 250, 300)])
def test_a_chat_ends_when_its_budget_is_used_up(call, pair, setting, limit, spent):
    user, speaker, model = pair()
    with pytest.raises(BudgetExceeded, match=setting) as caught:
        call(user.initiate_chat, speaker, message="go", **{setting: limit})
    error = caught.value
    assert (error.owner, error.setting, error.limit) == ("chat", setting, limit)
    assert error.spent == pytest.approx(spent)
    assert len(model.requests) == 3
    assert error.result.stop_reason is StopReason.BUDGET
    said = [message["content"] for message in error.result.chat_history]
    assert said == ["go", "a", "more", "b", "more", "c", "more"]
    assert said == [message["content"] for message in user.chat_messages[speaker]]
    assert said == [message["content"] for message in speaker.chat_messages[user]]


def test_the_next_chat_has_a_budget_of_its_own(call, pair):
    user, speaker, model = pair()
    for _ in range(2):
        with pytest.raises(BudgetExceeded):
            call(user.initiate_chat, speaker, message="go", max_tokens_total=150)
    assert len(model.requests) == 4


@pytest.mark.parametrize(("setting", "limit"), [("max_cost", 0.15), ("max_tokens_total", 150)])
def test_an_agent_may_have_a_budget_over_all_its_chats(call, pair, setting, limit):
    user, speaker, _ = pair(**{setting: limit})
    assert call(user.initiate_chat, speaker, message="go", max_turns=1).summary == "a"
    assert call(user.initiate_chat, speaker, message="go", max_turns=1).summary == "b"
    with pytest.raises(BudgetExceeded, match="agent's budget"):
        call(user.initiate_chat, speaker, message="go", max_turns=1)
    speaker.register_for_llm(name="f", description="F.")(lambda: "")  # the client is built anew
    with pytest.raises(BudgetExceeded):
        call(user.initiate_chat, speaker, message="go", max_turns=1)
    speaker.reset()
    assert call(user.initiate_chat, speaker, message="go", max_turns=1).summary == "c"


def test_chats_inside_a_chat_spend_its_budget(call, agent, pair):
    inner_model, inner_config = costing(*"abc")
    expert = agent("expert", llm_config=inner_config)
    user, _, _ = pair()
    asker = agent("asker")
    asker.register_nested_chats([{"recipient": expert, "max_turns": 1, "silent": True}], trigger=user)
    with pytest.raises(BudgetExceeded, match="chat's budget"):
        call(user.initiate_chat, asker, message="go", max_tokens_total=200)
    assert len(inner_model.requests) == 2


def test_summaries_are_paid_from_it_too(call, pair):
    user, speaker, _ = pair()
    with pytest.raises(BudgetExceeded) as caught:
        call(user.initiate_chat, speaker, message="go", max_turns=1, summary_method="reflection_with_llm", max_cost=0.1)
    assert [message["content"] for message in caught.value.result.chat_history] == ["go", "a"]


def test_answers_from_a_cache_cost_nothing(call, agent):
    _, config = costing("a")
    cache = InMemoryCache()
    for limit in (1000, 0):
        user, speaker = agent("user"), agent("speaker", llm_config=config)
        result = call(user.initiate_chat, speaker, message="go", max_turns=1, cache=cache, max_cost=limit or None)
        assert result.summary == "a"
    user, speaker = agent("user"), agent("speaker", llm_config={**config, "max_tokens_total": 0})
    assert call(user.initiate_chat, speaker, message="go", max_turns=1, cache=cache).summary == "a"


def test_nothing_is_asked_with_a_budget_of_nothing(call, pair):
    user, speaker, model = pair(max_cost=0)
    with pytest.raises(BudgetExceeded):
        call(user.initiate_chat, speaker, message="go", max_turns=1)
    assert model.requests == []


@pytest.mark.parametrize("limit", [-1, "1", True, float("nan")])
def test_a_limit_must_be_a_number(call, pair, limit):
    user, speaker, _ = pair()
    with pytest.raises(ValueError, match="max_cost"):
        call(user.initiate_chat, speaker, message="go", max_cost=limit)
    with pytest.raises(ValueError, match="max_cost"):
        ConversableAgent("a", llm_config=costing()[1] | {"max_cost": limit})


def test_the_error_can_be_pickled():
    error = pickle.loads(pickle.dumps(BudgetExceeded("chat", "max_cost", 0.5, 0.25)))
    assert (error.owner, error.setting, error.spent, error.limit) == ("chat", "max_cost", 0.5, 0.25)
