"""MathChat: queries in Python and to Wolfram Alpha, and when the chat ends."""

import contextlib
import io
import json

import pytest
from sites import serve_site

from autogen import math_utils
from autogen.agentchat.contrib import math_user_proxy_agent as module
from autogen.agentchat.contrib._math import wolfram
from autogen.agentchat.contrib.math_user_proxy_agent import (
    PROMPTS,
    MathUserProxyAgent,
    WolframAlphaAPIWrapper,
    _add_print_to_last_line,
    _is_termination_msg_mathchat,
    _remove_print,
    get_from_dict_or_env,
)
from autogen.coding import LocalCommandLineCodeExecutor, MarkdownCodeExtractor
from autogen.coding.base import CodeResult
from autogen.fetching import FetchPolicy
from autogen.recording import Recording
from autogen.testing import ScriptedModel, tool_call

TOO_LONG = (
    "Your requested query response is too long. You might have made a mistake. Please revise your reasoning and query."
)


class Kernel:
    """An executor in this process. With `keeps` it has one interpreter, else a new one for each program."""

    code_extractor = MarkdownCodeExtractor()

    def __init__(self, keeps=True):
        self.keeps = keeps
        self.restarts = 0
        self.programs = []
        self.restart()

    def restart(self):
        self.restarts += 1
        self.variables = {"__name__": "__main__"}

    def execute_code_blocks(self, code_blocks):
        output = io.StringIO()
        for block in code_blocks:
            self.programs.append(block.code)
            with contextlib.redirect_stdout(output):
                exec(block.code, self.variables if self.keeps else {"__name__": "__main__"})
        return CodeResult(exit_code=0, output=output.getvalue())


@pytest.fixture
def mathproxy():
    def make(executor=None, **options):
        config = {"executor": executor or Kernel()}
        return MathUserProxyAgent(**{"code_execution_config": config, "silent": True, **options})

    return make


def fence(code, language="python"):
    return f"```{language}\n{code}\n```"


# Queries in Python

NO_PRINT = "No output found. Make sure you print the results."
QUERIES = [
    pytest.param("x=3", NO_PRINT, False, id="nothing to print"),
    pytest.param("if 4 > 5:\n\tprint('True')", "No output found.", True, id="prints nothing"),
    pytest.param("a = 4\nb = 5\na,b", "4 5", True, id="last line"),
    pytest.param("sorted([2, 1],\n  reverse=True)  # both", "[2, 1]", True, id="last expression of two lines"),
    pytest.param("dict(a=1)", "{'a': 1}", True, id="an expression with an equals sign"),
    pytest.param("x = 'ä'; x * 2", "ää", True, id="after a letter of two bytes"),
    pytest.param("x=2;y=x*2;print(y)", "4", True, id="semicolons"),
    pytest.param("n = 0; for i in range(3): n += i\nprint(n)", "3", True, id="semicolon before a block"),
    pytest.param("s = 'a; b'; for c in s: pass\nprint(s)", "a; b", True, id="semicolon in a string"),
    pytest.param("print('*' * 2001)", TOO_LONG, False, id="too long"),
    pytest.param("import sys\nprint(1)\nsys.exit()", "1", True, id="exits"),
]


@pytest.mark.parametrize(("code", "output", "success"), QUERIES)
@pytest.mark.parametrize("keeps", [True, False])
def test_a_query_in_python(mathproxy, code, output, success, keeps):
    assert mathproxy(Kernel(keeps)).execute_one_python_code(code) == (output, success)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        pytest.param("2+'2'", "TypeError: unsupported operand type(s) for +: 'int' and 'str'\n(in line 1)", id="type"),
        pytest.param("x = (", "SyntaxError:", id="syntax"),
        pytest.param("while True: pass", "TimeoutError: the code took longer than 0.2 seconds", id="endless"),
        pytest.param("import sys\nsys.exit('bad luck')", "the code exited with 'bad luck'", id="exit"),
    ],
)
def test_an_error_comes_without_files(mathproxy, monkeypatch, code, error):
    monkeypatch.setattr("autogen.agentchat.contrib._math.interpreter.SECONDS", 0.2)
    output, success = mathproxy().execute_one_python_code(code)
    assert output.startswith("Error: ")
    assert error in output
    assert "File" not in output
    assert not success


@pytest.mark.parametrize("keeps", [True, False])
def test_variables_are_kept_and_of_failing_code_the_imports(mathproxy, keeps):
    proxy = mathproxy(Kernel(keeps))
    proxy.execute_one_python_code("x=3\ny=x*2\nprint(x)")
    assert proxy.execute_one_python_code("y") == ("6", True)
    proxy.execute_one_python_code("from math import comb\nz = 1\nz / 0")
    assert proxy.execute_one_python_code("comb(4, y - 4)") == ("6", True)
    assert proxy._previous_code == "x=3\ny=x*2\nfrom math import comb"


def test_no_query_is_run_twice(mathproxy, tmp_path):
    # 0.2 ran each query three times, and all earlier ones again with each query.
    proxy, log = mathproxy(), tmp_path / "log"
    for name in "abc":
        proxy.execute_one_python_code(f"with open({str(log)!r}, 'a') as file:\n    file.write('{name}')")
    assert log.read_text() == "abc"


def test_an_interpreter_that_was_started_again_gets_its_variables_back(mathproxy):
    kernel = Kernel()
    proxy = mathproxy(kernel)
    proxy.execute_one_python_code("x = 3")
    kernel.restart()
    assert proxy.execute_one_python_code("x") == ("3", True)


def test_a_new_problem_begins_with_a_new_interpreter(mathproxy):
    kernel = Kernel()
    proxy = mathproxy(kernel)
    proxy.execute_one_python_code("x = 3")
    text = proxy.message_generator(proxy, None, {"problem": "2x={4}", "prompt_type": "python"})
    assert (text, proxy._previous_code, kernel.restarts) == (PROMPTS["python"] + "2x={4}", "", 2)
    assert "NameError" in proxy.execute_one_python_code("x")[0]
    proxy.reset()
    assert kernel.restarts == 3


def test_the_names_of_0_2_for_source_code():
    assert _add_print_to_last_line("a = 4\nb = 5\na,b") == "a = 4\nb = 5\nprint(a,b)"
    assert _add_print_to_last_line("print(1)\na") == "print(1)\na"
    assert _remove_print('print("hello")\na = 4*5\nprint("wolrld")') == "a = 4*5"
    assert _remove_print("if 4 > 5:\n\tprint('True')") == "if 4 > 5:\n\tprint('True')"
    # 0.2 left the rest of such a statement, which no interpreter takes
    assert _remove_print("print(\n  1,\n)\na = 1; print(a); b = 2") == "a = 1; b = 2"
    assert _remove_print("a = (\nprint(1)") == "a = ("


@pytest.mark.slow  # starts processes
@pytest.mark.parametrize(
    "config", [{"use_docker": False}, {"executor": LocalCommandLineCodeExecutor}], ids=["kernel", "process"]
)
def test_real_interpreters(mathproxy, config, tmp_path):
    if "executor" in config:
        config = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    else:
        pytest.importorskip("ipykernel", reason="the extra 'jupyter-executor' is not installed")
        config = {**config, "work_dir": str(tmp_path / "new"), "timeout": 20}
    proxy = mathproxy(code_execution_config=config)
    assert proxy.execute_one_python_code("x = 2\nprint(x)") == ("2", True)
    assert proxy.execute_one_python_code("x ** 10") == ("1024", True)
    assert proxy.execute_one_python_code("1 / 0") == ("Error: ZeroDivisionError: division by zero\n(in line 1)", False)
    assert proxy.execute_one_python_code("import os\nos._exit(3)")[1] is False
    assert proxy.execute_one_python_code("x") == ("2", True)


def test_an_agent_without_code_says_so(mathproxy):
    output, success = mathproxy(code_execution_config=False).execute_one_python_code("1")
    assert (output[:6], success) == ("Error:", False)


# The chat


def test_a_problem_is_solved(call, mathproxy, agent):
    solution = "Let us count.\n" + fence("from math import prod\nprod(range(1, 6))", "Python")
    with ScriptedModel("I think first.", solution, r"So it is \boxed{120}.") as model:
        proxy = mathproxy()
        solver = agent("solver", llm_config=model.llm_config)
        result = call(proxy.initiate_chat, solver, message=proxy.message_generator, problem="5!")
    said = [message["content"] for message in result.chat_history]
    assert said == [
        PROMPTS["default"] + "5!",
        "I think first.",
        MathUserProxyAgent.DEFAULT_REPLY,
        solution,
        "120",
        r"So it is \boxed{120}.",
    ]


def test_queries_of_a_message_are_run_in_order(call, mathproxy):
    text = "\n".join([fence("x = 1\nprint(x)", "py"), fence("ls", "bash"), fence("x + 1")])
    reply = call(mathproxy().generate_reply, [{"role": "user", "content": text}])
    assert reply == "1\nError: Unknown language.\n2"


def test_the_same_result_again_asks_for_a_new_approach(call, mathproxy):
    proxy = mathproxy()
    replies = [call(proxy.generate_reply, [{"role": "user", "content": fence("1")}]) for _ in range(3)]
    assert replies == ["1", "1" + module.prompts.SAME_REPLY, "1" + module.prompts.SAME_REPLY]


def test_after_three_failures_in_a_row_the_model_is_to_think_again(call, mathproxy):
    proxy = mathproxy()
    replies = []
    # a query that works ends the row
    for code in ("1/0", "no", "2", "a", "b", "c", "d", "e"):
        replies.append(call(proxy.generate_reply, [{"role": "user", "content": fence(code)}]))
    assert [reply == module.prompts.RETHINK_REPLY for reply in replies] == [False] * 6 + [True, False]


def test_calls_of_tools_are_left_to_their_executor(call, mathproxy):
    proxy = mathproxy()
    proxy.register_function({"add": lambda a, b: a + b})
    message = {"role": "user", "content": None, "tool_calls": [tool_call("add", a=1, b=2)]}
    assert call(proxy.generate_reply, [message])["content"] == "3"


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (r"It is \boxed{3}.", True),
        (r"It is \boxed{}.", False),
        (r"\boxed{3} " + fence("print(3)"), False),
        (r"\boxed{3} " + fence("3", "text"), True),
        (r"$\boxed{\frac{1}{2}}$, or \boxed{1/2}", True),
        (r"\boxed{3} or \boxed{4}", False),
        ([{"type": "text", "text": r"\boxed{3}"}], False),
        (None, False),
    ],
)
def test_the_end_of_a_chat(content, ends):
    assert _is_termination_msg_mathchat({"content": content}) is ends


def test_a_model_with_two_answers_is_asked_once_which_it_means(call, mathproxy):
    # 0.2 took the last box.
    proxy = mathproxy()
    replies = [
        call(proxy.generate_reply, [{"role": "user", "content": r"\boxed{3} or \boxed{4}"}], agent) for agent in [None] * 2
    ]
    assert "3; 4" in replies[0]
    assert replies[1] == MathUserProxyAgent.DEFAULT_REPLY


def test_wrong_contexts_are_named(mathproxy):
    proxy = mathproxy()
    assert proxy.message_generator(proxy, None, {"problem": "p", "customized_prompt": "{c} "}) == "{c} p"
    with pytest.raises(ValueError, match="'two_tools', got 'pyhton'"):
        proxy.message_generator(proxy, None, {"problem": "p", "prompt_type": "pyhton"})
    with pytest.raises(ValueError, match="needs one"):
        proxy.message_generator(proxy, None, {})


def test_a_resumed_chat_runs_no_query_again_and_has_its_variables(mathproxy, agent, tmp_path):
    path, kernel = tmp_path / "chat.db", Kernel()

    def chat(executor, *script, problem="p"):
        with ScriptedModel(*script) as model:
            proxy = mathproxy(executor)
            solver = agent("solver", llm_config=model.llm_config)
            message = proxy.message_generator
            return proxy.initiate_chat(solver, message=message, problem=problem, checkpoint=path)

    with pytest.raises(AssertionError):
        chat(kernel, fence("x = 7\nprint(x)"), AssertionError("the process ends"))
    other = Kernel()
    result = chat(other, fence("x + 1"), r"\boxed{8}")
    assert [m["content"] for m in result.chat_history[2:]] == ["7", fence("x + 1"), "8", r"\boxed{8}"]
    assert (len(kernel.programs), len(other.programs)) == (1, 1)
    assert [event["output"] for event in Recording(path).events if event["type"] == "code_ended"] == ["7\n", "8\n"]


def test_an_override_of_a_query_is_honoured(call):
    class Own(MathUserProxyAgent):
        def execute_one_python_code(self, pycode):
            return f"ran {pycode}", True

    proxy = Own(code_execution_config=False, silent=True)
    assert call(proxy.generate_reply, [{"role": "user", "content": fence("1")}]) == "ran 1"


# Answers


@pytest.mark.slow
def test_answers_are_compared_by_value():
    assert math_utils.find_answers(r"\boxed{a} \boxed{ } \boxed{\frac{1}{2}} \fbox{c}") == ["a", r"\frac{1}{2}"]
    assert math_utils.find_answers(r"\boxed{\boxed{2}}") == ["2"]
    assert math_utils.have_same_value("x=3", "3")
    assert math_utils.have_same_value("0.50", "1/2")
    assert not math_utils.have_same_value("3", "4")
    pytest.importorskip("math_verify", reason="the extra 'math' is not installed")
    assert math_utils.have_same_value(r"\frac{2}{4}", "1/2")


# Wolfram Alpha

RESPONSE = {
    "queryresult": {
        "success": True,
        "pods": [
            {"title": "Input interpretation", "subpods": [{"plaintext": "solve x^2 = 2"}]},
            {"title": "Results", "subpods": [{"plaintext": "x = -sqrt(2)"}, {"plaintext": "x = sqrt(2)"}]},
        ],
    }
}
ANSWER = "Assumption: solve x^2 = 2 \nAnswer: x = -sqrt(2)\nx = sqrt(2)"


@pytest.fixture
def wolfram_site(monkeypatch):
    """A stand-in for Wolfram Alpha on loopback."""
    monkeypatch.setattr(wolfram, "_FIRST_PAUSE", 0.0)
    monkeypatch.setenv("WOLFRAM_ALPHA_APPID", "APP-1")
    with serve_site({"/v2/query": json.dumps(RESPONSE)}) as site:
        make = WolframAlphaAPIWrapper
        options = {"address": site.url("/v2/query"), "policy": FetchPolicy(allow_private=True)}
        monkeypatch.setattr(module, "WolframAlphaAPIWrapper", lambda **own: make(**options, **own))
        yield site


def test_a_question_to_wolfram(call, mathproxy, wolfram_site):
    reply = call(
        mathproxy(code_execution_config=False).generate_reply, [{"role": "user", "content": fence("x^2=2", "wolfram")}]
    )
    lines = reply.splitlines()
    assert lines[0].startswith("<<<untrusted")
    assert "\n".join(lines[1:-1]) == ANSWER
    assert "input=x%5E2%3D2" in wolfram_site.paths[0]
    assert "appid=APP-1" in wolfram_site.paths[0]


def test_a_failing_server_is_asked_again_and_a_refusal_is_not(mathproxy, wolfram_site):
    proxy = mathproxy(code_execution_config=False)
    answers = [(503, {}, b"busy"), (500, {}, b"{}"), json.dumps(RESPONSE), (403, {}, b"no")]
    wolfram_site.routes["/v2/query"] = lambda request: answers.pop(0)
    assert proxy.execute_one_wolfram_query("x^2=2") == (ANSWER, True)
    output, success = proxy.execute_one_wolfram_query("x^2=2")
    assert not success
    assert "403" in output
    assert "APP-1" not in output
    assert len(wolfram_site.paths) == 4


@pytest.mark.parametrize(
    "body", [{"queryresult": {"success": False, "pods": []}}, {"queryresult": {"success": True}}, {"x": 1}, [], "?"]
)
def test_no_answer_of_wolfram_is_a_text_for_the_model(mathproxy, wolfram_site, body):
    wolfram_site.routes["/v2/query"] = json.dumps(body)
    output, success = mathproxy(code_execution_config=False).execute_one_wolfram_query("?")
    assert not success
    assert "Try another" in output


def test_the_id_of_the_application(monkeypatch):
    monkeypatch.delenv("WOLFRAM_ALPHA_APPID", raising=False)
    with pytest.raises(ValueError, match="WOLFRAM_ALPHA_APPID"):
        WolframAlphaAPIWrapper()
    # With pydantic 2, 0.2 refused any.
    wrapper = WolframAlphaAPIWrapper(wolfram_alpha_appid="APP-2")
    assert wrapper.wolfram_alpha_appid == "APP-2"
    assert "APP-2" not in repr(wrapper)
    assert get_from_dict_or_env({"key": ""}, "key", "NO_SUCH_VARIABLE", "default") == "default"


def test_a_client_of_the_program_is_used():
    class Client:
        def query(self, text):
            pods = [{"@title": "Input", "subpod": {"plaintext": text}}, {"@title": "Result", "subpod": {"plaintext": "4"}}]
            return {"@success": "true", "pod": pods}

    assert WolframAlphaAPIWrapper(wolfram_client=Client()).run("2+2") == ("Assumption: 2+2 \nAnswer: 4", True)
