"""`ReasoningAgent`: its searches find the best leaf of a tree within their calls, and respect limits."""

import json
import re

import pytest

from autogen import BudgetExceeded, ConversableAgent, events
from autogen.agentchat.contrib._reasoning import settings as settings_module
from autogen.agentchat.contrib._reasoning.parsing import parse_thoughts
from autogen.agentchat.contrib.reasoning_agent import (
    ReasoningAgent,
    ThinkNode,
    extract_rlhf_preference_dataset,
    extract_sft_dataset,
    visualize_tree,
)
from autogen.coding import MarkdownCodeExtractor
from autogen.coding.base import CodeResult
from autogen.testing import ScriptedModel

BEST = "RLR"


class Tree:
    """A model of a tree: each thought goes left or right, and the best path is RLR.

    It plays all roles, which it tells apart by their instructions.
    """

    def __init__(self, depth=3):
        self.depth = depth
        self.prompts = {"think": [], "rate": [], "answer": [], "restate": [], "execute": []}

    def __call__(self, messages):
        system, text = str(messages[0]["content"]), str(messages[-1]["content"])
        for role, words in (
            ("think", "propose different next steps"),
            ("rate", "You rate"),
            ("restate", "You prepare a question"),
            ("execute", "You execute one step"),
        ):
            if words in system:
                self.prompts[role].append((system, text))
                return getattr(self, role)(text)
        self.prompts["answer"].append(text)
        return "answer " + self.find_path(text)

    def find_path(self, text):
        """Return the last path in a prompt."""
        steps = text.rpartition("# Trajectory:")[2] if "# Trajectory:" in text else text
        return "".join(re.findall(r"Content: go ([LR])", steps))

    def think(self, text):
        end = " TERMINATE" if len(self.find_path(text)) + 1 == self.depth else ""
        options = [f"go L{end}", f"go R{end}", f"Go  l.{end}"]
        lines = [f"Option {number}: {option}" for number, option in enumerate(options, 1)]
        return "\n".join(["REFLECTION:", "Fine so far.", "", "**Possible Options:**", *lines])

    def score(self, path):
        return sum(a == b for a, b in zip(path, BEST, strict=False)) / max(len(path), 1)

    def rate(self, text):
        if "Rate this answer" in text:
            path = self.find_path(text)
            return f"On a scale of 1 to 10 this is good.\nRating: {1 + 9 * self.score(path):.0f}"
        if "Rate these options" in text:
            path = self.find_path(text.partition("\n---\nRate these")[0])
            options = re.findall(r"Option (\d+): go ([LR])", text)
            return "\n".join(f"Option {n}: x\nRating: {1 + 9 * self.score(path + step):.0f}" for n, step in options)
        return f"On a scale of 1 to 10 I say\nRating: {1 + 9 * self.score(self.find_path(text)):.0f}"

    def restate(self, text):
        return "CURRENT QUESTION: which way?"

    def execute(self, text):
        return "went " + self.find_path(text)


@pytest.fixture
def make_reasoner():
    def make(tree=None, **config):
        options = config.pop("options", {})
        model = ScriptedModel(tree or Tree())
        return ReasoningAgent("reasoner", model.llm_config, reason_config=config, silent=True, **options), model

    return make


METHODS = [
    # method, its settings, the highest number of calls by the formulas of the documentation
    pytest.param({"method": "beam_search", "beam_size": 2}, 3 * 2 * (1 + 2) + 1, id="beam"),
    pytest.param({"method": "beam_search", "beam_size": 2, "answer_approach": "best"}, 3 * 2 * (1 + 2) + 1, id="best"),
    pytest.param({"beam_size": 2, "batch_grading": True, "answer_approach": "best"}, 3 * 2 * (1 + 1) + 1, id="batch"),
    pytest.param({"method": "dfs"}, 3 * 1 * (1 + 2) + 1, id="dfs"),
    pytest.param({"method": "mcts", "nsim": 8}, 8 * (3 + 2), id="mcts"),
    pytest.param({"method": "lats", "nsim": 8}, 8 * (3 + 2), id="lats"),
]


@pytest.mark.parametrize(("config", "most"), METHODS)
def test_each_method_finds_the_best_path_within_its_calls(call, agent, make_reasoner, config, most):
    reasoner, model = make_reasoner(max_depth=3, **config)
    result = call(agent("user").initiate_chat, reasoner, message="Which way?", max_turns=1)
    # a pool has several paths, of which the model sees the best first
    assert result.summary.startswith(f"answer {BEST}")
    assert len(model.requests) <= most
    assert reasoner.last_report.calls == len(model.requests)
    assert reasoner.last_report.stopped_by is None
    # equal options are one
    assert all(
        len([child for child in node.children if not child.is_answer]) in (0, 2) for node in reasoner.last_tree.iterate()
    )
    # the agent sends nothing to itself, and its models keep no histories
    assert [peer.name for peer in reasoner.chat_messages] == ["user"]
    assert all(not inner.chat_messages for inner in (reasoner._thinker, reasoner._grader))


def test_equal_searches_are_equal(make_reasoner):
    trees = []
    for _ in range(2):
        reasoner, _ = make_reasoner(method="mcts", max_depth=3, nsim=5, seed=7)
        reasoner.generate_reply([{"role": "user", "content": "Which way?"}])
        trees.append(reasoner.last_tree.to_dict())
    assert trees[0] == trees[1]


def test_lats_shows_earlier_tries_and_mcts_does_not(make_reasoner):
    for method, is_shown in (("lats", True), ("mcts", False)):
        tree = Tree()
        reasoner, _ = make_reasoner(tree, method=method, max_depth=3, nsim=3)
        reasoner.generate_reply([{"role": "user", "content": "Which way?"}])
        last = [texts[-1][1] for role, texts in tree.prompts.items() if role in ("think", "rate")]
        assert [("## Try 1" in text and "Its rating: On a scale" in text) for text in last] == [is_shown] * 2


def test_the_truth_is_for_the_grader_alone(make_reasoner):
    tree = Tree()
    reasoner, _ = make_reasoner(tree, max_depth=1, beam_size=1)
    messages = [{"role": "user", "content": "Which way? GROUND_TRUTH: right {scale}"}]
    reasoner.generate_reply(messages)
    shown = [text for role in ("think", "answer") for text in map(str, tree.prompts[role])]
    assert not any("GROUND_TRUTH" in text for text in shown)
    assert all("GROUND_TRUTH: right {scale}" in text for _, text in tree.prompts["rate"])
    assert tree.prompts["rate"]
    assert messages == [{"role": "user", "content": "Which way? GROUND_TRUTH: right {scale}"}]


def test_a_conversation_is_restated_and_no_question_ends_it(call, make_reasoner):
    tree = Tree()
    reasoner, _ = make_reasoner(tree, max_depth=1, beam_size=1, options={"scope": "Paths in {a} forest"})
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Which?"},
    ]
    call(reasoner.generate_reply, history)
    assert tree.prompts["restate"][0][1] == "user: Hi\n\nassistant: Yes?\n\nuser: Which?"
    assert reasoner.last_tree.content == "CURRENT QUESTION: which way?"
    assert "Paths in {a} forest" in tree.prompts["think"][0][0]
    assert "Paths in {a} forest" in tree.prompts["rate"][0][0]
    assert call(reasoner.generate_reply, [*history, {"role": "user", "content": ""}]) == "TERMINATE"


def test_several_trees_give_one_answer(call, make_reasoner):
    tree = Tree()
    reasoner, _ = make_reasoner(tree, max_depth=1, beam_size=1, forest_size=2)
    call(reasoner.generate_reply, [{"role": "user", "content": "Which way?"}])
    assert len(reasoner.last_trees) == 2
    assert "## Answer 2" in tree.prompts["answer"][-1]


# Limits

LIMITS = [
    pytest.param({"max_calls": 4}, 4, "max_calls", id="calls"),
    pytest.param({"max_calls": 1}, 1, "max_calls", id="one call"),
    pytest.param({"max_cost": 2.5}, 4, "max_cost", id="cost"),
    pytest.param({"deadline": 2.5}, 4, "deadline", id="deadline"),
]


@pytest.mark.parametrize("method", ["dfs", "mcts"])
@pytest.mark.parametrize(("limits", "calls", "stopped_by"), LIMITS)
def test_a_limit_ends_the_search_with_the_best_path_so_far(call, monkeypatch, caplog, method, limits, calls, stopped_by):
    class Priced(ScriptedModel):
        """A model that takes a second and a dollar for each request."""

        def get_usage(self, response):
            now[0] += 1
            return {**super().get_usage(response), "cost": 1.0}

    now = [0.0]
    monkeypatch.setattr(settings_module.time, "monotonic", lambda: now[0])
    model = Priced(Tree())
    reasoner = ReasoningAgent("r", model.llm_config, reason_config={"method": method, "max_depth": 3, **limits}, silent=True)
    answer = call(reasoner.generate_reply, [{"role": "user", "content": "Which way?"}])
    assert answer.startswith("answer")
    assert len(model.requests) <= calls
    assert (reasoner.last_report.stopped_by, reasoner.last_report.calls) == (stopped_by, len(model.requests))
    assert stopped_by in caplog.text


def test_the_budget_of_a_chat_counts_the_search(call, agent, make_reasoner):
    reasoner, model = make_reasoner(max_depth=2, beam_size=1)
    with pytest.raises(BudgetExceeded) as caught:
        call(agent("user").initiate_chat, reasoner, message="Which way?", max_turns=1, max_tokens_total=300)
    assert len(model.requests) < 5
    spent = caught.value.result.cost["usage_excluding_cached_inference"][model.name]["total_tokens"]
    assert spent > 300
    assert reasoner.last_tree.content == "Which way?"


# Parts of answers

OPTIONS = [
    ("REFLECTION:\nr\n**Possible Options:**\nOption 1: a\nb\nOption 2: c", "r", ["a\nb", "c"]),
    ("REFLECTION: r\nOption 1: a\n**Option 2:** c", "r", ["a", "c"]),
    ("**Possible Options:**\nOption 1: a", "", ["a"]),
    ("I see no option here.", "I see no option here.", []),
    ('```json\n{"reflection": "r", "options": [{"text": "a", "final": true}, {"text": "A."}]}\n```', "r", ["a"]),
    ('{"reflection": "r", "options": 3}', "r", []),
]


@pytest.mark.parametrize(("text", "reflection", "options"), OPTIONS)
def test_the_answer_of_the_thinker(text, reflection, options):
    thoughts = parse_thoughts(text)
    assert (thoughts.reflection, [option.text for option in thoughts.options]) == (reflection, options)


RATINGS = [
    # 0.2's successor took the first number: 1 of 10
    (["On a scale of 1 to 10 it is good.\nRating: 8"], 7 / 9, True),
    (["I'd say 7"], 6 / 9, True),
    (["**Rating:** 12"], 1.0, True),
    (["Rating: 5.5/10"], 0.5, True),
    (['{"ratings": [{"analysis": "good", "rating": 4}]}'], 3 / 9, True),
    (["Good.", "Rating: 10"], 1.0, True),
    (["Good.", "Very good."], 0.5, False),
]


@pytest.mark.parametrize(("answers", "value", "is_rated"), RATINGS)
def test_a_rating(answers, value, is_rated):
    model = ScriptedModel(*answers)
    reasoner = ReasoningAgent("r", model.llm_config, silent=True)
    node = ThinkNode("go L", ThinkNode("Which way?"))
    assert reasoner.rate_node(node) == pytest.approx(value)
    assert (node.is_rated, len(model.requests)) == (is_rated, len(answers))
    if is_rated:
        assert reasoner.rate_node(node) == node.value
        assert len(model.requests) == len(answers)


def test_what_a_batch_leaves_out_is_rated_alone():
    model = ScriptedModel("Option 1: fine\nRating: 10\nOption 7: what?\nRating: 2", "Rating: 1")
    reasoner = ReasoningAgent("r", model.llm_config, silent=True)
    root = ThinkNode("Which way?")
    assert reasoner.rate_batch_nodes([ThinkNode("go L", root), ThinkNode("go R", root)]) == [1.0, 0.0]


def test_a_thinker_without_options_ends_the_path(call, make_reasoner):
    class Silent(Tree):
        def think(self, text):
            return "I don't know how to go on."

    for method in ("beam_search", "mcts"):
        reasoner, _ = make_reasoner(Silent(), method=method)
        assert call(reasoner.generate_reply, [{"role": "user", "content": "Which way?"}]) == "answer "
        assert reasoner.last_tree.reflection == "I don't know how to go on."


def test_a_final_option_of_a_schema_ends_the_path(make_reasoner):
    class Structured(Tree):
        def think(self, text):
            options = [{"text": "go R", "final": True}]
            return json.dumps({"reflection": "clear", "options": options})

    reasoner, model = make_reasoner(Structured(), beam_size=1)
    assert reasoner.generate_reply([{"role": "user", "content": "Which way?"}]) == "answer R"
    assert len(model.requests) == 2


def test_endpoints_that_follow_a_schema_get_one(openai_server):
    answers = [
        json.dumps({"reflection": "r", "options": [{"text": "go R", "final": True}, {"text": "go L", "final": True}]}),
        json.dumps({"ratings": [{"analysis": "a", "rating": 10}]}),
        json.dumps({"ratings": [{"analysis": "b", "rating": 1}]}),
        "Right.",
    ]

    def answer(messages):
        if "You rate" in messages[0]["content"]:
            return answers[1] if "Content: go R" in messages[-1]["content"] else answers[2]
        return answers[0] if "What are the possible next steps" in messages[-1]["content"] else answers[3]

    server = openai_server(answer)
    config = {"config_list": [{**server.config, "abilities": {"schema": "native"}}], "cache_seed": None}
    reasoner = ReasoningAgent("r", config, reason_config={"method": "dfs"}, silent=True)
    assert reasoner.generate_reply([{"role": "user", "content": "Which way?"}]) == "Right."
    formats = [request.get("response_format", {}).get("type") for request in server.requests]
    assert formats == ["json_schema", "json_schema", "json_schema", None]


# Execution, verifier, overrides


class Echo:
    """An executor that reports which code it got."""

    code_extractor = MarkdownCodeExtractor()

    def restart(self):
        pass

    def execute_code_blocks(self, code_blocks):
        return CodeResult(exit_code=0, output=f"ran {code_blocks[0].code.strip()}")


def test_thoughts_are_executed(call, make_reasoner):
    class Coder(Tree):
        def think(self, text):
            return "REFLECTION: r\nOption 1: go R\n```python\nprint(1)\n```\nOption 2: go L"

    tree = Coder()
    options = {"code_execution_config": {"executor": Echo()}}
    reasoner, _ = make_reasoner(tree, max_depth=1, beam_size=2, interim_execution=True, options=options)
    call(reasoner.generate_reply, [{"role": "user", "content": "Which way?"}])
    outputs = [node.output for node in reasoner.last_tree.children]
    assert "ran print(1)" in outputs[0]
    assert outputs[1] == "went L"
    assert "Output: went L" in tree.prompts["answer"][0]
    assert "```python" in tree.prompts["think"][0][0]


def test_code_needs_execution():
    with pytest.raises(ValueError, match="interim_execution"):
        ReasoningAgent("r", False, code_execution_config={"executor": Echo()})


def test_a_verifier_takes_the_place_of_the_grader(call, make_reasoner):
    tree = Tree()
    verify = lambda node: 3.0 if "R" in node.content else -1.0  # noqa: E731
    reasoner, _ = make_reasoner(tree, method="dfs", max_depth=1, verifier=verify)
    assert call(reasoner.generate_reply, [{"role": "user", "content": "Which way?"}]) == "answer R"
    assert [node.value for node in reasoner.last_tree.children] == [0.0, 1.0]
    assert not tree.prompts["rate"]


def test_an_override_of_the_rating_is_honoured(call):
    class Own(ReasoningAgent):
        def rate_node(self, node, ground_truth=None, is_outcome=False):
            node.value, node.is_rated = float("R" in node.content), True
            return node.value

    reasoner = Own("r", ScriptedModel(Tree()).llm_config, reason_config={"method": "dfs", "max_depth": 1}, silent=True)
    assert call(reasoner.generate_reply, [{"role": "user", "content": "Which way?"}]) == "answer R"


def test_a_resumed_search_asks_for_nothing_again(call, agent, tmp_path):
    path, requests = tmp_path / "chat.db", []

    def chat(ends):
        tree = Tree()

        def answer(messages):
            if ends and len(model.requests) == 5:
                raise KeyboardInterrupt
            return tree(messages)

        model = ScriptedModel(answer)
        reasoner = ReasoningAgent("r", model.llm_config, reason_config={"method": "mcts", "max_depth": 2}, silent=True)
        try:
            return call(agent("user").initiate_chat, reasoner, message="Which?", max_turns=1, checkpoint=path).summary
        finally:
            requests.append(len(model.requests))

    with pytest.raises(KeyboardInterrupt):
        chat(True)
    resumed = chat(False)
    path = tmp_path / "other.db"
    assert chat(False) == resumed
    # the request that was cut off is made again
    assert requests[0] + requests[1] == requests[2] + 1


# Settings


def test_deprecated_arguments_warn_and_work():
    with pytest.warns(DeprecationWarning, match="reason_config"):
        reasoner = ReasoningAgent("r", False, max_depth=2)
    assert (reasoner.settings.max_depth, reasoner.method) == (2, "beam_search")
    with pytest.warns(DeprecationWarning, match="silent"):
        assert ReasoningAgent("r", False, verbose=False).silent is True


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"method": "bfs"}, "method must be 'beam_search', 'mcts', 'lats' or 'dfs', got 'bfs'"),
        ({"answer_approach": "pol"}, "Did you mean 'pool'?"),
        ({"max_dept": 3}, "Did you mean 'max_depth'?"),
        ({"beam_size": 0}, "beam_size must be a whole number of at least 1, got 0"),
        ({"rating_scale": 1}, "above 1"),
        ({"max_cost": -1}, "max_cost must be None or a positive number"),
        ({"verifier": 3}, "verifier must be None or a function"),
    ],
)
def test_settings_are_checked(config, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        ReasoningAgent("r", False, reason_config=config)


def test_it_needs_a_model_and_a_tree(agent):
    reasoner = ReasoningAgent("r", False, silent=True)
    with pytest.raises(ValueError, match="llm_config"):
        reasoner.generate_reply([{"role": "user", "content": "Which way?"}], agent("user"))
    for method in (reasoner.visualize_tree, reasoner.extract_sft_dataset, reasoner.extract_rlhf_preference_dataset):
        with pytest.raises(RuntimeError, match="no tree yet"):
            method()


# The tree as data


@pytest.fixture
def tree():
    root = ThinkNode("Which way?")
    for index, step in enumerate(('go <L> "and" #1', "go R")):
        child = ThinkNode(step, root)
        child.value, child.is_rated = (0.2, 0.9)[index], True
        child.output = "done" if index else None
    ThinkNode("never looked at", root)
    answer = ThinkNode("Right.", root.children[1])
    answer.is_answer = answer.is_rated = True
    answer.value = 1.0
    return root


def test_a_tree_is_data(tree):
    data = json.loads(json.dumps(tree.to_dict()))
    copy = ThinkNode.from_dict(data)
    assert copy.to_dict() == tree.to_dict()
    assert copy.children[1].parent is copy
    assert copy.children[1].trajectory.splitlines() == [
        "# Question:",
        "Which way?",
        "---",
        "",
        "# Trajectory:",
        "Step 1:",
        "Content: go R",
        "Output: done",
    ]
    assert str(tree) == "Which way? -> Depth: 0 Value: 0.0 Visits: 0"


def test_ratings_are_propagated_as_a_mean(tree):
    leaf = tree.children[1].children[0]
    leaf.value = 0.0
    for reward in (1.0, 0.0, 0.5):
        leaf.backpropagate(reward)
    assert (leaf.value, leaf.visits, tree.value, tree.visits) == (0.5, 3, 0.5, 3)


def test_data_sets(tree):
    [sample] = extract_sft_dataset(tree)
    assert sample["instruction"] == "Which way?"
    assert sample["response"].splitlines()[1:3] == ["Step 1:", "Content: go R"]
    # AG2 divided each value by the visits once more
    tree.children[1].visits = 5
    [pair] = extract_rlhf_preference_dataset(tree)
    assert (pair["preferred_response"], pair["dispreferred_response"][:12]) == ("Step 1: go R", "Step 1: go <")
    assert extract_rlhf_preference_dataset(tree, 0.75) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        extract_rlhf_preference_dataset(tree, 1.5)


def test_pictures_of_a_tree(tree, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tree.visualize_tree("tree.svg")
    svg = (tmp_path / "tree.svg").read_text()
    assert svg.startswith("<svg")
    assert "go &lt;L&gt; &quot;and&quot; #1" in svg
    tree.visualize_tree("tree.txt")
    assert (tmp_path / "tree.txt").read_text().splitlines()[2:4] == ["  [0.90] go R", "    [1.00] answer: Right."]
    mermaid = tree._repr_markdown_().splitlines()
    assert mermaid[:2] == ["```mermaid", "flowchart TD"]
    assert '    n1["#91;0.20#93; go #60;L#62; #34;and#34; #35;1"]' in mermaid
    with pytest.raises(ValueError, match=r"tree\.jpg"):
        tree.visualize_tree("tree.jpg")
    monkeypatch.setitem(__import__("sys").modules, "graphviz", None)
    visualize_tree(tree)
    assert "graphviz" in capsys.readouterr().out


def test_inspect_shows_the_tree(agent, tmp_path, capsys):
    from autogen._cli.inspect import run_inspect

    path = tmp_path / "chat.db"
    model = ScriptedModel(Tree())
    reasoner = ReasoningAgent("reasoner", model.llm_config, reason_config={"method": "dfs", "max_depth": 1}, silent=True)
    seen = []
    with events.subscribe(seen.append, types=[events.ReasoningTree]):
        agent("user").initiate_chat(reasoner, message="Which way?", max_turns=1, checkpoint=path)
    assert [(event.name, event.calls, event.stopped_by) for event in seen] == [("dfs", len(model.requests), None)]
    assert ThinkNode.from_dict(seen[0].tree).to_dict() == reasoner.last_tree.to_dict()
    assert run_inspect(path, tmp_path / "page.html", None, as_json=False, force=False) == 0
    assert "go R" in (tmp_path / "page.html").read_text()
    run_inspect(path, None, "2", as_json=False, force=False)
    assert "[1.00] go R" in capsys.readouterr().out


def test_the_paths_of_ag2():
    import autogen
    from autogen.agentchat.contrib import reasoning_agent
    from autogen.agents.experimental import ReasoningAgent as experimental
    from autogen.agents.experimental.reasoning.reasoning_agent import ReasoningAgent as deep

    assert autogen.ReasoningAgent is experimental is deep is reasoning_agent.ReasoningAgent
    assert issubclass(deep, ConversableAgent)
