"""A code executor for dynamic sessions of Azure Container Apps."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._extras import require
from ..._mistakes import trim_stop
from ..._steps import Steps, run_async, run_sync, to_thread
from .._constants import TIMEOUT_MSG
from .._default_folder import describe_files, make_default_folder
from .._processes.limits import MAX_OUTPUT
from .._processes.runner import TIMEOUT_EXIT_CODE, BoundedOutput
from .._user_functions import FunctionProvider
from .._workspace import resolve_name, write_code
from ..base import CodeBlock, CodeExecutor, CodeExtractor, CommandLineCodeResult
from ..func_with_reqs import UserFunction, _build_python_functions_file, required_packages
from ..markdown_code_extractor import MarkdownCodeExtractor
from ..utils import silence_pip
from ._pool import Execution, PoolError, PoolLost, Session, SessionPool, TokenCredential

__all__ = ["ACADynamicSessionsCodeExecutor", "AzureSessionsCodeExecutor"]

logger = logging.getLogger(__name__)

_LANGUAGES = ("", "python", "py", "python3", "ipython")
_FOLDER = "/mnt/data"
_MAX_FILES = 100
# The session keeps printed text and errors apart, so that their order would be lost.
_SETUP = f"import os, sys\nos.chdir({_FOLDER!r})\nsys.path.insert(0, {_FOLDER!r})\nsys.stderr = sys.stdout"
_INSTALL = (
    "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', '-qqq', *{packages!r}], check=True)"
)


class AzureSessionsCodeExecutor(FunctionProvider, CodeExecutor):
    """Runs Python in a session of a pool of Azure Container Apps. Later blocks see the variables of earlier blocks.

    >>> executor = AzureSessionsCodeExecutor("https://westus2.dynamicsessions.io/subscriptions/...")  # doctest: +SKIP
    ...
    >>> user = UserProxyAgent("user", code_execution_config={"executor": executor})  # doctest: +SKIP

    Files that the code leaves in its work directory, `/mnt/data`, are downloaded into `work_dir` after a run. No file of
    this machine is uploaded unless `upload_files` says so. If the pool does not answer, because the connection broke, say,
    the code may still run: the session is left, the output says so, and the next block runs in a new session.
    """

    def __init__(
        self,
        pool_management_endpoint: str,
        credential: TokenCredential | None = None,
        *,
        timeout: int = 60,
        work_dir: Path | str | None = None,
        functions: Sequence[UserFunction] = (),
        functions_module: str = "functions",
        session_id: str | None = None,
        suppress_result_output: bool = False,
        api_version: str = "2024-02-02-preview",
    ) -> None:
        """Initialise the executor. The session begins with the first request.

        Args:
            pool_management_endpoint: The management endpoint of the pool.
            credential: An object with `get_token(scope)`; by default `DefaultAzureCredential` of `azure-identity`.
            timeout: Seconds for each block.
            work_dir: The folder on this machine for files of the session, created if it does not exist. By default a new
                folder in the user's cache directory; the output of a run names it if there are files in it.
            functions: Functions that the code may import. They are sent to the session, and their packages installed there.
            functions_module: The module of the functions.
            session_id: The identifier of the session, which may exist already; by default a random identifier.
            suppress_result_output: True to leave the value of the last expression out of the output.
            api_version: The version of the pool's interface.

        Raises:
            ValueError: if the timeout is less than 1, or an argument is invalid.
            TypeError: if the credential or the functions are of another kind.
            ImportError: if there is no credential, and the extra `azure` is not installed.
            OSError: if the folder can't be created.
        """
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        if session_id is not None and (not isinstance(session_id, str) or not session_id):
            raise ValueError(f"session_id must be text or None, got {session_id!r}.")
        if credential is None:
            identity = require("azure.identity", extra="azure", feature="AzureSessionsCodeExecutor without a credential")
            credential = identity.DefaultAzureCredential()
        assert credential is not None
        self._pool = SessionPool(pool_management_endpoint, credential, api_version)
        self._set_functions(functions, functions_module)
        self._timeout = timeout
        self._has_default_folder = work_dir is None
        self._work_dir = make_default_folder(self) if work_dir is None else Path(work_dir)
        self._work_dir.mkdir(parents=True, exist_ok=True)
        self._session = Session(session_id) if session_id else Session()
        self._suppress_result_output = suppress_result_output

    @property
    def timeout(self) -> int:
        """The seconds for each block."""
        return self._timeout

    @property
    def work_dir(self) -> Path:
        """The folder on this machine for files of the session."""
        return self._work_dir

    @property
    def session_id(self) -> str:
        """The identifier of the current session."""
        return self._session.identifier

    @property
    def code_extractor(self) -> CodeExtractor:
        """The extractor, which finds fenced code blocks."""
        return MarkdownCodeExtractor()

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks in order, until one fails.

        Errors in the code, and of the pool, are results, not exceptions.

        Returns:
            The exit code of the last block (124 after a timeout), all output, and the downloaded files.
        """
        return run_sync(self._execute_blocks(code_blocks))

    async def a_execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Async version of `execute_code_blocks`."""
        return await run_async(self._execute_blocks(code_blocks))

    def upload_files(self, paths: Sequence[Path | str]) -> None:
        """Put files of this machine into the work directory of the session.

        Raises:
            OSError: if a file can't be read, or the pool does not take it.
        """
        run_sync(self._upload_files(paths))

    async def a_upload_files(self, paths: Sequence[Path | str]) -> None:
        """Async version of `upload_files`."""
        await run_async(self._upload_files(paths))

    def list_files(self) -> list[str]:
        """Return the names of the files of the session.

        Raises:
            OSError: if the pool does not answer.
        """
        return sorted(run_sync(self._pool.list_files(self._session)))

    async def a_list_files(self) -> list[str]:
        """Async version of `list_files`."""
        return sorted(await run_async(self._pool.list_files(self._session)))

    def download_files(self, names: Sequence[str]) -> list[str]:
        """Download files of the session into `work_dir`, and return their paths there.

        Raises:
            ValueError: if a name leads out of `work_dir`.
            OSError: if the session has no such file, or it can't be saved.
        """
        return run_sync(self._download_files(names))

    async def a_download_files(self, names: Sequence[str]) -> list[str]:
        """Async version of `download_files`."""
        return await run_async(self._download_files(names))

    def restart(self) -> None:
        """Leave the session. The next block runs in a new session with a random identifier."""
        self._session = Session()

    def _execute_blocks(self, blocks: list[CodeBlock]) -> Steps[CommandLineCodeResult]:
        # Other threads may have left the session meanwhile.
        session = self._session
        exit_code = 0
        texts: list[str] = []
        files: list[str] = []
        try:
            yield from self._prepare(session)
            for block in blocks:
                exit_code, text = yield from self._execute_block(session, block, files)
                texts.append(text)
                if exit_code != 0:
                    break
            files += yield from self._fetch_new_files(session, texts)
        except PoolLost as error:
            self._leave(session)
            exit_code = TIMEOUT_EXIT_CODE if error.timed_out else 1
            end = f"\n{TIMEOUT_MSG}" if error.timed_out else ""
            texts.append(f"The session was left, with its variables: {trim_stop(error)}.{end}")
        except OSError as error:
            exit_code = 1
            texts.append(f"The code can't be run: {trim_stop(error)}.")
        # Interrupted or cancelled: the code still runs there.
        except BaseException:
            self._leave(session)
            raise
        output = BoundedOutput(MAX_OUTPUT)
        output.append("".join(texts).encode("utf-8", "replace"))
        note = describe_files(self._work_dir, files) if self._has_default_folder else ""
        return CommandLineCodeResult(exit_code=exit_code, output=output.decode() + note, output_files=files)

    def _prepare(self, session: Session) -> Steps[None]:
        """Set up a session once: its work directory, the order of its output, and the functions.

        Raises:
            OSError: if that fails.
        """
        if session.is_ready:
            return
        codes = [_SETUP]
        if self._functions:
            module = _build_python_functions_file(self._functions)
            yield from self._pool.upload(session, f"{self._functions_module}.py", module.encode())
            if packages := required_packages(self._functions):
                codes.append(_INSTALL.format(packages=[*packages]))
            codes.append(f"import {self._functions_module}")
        for code in codes:
            execution = yield from self._pool.execute(session, code, self._timeout)
            if execution.exit_code != 0:
                text = f"{execution.stdout}{execution.stderr}".strip()
                raise PoolError(f"the session can't be set up: {text or 'the pool gave no reason'}")
        session.files = yield from self._pool.list_files(session)
        session.is_ready = True

    def _setup_functions(self) -> None:
        """Set up the session, with the functions."""
        run_sync(self._prepare(self._session))

    def _execute_block(self, session: Session, block: CodeBlock, files: list[str]) -> Steps[tuple[int, str]]:
        """Run a block, and return its exit code and output. Images are saved, and appended to `files`."""
        language = block.language.lower()
        if language not in _LANGUAGES:
            return 1, f"Unsupported language {language}\n"
        execution: Execution = yield from self._pool.execute(session, silence_pip(block.code, "python"), self._timeout)
        text = _join_lines(execution.stdout, execution.stderr)
        if execution.result is not None and not self._suppress_result_output:
            text = _join_lines(text, self._write_result(execution.result, files))
        if execution.exit_code == TIMEOUT_EXIT_CODE:
            text = _join_lines(text, TIMEOUT_MSG)
        return execution.exit_code, text

    def _write_result(self, result: Any, files: list[str]) -> str:
        """Return the value of the last expression as text; save it if it is an image."""
        if isinstance(result, str):
            return result
        if isinstance(result, Mapping) and isinstance(data := result.get("base64_data"), str):
            extension = str(result.get("format", "png"))
            name = f"result-{len(files)}-{os.urandom(8).hex()}.{extension if extension.isalnum() else 'bin'}"
            try:
                files.append(str(write_code(self._work_dir, name, base64.b64decode(data))))
            except (OSError, binascii.Error, ValueError) as error:
                return f"The image can't be saved: {error}"
            return f"Image saved to {files[-1]}"
        return json.dumps(result, ensure_ascii=False)

    def _fetch_new_files(self, session: Session, texts: list[str]) -> Steps[list[str]]:
        """Download the files that a run created or changed, and return their paths. `texts` says which are left out."""
        if self._session is not session:
            return []
        before, session.files = session.files, (yield from self._pool.list_files(session))
        names = sorted(name for name, mark in session.files.items() if before.get(name) != mark)
        if len(names) > _MAX_FILES:
            texts.append(f"\n{len(names) - _MAX_FILES} new files of the session are not downloaded: download_files does it.")
        paths = []
        for name in names[:_MAX_FILES]:
            try:
                paths += yield from self._download_files([name])
            except PoolLost:
                raise
            except (OSError, ValueError) as error:
                texts.append(f"\nThe file {name!r} is not downloaded: {error}")
        return paths

    def _download_files(self, names: Sequence[str]) -> Steps[list[str]]:
        paths = []
        for name in names:
            target = resolve_name(self._work_dir, name)
            content = yield from self._pool.fetch_file(self._session, name)
            path = yield from to_thread(write_code, self._work_dir, target, content)
            paths.append(str(path))
        return paths

    def _upload_files(self, paths: Sequence[Path | str]) -> Steps[None]:
        session = self._session
        for path in map(Path, paths):
            content = yield from to_thread(path.read_bytes)
            yield from self._pool.upload(session, path.name, content)
        # The next run must not report them.
        session.files = yield from self._pool.list_files(session)

    def _leave(self, session: Session) -> None:
        """Take a new session for the next run, unless another thread has done so."""
        if self._session is session:
            self._session = Session()


def _join_lines(text: str, more: str) -> str:
    """Append text that begins on a line of its own."""
    return f"{text}{'' if not text or not more or text.endswith(chr(10)) else chr(10)}{more}"


ACADynamicSessionsCodeExecutor = AzureSessionsCodeExecutor
"""The name that the 0.4 line has for it."""
