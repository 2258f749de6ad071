"""The interpreter of a chat: queries in Python share their variables, and each is run once."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...._steps import Steps
from ..._core.internals import get_code_config
from ..._replies.code_reply import run_with_executor
from ...conversable_agent import ConversableAgent
from . import source

if TYPE_CHECKING:
    from ....coding.base import CodeBlock, CodeExecutor

MAX_RESULT = 2000  # characters
SECONDS = 5.0  # of a query, unless the config has a timeout
DEFAULT_IMAGE = "python:3-slim"
START_SECONDS = 60  # of imports, and of earlier code that has to be run again

NO_PRINT = "No output found. Make sure you print the results."
NO_OUTPUT = "No output found."
TOO_LONG = (
    "Your requested query response is too long. You might have made a mistake. Please revise your reasoning and query."
)

# The program around a query. An interpreter that lacks the variables of earlier queries runs those first: a process of its
# own for each query, or a kernel that was started again. The time limit is that of the query, without its imports.
_PROGRAM = """\
def __run_query__(earlier, imports, query, seconds, mark):
    import contextlib, io, signal, traceback

    def stop(*args):
        raise TimeoutError(f"the code took longer than {seconds:g} seconds")

    scope, report = globals(), ""
    try:
        if not scope.get("__has_run_queries__"):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                exec(compile(earlier, "<earlier>", "exec"), scope)
        scope["__has_run_queries__"] = True
        with contextlib.suppress(Exception):
            exec(compile(imports, "<imports>", "exec"), scope)
        code = compile(query, "<query>", "exec")
        previous = None
        with contextlib.suppress(AttributeError, ValueError):
            previous = signal.signal(signal.SIGALRM, stop)
            signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            exec(code, scope)
        finally:
            if previous is not None:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, previous)
    except SystemExit as error:
        report = f"the code exited with {error.code!r}" if error.code else ""
    except Exception as error:
        report = "".join(traceback.format_exception_only(type(error), error))
        lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == "<query>"]
        if lines:
            report += f"(in line {lines[-1]})"
    if report:
        print("\\n" + mark + report)


"""

_FILE_LINE = re.compile(r'^[ \t]*File ".*", line \d+.*\n?', re.MULTILINE)


class Interpreter:
    """The interpreter of an agent's queries.

    An executor that keeps variables (a kernel) runs each query once. With a process for each query, the earlier
    code that worked is run in front of it, silently.

    Attributes:
        earlier: The code of earlier queries that worked, without what it printed.

    Args:
        agent: The agent. Its executor is used; without one, its `code_execution_config` decides between a kernel or a
            process on this machine, and a container.
    """

    def __init__(self, agent: ConversableAgent) -> None:
        self._agent = agent
        self._executor: CodeExecutor | None = None
        self._has_run = False
        self.earlier = ""

    def reset(self) -> None:
        """Forget the variables and the code of earlier queries."""
        self.earlier = ""
        if self._has_run and self._executor is not None:
            self._executor.restart()
        self._has_run = False

    def run(self, code: str) -> Steps[tuple[str, bool]]:
        """Run a query.

        Returns:
            Its output, or the text that the model gets instead; True if it worked.
        """
        query = source.print_last_line(source.split_statements(code))
        if get_code_config(self._agent) is False:
            return "Error: No Python code can be run here. Solve this step without code.", False
        if self._executor is None:
            self._executor = self._agent.code_executor or self._make_executor()
        # What the code prints can't contain it by chance. A resumed chat makes it again.
        digest = hashlib.sha256(f"{query}:{len(self.earlier)}".encode("utf-8", "replace")).hexdigest()
        mark = f"[query {digest[:16]}] "

        def prepare(block: CodeBlock) -> CodeBlock:
            self._has_run = True
            return block.model_copy(update={"code": self._build_program(block.code, mark)})

        from ....coding.base import CodeBlock

        blocks = [CodeBlock(code=query, language="python")]
        exit_code, output = yield from run_with_executor(self._agent, self._executor, blocks, prepare)
        output, is_marked, error = output.partition(mark)
        if not is_marked and exit_code != 0:
            error = output.strip() or f"the program ended with exit code {exit_code}"
        # Of code that failed, what it had done by then is unknown; its imports do no harm.
        joining = source.keep_imports(query) if error else source.remove_prints(query)
        self.earlier = "\n".join(part for part in (self.earlier, joining.strip("\n")) if part)
        if error:
            return "Error: " + _FILE_LINE.sub("", error).strip(), False
        output = output.rstrip("\n")
        if not output.strip():
            return (NO_OUTPUT, True) if source.has_print(query) else (NO_PRINT, False)
        return (TOO_LONG, False) if len(output) > MAX_RESULT else (output, True)

    @property
    def _seconds(self) -> float:
        config = get_code_config(self._agent) or {}
        return float(config.get("timeout") or SECONDS)

    def _build_program(self, query: str, mark: str) -> str:
        arguments = (self.earlier, source.keep_imports(query), query, self._seconds, mark)
        return f"{_PROGRAM}__run_query__({', '.join(map(repr, arguments))})\n"

    def _make_executor(self) -> CodeExecutor:
        """Make the executor of a config that has none."""
        config = get_code_config(self._agent) or {}
        timeout = START_SECONDS + math.ceil(self._seconds)
        use_docker, work_dir = config.get("use_docker"), config.get("work_dir")
        if use_docker:
            from ....coding.docker_commandline_code_executor import DockerCommandLineCodeExecutor

            images = [use_docker] if isinstance(use_docker, str) else use_docker if isinstance(use_docker, list) else []
            image = images[0] if images else DEFAULT_IMAGE
            return DockerCommandLineCodeExecutor(image, timeout=timeout, work_dir=work_dir)
        try:
            from ....coding.jupyter.embedded_ipython_code_executor import EmbeddedIPythonCodeExecutor
        except ImportError:
            # The extra 'jupyter-executor' is not installed.
            from ....coding.local_commandline_code_executor import LocalCommandLineCodeExecutor

            return LocalCommandLineCodeExecutor(timeout=timeout, work_dir=work_dir)
        if work_dir is not None:
            Path(work_dir).mkdir(parents=True, exist_ok=True)
        return EmbeddedIPythonCodeExecutor(timeout=timeout, work_dir=None if work_dir is None else str(work_dir))
