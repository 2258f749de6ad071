"""Hand-offs with the real SDK, over loopback."""

from autogen.agentchat.group import ContextVariables, OnCondition
from autogen.testing import OpenAIServer, Reply, tool_call


def names_of(request):
    return [tool["function"]["name"] for tool in request.get("tools", ())]


def own_tool(name):
    parameters = {"type": "object", "properties": {}, "required": []}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


def test_transfers_are_tools_like_any_other(talk, agent, member):
    refund, user = member("refund", default_auto_reply="Refunded."), member("user")
    with OpenAIServer(tool_call("transfer_to_refund_1")) as server:
        triage = agent("triage", llm_config={**server.llm_config, "tools": [own_tool("find")]})
        triage.handoffs.add(OnCondition(refund, "Money back."))
        chat = talk(user, [triage, refund, user])
    assert chat.texts[2:] == ["Transferred to refund.", "Refunded."]
    assert names_of(server.requests[0]) == ["find", "transfer_to_refund_1"]
    assert "more_tools" not in server.requests[0]


def test_every_endpoint_of_a_list_receives_them(talk, agent, member):
    refund, user = member("refund", default_auto_reply="Refunded."), member("user")
    with (
        OpenAIServer(Reply("unused"), api_key="right") as refusing,
        OpenAIServer(tool_call("transfer_to_refund_1")) as server,
    ):
        entries = [{**refusing.config, "api_key": "wrong"}, {**server.config, "tools": [own_tool("find")]}]
        triage = agent("triage", llm_config={"config_list": entries, "cache_seed": None})
        triage.handoffs.add(OnCondition(refund, "Money back."))
        assert talk(user, [triage, refund, user]).speakers[-1] == "refund"
    assert names_of(server.requests[0]) == ["find", "transfer_to_refund_1"]


def test_an_answer_from_the_cache_is_one_to_the_same_tools(talk, agent, member, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refund, user = member("refund", default_auto_reply="Refunded."), member("user")
    with OpenAIServer("Without.", tool_call("transfer_to_refund_1")) as server:
        triage = agent("triage", llm_config={**server.llm_config, "cache_seed": 1})
        triage.handoffs.add(OnCondition(refund, "Money back.", available="open"))
        for is_open, last in ((False, "triage"), (True, "refund"), (False, "triage"), (True, "refund")):
            chat = talk(user, [triage, refund, user], context_variables=ContextVariables({"open": is_open}))
            assert chat.speakers[-1] == last
    assert [names_of(request) for request in server.requests] == [[], ["transfer_to_refund_1"]]
