"""Code that a model writes without an agent. The real SDK against a loopback server; the code is really run."""

import pytest

from autogen.code_utils import (
    PassAssertionFilter,
    eval_function_completions,
    generate_assertions,
    generate_code,
    implement,
    improve_code,
    improve_function,
)
from autogen.math_utils import solve_problem
from autogen.testing import Reply

ADD = 'def add(a, b):\n    """The sum: add(1, 2) is 3."""\n'
RIGHT, WRONG = "    return a + b\n", "    return a - b\n"
TEST = "def check(candidate):\n    assert candidate(2, 3) == 5\n"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}  # 3 USD at the price below


@pytest.fixture
def server(openai_server, tmp_path, monkeypatch):
    """Start a server for some answers, each of which costs 3 USD; code runs on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "0")

    def start(*texts):
        server = openai_server(*(Reply(text, usage=USAGE) for text in texts))
        return server, {**server.config, "price": [1, 2], "cache_seed": None}

    return start


def asked(server):
    return server.requests[-1]["messages"][0]["content"]


def test_code_is_taken_out_of_the_answer(server):
    _, config = server("Here it is:\n```python\nprint(1)\n```\nand\n```sh\nls\n```")
    messages = [{"role": "user", "content": "Print 1."}]
    assert generate_code(messages=messages, **{**config, "model": "gpt-4"}) == ([("python", "print(1)"), ("sh", "ls")], 3)


def test_a_function_is_improved(server, tmp_path):
    file = tmp_path / "sums.py"
    file.write_text(ADD + RIGHT)
    endpoint, config = server("def add(a, b): ...")
    answer = improve_function(str(file), "add", "Make it {faster}.", **{**config, "model": "gpt-4"})
    assert answer == ("def add(a, b): ...", 3)
    assert all(part in asked(endpoint) for part in ("'add'", "Make it {faster}.", ADD + RIGHT))


@pytest.mark.parametrize("suggest_only", [True, False])
def test_code_is_improved_or_discussed(server, tmp_path, suggest_only):
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    for file in files:
        file.write_text(f"# {file.name}\nx = {{}}")
    endpoint, config = server("Well.")
    answer = improve_code([str(file) for file in files], "Be clear.", suggest_only, **{**config, "model": "gpt-4"})
    assert answer == ("Well.", 3)
    assert all(f"{file}:\n# {file.name}\nx = {{}}" in asked(endpoint) for file in files)
    assert ("Suggest" in asked(endpoint)) is suggest_only


def test_assertions_are_taken_out_of_the_answer(server):
    endpoint, config = server(
        "Sure:\n```python\nfrom x import add\nassert add(1, 2) == 3\nassert add(\n    0, 0\n) == 0\n```"
    )
    text, cost = generate_assertions(ADD, **{**config, "model": "gpt-4"})
    assert (text, cost) == ("assert add(1, 2) == 3\nassert add(\n    0, 0\n) == 0", 3)
    assert ADD in asked(endpoint)


@pytest.mark.parametrize(
    ("responses", "expected", "success"),
    [
        ([RIGHT], 1, True),
        ([WRONG], 0, False),
        ([WRONG, RIGHT], 0.75, True),
        ([ADD + RIGHT, f"```python\n{ADD}{RIGHT}```"], 1, True),
        (["    import operator\n    return operator.add(a, b)\n"], 1, True),
        (["import operator\ndef add(a, b):\n    return operator.add(a, b)\n"], 1, True),
        ([WRONG + "\ndef check(candidate):\n    pass\n"], 0, False),
        ([], 0, False),
    ],
)
def test_completions_are_run_against_a_test(tmp_path, monkeypatch, responses, expected, success):
    monkeypatch.chdir(tmp_path)
    metrics = eval_function_completions(responses, ADD, TEST, "add", use_docker=False, timeout=30)
    assert metrics == {"expected_success": expected, "success": success}


@pytest.mark.slow
@pytest.mark.parametrize("assertions", ["assert add(1, 2) == 3", lambda definition: ("assert add(1, 2) == 3", 0.5)])
def test_the_first_that_passes_assertions_is_selected(assertions):
    options = {"assertions": assertions, "use_docker": False, "timeout": 30}
    metrics = eval_function_completions([WRONG, RIGHT, RIGHT], ADD, TEST, "add", **options)
    cost = 0.5 if callable(assertions) else 0
    chosen = {"index_selected": 1, "succeed_assertions": True, "assertions": "assert add(1, 2) == 3", "gen_cost": cost}
    assert metrics == {**chosen, "success": True}
    assert eval_function_completions([WRONG, WRONG], ADD, **options)["index_selected"] == 1


def test_one_completion_needs_no_assertions():
    def never(definition):
        raise NotImplementedError

    metrics = eval_function_completions([RIGHT], ADD, assertions=never, use_docker=False)
    assert metrics == {"index_selected": 0, "succeed_assertions": False, "assertions": None, "gen_cost": 0}


@pytest.mark.slow
def test_a_filter_accepts_what_passes(monkeypatch):
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "0")
    judge = PassAssertionFilter("assert add(1, 2) == 3")
    assert judge.pass_assertions({"definition": ADD}, {"choices": [{"text": WRONG}, {"text": RIGHT}]})
    assert (judge.metrics["index_selected"], judge.responses, judge.cost) == (1, [WRONG, RIGHT], 0)
    assert not judge.pass_assertions({"definition": ADD}, {"choices": [{"message": {"content": WRONG}}]})


def test_a_function_is_implemented_by_the_first_config_that_can(server):
    prompt = {"prompt": lambda context: context["definition"], "model": "gpt-4"}
    weak, strong = server(WRONG), server(f"```python\n{ADD}{RIGHT}```")
    unused = server()
    configs = [{**config, **prompt} for _, config in (weak, strong, unused)]
    code, cost, index = implement(ADD, configs, lambda definition: ("assert add(1, 2) == 3", 0.5))
    assert (code.strip(), cost, index) == ((ADD + RIGHT).strip(), 6.5, 1)
    assert asked(weak[0]) == ADD


def test_a_single_config_needs_no_assertions(server):
    _, config = server(RIGHT)
    assert implement(ADD, [{**config, "prompt": "add", "model": "gpt-4"}]) == (RIGHT, 3, 0)


def test_a_problem_is_solved(server):
    endpoint, config = server("So it is \\boxed{4}.")
    assert solve_problem("What is {2} + 2?", **{**config, "model": "gpt-4"}) == ("So it is \\boxed{4}.", 3)
    assert "What is {2} + 2?" in asked(endpoint)
    assert "\\boxed{answer}" in asked(endpoint)
