"""The tools of an assistant, as the model of a request gets them, and their local forms: a search, and an interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ...._steps import wrap_in_thread
from ...._untrusted import RULE
from .._rag.context import make_source, render_context
from .._rag.document_index import DocumentIndex
from .._rag.settings import parse_settings

SEARCH = "file_search"
INTERPRETER = "code_interpreter"

_PASSAGES = 5
_SCHEMAS = {
    SEARCH: {
        "name": SEARCH,
        "description": "Search the files of this assistant. The result is a list of numbered passages with their sources. "
        f"{RULE}",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "A question, or words of the passage."}},
            "required": ["query"],
        },
    },
    INTERPRETER: {
        "name": INTERPRETER,
        "description": "Run Python code. The result is its exit code and the text that it prints.",
        "parameters": {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "A whole program. It must print its results."}},
            "required": ["code"],
        },
    },
}


class CodeRunner(Protocol):
    """An agent that runs code."""

    @property
    def code_executor(self) -> Any:
        """The executor; None if the agent runs code without one."""

    def execute_code_blocks(self, code_blocks: list[tuple[str, str]]) -> tuple[int, str]:
        """Run blocks of code; return the exit code and the output."""


class FileSearch:
    """A search in files on this machine. They are read with the first search.

    Args:
        files: The files, or folders.

    Raises:
        FileNotFoundError: if one of them is missing.
    """

    def __init__(self, files: Sequence[str]) -> None:
        for file in files:
            if not Path(file).exists():
                raise FileNotFoundError(f"The file {file!r} of the assistant is missing.")
        settings = {"docs_path": list(files), "get_or_create": True, "chunk_token_size": 400, "db_config": {"path": None}}
        self._index = DocumentIndex(parse_settings(settings))

    def search(self, query: str) -> str:
        """Return the passages for a question, marked as text from outside."""
        self._index.ensure_updated()
        [results] = self._index.search(query, _PASSAGES)
        sources = [make_source(document, number) for number, (document, _) in enumerate(results, 1)]
        return render_context(sources, [document["content"] for document, _ in results]) or "No passage was found."

    async def file_search(self, query: str) -> str:
        """Search in a thread: the tool."""
        return await wrap_in_thread(self.search)(query)


class Interpreter:
    """A tool that runs Python code as an agent does.

    Args:
        runner: The agent.
    """

    def __init__(self, runner: CodeRunner) -> None:
        self._runner = runner

    async def code_interpreter(self, code: str) -> str:
        """Run code in a thread: the tool."""
        exit_code, output = await wrap_in_thread(self._run)(code)
        return f"exitcode: {exit_code}\n{output}"

    def _run(self, code: str) -> tuple[int, str]:
        from ....coding.base import CodeBlock

        executor = self._runner.code_executor
        if executor is None:
            return self._runner.execute_code_blocks([("python", code)])
        result = executor.execute_code_blocks([CodeBlock(code=code, language="python")])
        return result.exit_code, result.output


def build_functions(tools: Sequence[Any], local_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the tools that a model calls by functions of this process.

    Args:
        tools: Tools of an assistant: dicts, or objects of the SDK.
        local_names: Types of the tools that this process runs instead of the endpoint.
    """
    functions: list[dict[str, Any]] = []
    for tool in tools:
        kind, function = get_field(tool, "type"), get_field(tool, "function")
        if kind == "function":
            schema = {**function} if isinstance(function, Mapping) else function.model_dump(exclude_none=True)
            functions.append({"type": "function", "function": schema})
        elif kind in local_names:
            functions.append({"type": "function", "function": _SCHEMAS[kind]})
    return functions


def build_hosted_tools(record: Any, local_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the tools of an assistant that the endpoint runs.

    Args:
        record: The assistant.
        local_names: Types of the tools that this process runs instead of the endpoint.
    """
    resources = record.tool_resources or {}
    hosted = (tool for tool in record.tools if tool.type != "function" and tool.type not in local_names)
    return [built for tool in hosted for built in _build_hosted(tool, resources)]


def _build_hosted(tool: Mapping[str, Any], resources: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = tool["type"]
    known = resources.get(kind) or {}
    if kind == SEARCH:
        # A search without a store is refused.
        stores = tool.get("vector_store_ids") or known.get("vector_store_ids")
        options = {**tool, **(tool.get("file_search") or {})}
        options.pop("file_search", None)
        return [{**options, "vector_store_ids": list(stores)}] if stores else []
    if kind == INTERPRETER and "container" not in tool:
        files = known.get("file_ids")
        return [{**tool, "container": {"type": "auto", **({"file_ids": list(files)} if files else {})}}]
    return [{**tool}]


def list_kinds(tools: Sequence[Any]) -> set[str]:
    """Return the types of tools: dicts, or objects of the SDK."""
    kinds = {str(get_field(tool, "type")) for tool in tools}
    return {SEARCH if kind == "retrieval" else kind for kind in kinds}


def list_functions(tools: Sequence[Any]) -> set[str]:
    """Return the names of the functions among tools."""
    functions = [get_field(tool, "function") for tool in tools if get_field(tool, "type") == "function"]
    return {str(get_field(function, "name")) for function in functions}


def get_field(item: Any, name: str) -> Any:
    """Return a field of a dict, or of an object."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
