"""Graphs of speakers, answers to mathematical problems, secrets, errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import AgentNameConflict, NoEligibleSpeaker, SenderRequired, UndefinedNextAgent, graph_utils, math_utils
from autogen._extras import require
from autogen._secrets import redact
from autogen.agentchat.utils import gather_usage_summary, parse_tags_from_content


@pytest.fixture
def agents(agent):
    return [agent(name) for name in "abc"]


def test_self_loops(agents):
    a, b, _ = agents
    assert graph_utils.has_self_loops({a: [a]})
    assert not graph_utils.has_self_loops({a: [b], b: [a]})


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (lambda a, b, c: [], "must be a dict, not a list"),
        (lambda a, b, c: {a: b}, "must be a list"),
        (lambda a, b, c: {"x": []}, "x has transitions, but is not one of the agents"),
        (lambda a, b, c: {a: ["b"]}, "must be agents, not 'b'"),
    ],
)
def test_an_invalid_graph_is_rejected(agents, graph, message):
    with pytest.raises(ValueError, match=message):
        graph_utils.check_graph_validity(graph(*agents), agents)


def test_a_graph_that_looks_like_a_mistake_is_warned_of(agents, caplog):
    a, b, _ = agents
    graph_utils.check_graph_validity({a: [b, b]}, agents)
    assert "another: c" in caplog.text
    assert "only: c" in caplog.text
    assert "The transitions of a have duplicate agents: b" in caplog.text
    caplog.clear()
    graph_utils.check_graph_validity({one: list(agents) for one in agents}, agents)
    assert not caplog.text


def test_turning_a_graph_round(agents):
    a, b, c = agents
    assert graph_utils.invert_disallowed_to_allowed({a: [a, b]}, agents) == {a: [c], b: [a, b, c], c: [a, b, c]}
    with pytest.raises(KeyError):
        graph_utils.invert_disallowed_to_allowed({"x": []}, agents)


@pytest.mark.slow
def test_drawing_a_graph(agents, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pytest.importorskip("matplotlib", reason="the extra 'graph' is not installed")
    a, b, _ = agents
    graph_utils.visualize_speaker_transitions_dict({a: [b], b: [a]}, agents, str(tmp_path / "graph.png"))
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("\\frac12", "\\dfrac{1}{2}", 1),
        ("1/2", "\\frac{1}{2}", 1),
        ("0.5", "\\frac{1}{2}", 1),
        (".5", "0.5", 1),
        ("x=5", "5", 1),
        ("long=5", "5", 0),
        ("\\sqrt3", "\\sqrt{3}", 1),
        ("50\\%", "50", 1),
        ("5\\text{ cm}", "5", 1),
        ("\\left( 3, 4 \\right)", "(3,4)", 1),
        ("90^\\circ", "90", 1),
        ("1,000", "1000", 0),
        ("1", None, 0),
        (None, None, 1),
    ],
)
def test_answers_that_mean_the_same(one, other, same):
    assert math_utils.is_equiv(one, other) == same
    assert math_utils.is_equiv(other, one) == same


def test_answers_are_found_in_solutions():
    assert math_utils.get_answer("so \\boxed{1}, no: \\boxed{\\frac{1}{2}}.") == "\\frac{1}{2}"
    assert math_utils.last_boxed_only_string("\\fbox{2}") == "\\fbox{2}"
    for solution in (None, "none", "\\fbox{2}", "\\boxed{open"):
        assert math_utils.get_answer(solution) is None
    assert math_utils.remove_boxed("x") is None


def test_voting():
    responses = ["\\boxed{2}", "no answer", "\\boxed{1/2}", "\\boxed{\\frac12}"]
    assert math_utils.voting_counts(responses) == {0: 1, 2: 2}
    result = math_utils.eval_math_responses(responses, "\\boxed{0.5}")
    assert result == {
        "expected_success": 1 - 0.5**4,
        "success": True,
        "success_vote": 1.0,
        "voted_answer": "\\boxed{1/2}",
        "votes": 2,
    }
    assert math_utils.eval_math_responses([])["voted_answer"] is None
    assert math_utils.eval_math_responses(["x", "y"], "\\boxed{1}")["votes"] == 0


@given(st.text(), st.text())
def test_no_answer_is_an_exception(one, other):
    assert math_utils.is_equiv(one, other) in (0.0, 1.0)


def test_secrets_are_masked_by_their_name_and_by_their_look():
    config = {
        "api_key": "plain",
        "max_tokens": 5,
        "prompt_tokens": 7,
        "tags": ["a"],
        "default_headers": {"X-Auth": "plain"},
        "nested": [{"azure_ad_token": "plain", "password": "plain"}],
        "text": "Bearer abcdef and sk-0123456789abcdef at https://me:plain@host/x",
    }
    shown = str(redact(config))
    for secret in ("plain", "abcdef", "0123456789"):
        assert secret not in shown
    assert redact(config)["max_tokens"] == 5
    assert redact(config)["prompt_tokens"] == 7
    assert config["api_key"] == "plain"


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=20))
def test_keys_of_vendors_never_come_through(body):
    for prefix in ("sk-", "gsk_", "AIza", "hf_"):
        assert prefix + body not in redact(f"the key {prefix}{body} is wrong")


@pytest.mark.parametrize(
    ("content", "attributes"),
    [
        ("<img http://x/a.png>", [{"src": "http://x/a.png"}]),
        ("<img a b> and <img c>", [{"src": "a b"}, {"src": "c"}]),
        ("<img src='it s' alt=\"me\">", [{"src": "it s", "alt": "me"}]),
        ("<img>", []),
        ([{"type": "text", "text": "<img x>"}, {"type": "image_url"}], [{"src": "x"}]),
    ],
)
def test_tags(content, attributes):
    assert [tag["attr"] for tag in parse_tags_from_content("img", content)] == attributes


def test_tags_are_sought_in_text_only():
    with pytest.raises(ValueError, match="must be a string or a list"):
        parse_tags_from_content("img", 5)


def test_usage_is_added_up(agent):
    class Client:
        actual_usage_summary = None
        total_usage_summary = {"total_cost": 0.5, "m": {"cost": 0.5, "prompt_tokens": 1}}

    one, two, bare = agent("one"), agent("two"), agent("bare")
    one.client, two.client = Client(), Client()
    assert gather_usage_summary([one, two, two, bare]) == {
        "usage_including_cached_inference": {"total_cost": 1.0, "m": {"cost": 1.0, "prompt_tokens": 2}},
        "usage_excluding_cached_inference": {"total_cost": 0},
    }


@pytest.mark.parametrize("error", [NoEligibleSpeaker, SenderRequired, UndefinedNextAgent])
def test_errors_carry_their_message(error):
    assert error().message == str(error())
    assert str(error("told")) == "told"
    assert str(AgentNameConflict())


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(ImportError, match=r'needs the package \'no_such_package\'.*pip install "autogen-classic\[x\]"'):
        require("no_such_package", extra="x", feature="This")
