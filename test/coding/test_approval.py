"""Nothing runs that was not approved."""

import asyncio
import copy
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent, events
from autogen.coding import ApprovedCodeExecutor, CodeBlock, CodeExecutor, LocalCommandLineCodeExecutor, ask_a_human
from autogen.coding.approval import visible
from autogen.coding.base import IPythonCodeResult
from autogen.io import LATER, IOStream
from autogen.recording import Recording

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the blocks are written for POSIX")

BLOCKS = [CodeBlock(language="sh", code=f"echo {i}; touch ran{i}") for i in range(3)]


@pytest.fixture
def local(tmp_path):
    return LocalCommandLineCodeExecutor(work_dir=tmp_path)


def ran(folder):
    return sorted(path.name for path in folder.glob("ran*"))


@pytest.fixture(params=["plain", "coroutine"])
def approver(request):
    """Make an approver of a function, sync or async."""

    def make(function):
        async def awaited(block):
            await asyncio.sleep(0)
            return function(block)

        return function if request.param == "plain" else awaited

    return make


@pytest.fixture
def execute(call):
    def execute(executor, blocks):
        return call(executor.execute_code_blocks, blocks)

    return execute


def test_what_is_approved_runs(execute, approver, local, tmp_path):
    seen = []
    executor = ApprovedCodeExecutor(local, approver(lambda block: seen.append(block) or True))
    result = execute(executor, BLOCKS)
    assert (result.exit_code, result.output) == (0, "0\n1\n2\n")
    assert seen == BLOCKS
    assert result.code_file.startswith(str(tmp_path))


@pytest.mark.parametrize("verdict", [False, None, 0, 1, "", "yes", "it is too bold"])
def test_anything_but_true_is_a_refusal(execute, approver, local, tmp_path, verdict):
    result = execute(ApprovedCodeExecutor(local, approver(lambda block: verdict)), BLOCKS[:1])
    assert result.exit_code == 1
    assert result.output.startswith("The code was not run: it was not approved.")
    assert not isinstance(verdict, str) or result.output.endswith(verdict)
    assert not ran(tmp_path)
    assert (result.code_file, result.output_files) == (None, [])


def test_nothing_runs_after_a_refusal(execute, approver, local, tmp_path):
    seen = []

    def approve(block):
        seen.append(block)
        return "no second steps" if block == BLOCKS[1] else True

    result = execute(ApprovedCodeExecutor(local, approver(approve)), BLOCKS)
    refusal = "Code block 2 of 3 was not run: it was not approved. Nor were those after it. no second steps"
    assert (result.exit_code, result.output) == (1, f"0\n{refusal}")
    assert ran(tmp_path) == ["ran0"]
    assert seen == BLOCKS[:2]


def test_a_failure_before_a_refusal_is_told_too(local):
    executor = ApprovedCodeExecutor(local, lambda block: "exit" in block.code)
    result = executor.execute_code_blocks([CodeBlock(language="sh", code="exit 7"), BLOCKS[0]])
    assert (result.exit_code, result.output) == (7, "Code block 2 of 2 was not run: it was not approved.")


def test_an_approver_that_fails_runs_nothing(execute, approver, local, tmp_path):
    def approve(block):
        raise ConnectionError("nobody home")

    with pytest.raises(ConnectionError, match="nobody home"):
        execute(ApprovedCodeExecutor(local, approver(approve)), BLOCKS)
    assert not ran(tmp_path)


def test_what_was_shown_is_what_runs(local):
    def approve(block):
        block.code = "echo changed"
        return True

    assert ApprovedCodeExecutor(local, approve).execute_code_blocks(BLOCKS[:1]).output == "0\n"


def test_a_coroutine_that_nobody_awaits_is_an_error(execute, local, tmp_path):
    async def later(block):
        return True

    with pytest.raises(TypeError, match="async def"):
        execute(ApprovedCodeExecutor(local, lambda block: later(block)), BLOCKS)
    assert not ran(tmp_path)


def test_an_asynchronous_chat_asks_in_its_own_loop(local):
    """What the approver waits for lives in the loop of the chat: a web page, a queue."""

    async def main():
        answers = asyncio.Queue()
        asked = asyncio.Event()

        async def approve(block):
            asked.set()
            return await answers.get()

        async def human():
            await asked.wait()
            await answers.put("not today")

        executor = ApprovedCodeExecutor(local, approve)
        agent = ConversableAgent("a", human_input_mode="NEVER", code_execution_config={"executor": executor})
        message = {"role": "user", "content": "```sh\necho x\n```"}
        return (await asyncio.gather(agent.a_generate_reply(messages=[message]), human()))[0]

    assert "not approved. not today" in asyncio.run(main())


def test_an_agent_reads_the_refusal(call, local):
    executor = ApprovedCodeExecutor(local, lambda block: "the directory is not yours")
    agent = ConversableAgent("a", human_input_mode="NEVER", code_execution_config={"executor": executor})
    reply = call(agent.generate_reply, messages=[{"role": "user", "content": "```sh\necho x\n```"}])
    assert reply == (
        "exitcode: 1 (execution failed)\nCode output: The code was not run: it was not approved. the directory is not yours"
    )


class Notebook(CodeExecutor):
    """An executor of a user's own, with a result of its own kind."""

    code_extractor = None
    log = ()

    def execute_code_blocks(self, code_blocks):
        return IPythonCodeResult(exit_code=0, output="ran", output_files=["plot.png"])

    def restart(self):
        self.log += ("restart",)

    def __enter__(self):
        self.log += ("enter",)
        return self

    def __exit__(self, *error):
        self.log += ("exit",)


def test_any_executor_can_be_approved():
    inner = Notebook()
    with ApprovedCodeExecutor(inner, lambda block: block == BLOCKS[0]) as executor:
        assert isinstance(executor, CodeExecutor)
        assert executor.execute_code_blocks(BLOCKS[:1]) == inner.execute_code_blocks([])
        refused = executor.execute_code_blocks(BLOCKS)
        executor.restart()
    assert refused.output_files == ["plot.png"]
    assert refused.exit_code == 1
    assert inner.log == ("enter", "restart", "exit")


def test_one_without_a_context_can_be_approved_too(local):
    with ApprovedCodeExecutor(local, ask_a_human) as executor:
        assert executor.work_dir == local.work_dir
        assert copy.copy(executor).timeout == 60
    with pytest.raises(AttributeError):
        executor.nothing


@pytest.mark.parametrize(
    ("executor", "approve"), [(SimpleNamespace(), print), (LocalCommandLineCodeExecutor, print), (Notebook(), 5)]
)
def test_what_is_no_executor_or_approver_is_refused(executor, approve):
    with pytest.raises(TypeError):
        ApprovedCodeExecutor(executor, approve)


class Person(IOStream):
    def __init__(self, answer):
        self.answer = answer
        self.shown = ""

    def print(self, *objects, sep=" ", end="\n", flush=False):
        self.shown += sep.join(map(str, objects)) + end

    def input(self, prompt="", *, password=False):
        if self.answer is None:
            raise EOFError
        return self.answer


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ("y", "0\n"),
        (" YES ", "0\n"),
        ("", "The code was not run: it was not approved."),
        ("N", "The code was not run: it was not approved."),
        ("use a file", "The code was not run: it was not approved. use a file"),
        (None, "The code was not run: it was not approved. Nobody is there to approve it."),
    ],
)
def test_a_human_may_be_asked(execute, local, answer, output):
    person = Person(answer)
    with IOStream.set_default(person):
        assert execute(ApprovedCodeExecutor(local, ask_a_human), BLOCKS[:1]).output == output
    assert BLOCKS[0].code in person.shown


@pytest.mark.parametrize(
    "hidden", ["\033[8m", "\r", "\b", "\u202e", "\u2066", "\u200b", "\x9b", "\ufeff", "\ud800", "\u2028"]
)
def test_code_can_not_hide_from_a_human(hidden):
    person = Person("n")
    with IOStream.set_default(person):
        ask_a_human(CodeBlock(language=f"sh{hidden}", code=f"a{hidden}b"))
    assert hidden not in person.shown
    assert "a\\" in person.shown


@given(st.text())
def test_what_is_shown_has_nothing_invisible_in_it(text):
    shown = visible(text)
    assert all(character.isprintable() or character in "\n\t" for character in shown)
    assert not text.isprintable() or shown == text


CODE = f"```sh\n{BLOCKS[0].code}\n```\nand\n```sh\n{BLOCKS[1].code}\n```"


@pytest.mark.parametrize(
    ("answers", "expected", "output"),
    [
        (["y", "y"], ["ran0", "ran1"], "0\n1"),
        (["y", "no, not that"], ["ran0"], "0\nCode block 2 of 2 was not run: it was not approved. not that"),
        (["n"], [], "Code block 1 of 2 was not run: it was not approved. Nor were those after it."),
        (['e {"language": "sh", "code": "echo else; touch ran9"}', "y"], ["ran1", "ran9"], "else\n1"),
        (['e {"code": "x"}', "n"], [], "Code block 1 of 2 was not run"),
    ],
)
def test_the_human_of_the_agent_approves_code_as_it_does_calls(call, agent, local, tmp_path, answers, expected, output):
    """With the events of an approval, before the code is started."""
    questions = []

    def ask(prompt):
        questions.append(prompt)
        return answers[len(questions) - 1]

    executor = ApprovedCodeExecutor(local, "human")
    user = agent("user", code_execution_config={"executor": executor}, human_input_source=ask)
    seen = []
    with events.subscribe(seen.append, types=["approval_given", "code_started"]):
        reply = call(user.generate_reply, messages=[{"role": "user", "content": CODE}])
    assert output in reply
    assert ran(tmp_path) == expected
    assert "----- sh -----\necho 0; touch ran0\n-----\nuser is to run this code. Approve?" in questions[0]
    kinds = [event.type for event in seen]
    assert kinds == ["approval_given"] * (len(kinds) - 1) + ["code_started"]


@pytest.mark.slow
def test_the_approval_of_code_may_come_later(call, agent, local, tmp_path):
    file = tmp_path / "chat.db"

    def run(text):
        executor = ApprovedCodeExecutor(local, "human")
        user = agent("user", code_execution_config={"executor": executor}, human_input_source=LATER)
        other = agent("other", default_auto_reply=text)
        return call(user.initiate_chat, other, message="go", max_turns=2, checkpoint=file)

    text = f"```sh\n{BLOCKS[0].code}\n```"
    [question] = run(text).pending
    assert (question.kind, question.tool, ran(tmp_path)) == ("approval", "code", [])
    Recording(file).answer(question, choice="approve")
    assert "0\n" in run(text).chat_history[2]["content"]
    assert ran(tmp_path) == ["ran0"]


def test_a_human_who_reads_code_may_end_the_chat(call, agent, local, tmp_path):
    executor = ApprovedCodeExecutor(local, "human")
    user = agent("user", code_execution_config={"executor": executor}, human_input_source=lambda prompt: "q")
    result = call(user.initiate_chat, agent("other", default_auto_reply=CODE), message="go", checkpoint=tmp_path / "chat.db")
    assert (result.stop_detail, ran(tmp_path)) == ("approval of code: a human ended the chat", [])
    assert Recording(tmp_path / "chat.db").is_finished
