"""Tools of MCP servers, of web APIs and of source code, in documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import KeptComponentType
from ..specs.fields import ComponentConfig, SecretText
from ._parts import ExecutorPart

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..specs._needs import NeedsCollector


class McpConfig(ComponentConfig):
    """Schema of `mcp`: a server that is a program, or one at an address."""

    command: str | None = None
    args: list[str] = []
    env: dict[str, str | SecretText] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str | SecretText] = {}
    tools: list[str] | None = None
    exclude: list[str] | None = None
    prefix: str | None = None
    timeout: float = Field(default=60, gt=0)
    max_result_chars: int = Field(default=50_000, ge=1)
    approval: Literal["human"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("An MCP server is a program (`command`), or at an address (`url`).")
        return self


class McpType(KeptComponentType):
    """The type of the tools of an MCP server."""

    name = "mcp"
    kind = "tool"
    target = "autogen.mcp._toolbox:MCPToolbox"
    config_model = McpConfig
    label = "MCP server"
    description = "The tools of an MCP server."
    example: JSONObject = {"command": "uvx", "args": ["mcp-server-time"]}

    def make(self, config: McpConfig, build: Build) -> LiveObject:
        """Make the toolbox. The server is started when its tools are first needed."""
        from ..mcp import StdioServerParams, StreamableHttpServerParams, mcp_tools

        server: Any
        if config.command is not None:
            folder = None if config.cwd is None else build.get_path(config.cwd)
            server = StdioServerParams(config.command, config.args, build.resolve(config.env) or None, folder)
        else:
            server = StreamableHttpServerParams(config.url or "", build.resolve(config.headers) or None)
        return mcp_tools(
            server,
            tools=config.tools,
            exclude=config.exclude,
            prefix=config.prefix,
            timeout=config.timeout,
            max_result_chars=config.max_result_chars,
            approval=True if config.approval == "human" else None,
        )

    def collect_needs(self, config: McpConfig, needs: NeedsCollector) -> None:
        """Note the command line, or the address."""
        if config.command is not None:
            needs.add("commands", " ".join([config.command, *config.args]))
        if config.url is not None:
            needs.add_address(config.url)
        if config.cwd is not None:
            needs.add_path(config.cwd)


class HttpConfig(ComponentConfig):
    """Schema of `http`: operations of an OpenAPI document, which is in a file, at an address, or here."""

    document: str | dict[str, Any]
    allow: list[str] | None = None
    secrets: dict[str, SecretText] = {}
    base_url: str | None = None
    prefix: str = ""
    max_result_chars: int = Field(default=20_000, ge=1)


class HttpType(KeptComponentType):
    """The type of the tools of a web API."""

    name = "http"
    kind = "tool"
    config_model = HttpConfig
    label = "Web API"
    description = "Operations of a web API that has an OpenAPI document."
    example: JSONObject = {
        "document": "https://api.pets.example/openapi.json",
        "allow": ["listPets"],
        "secrets": {"key": {"secret": "PETS_KEY"}},
    }

    def matches(self, obj: object) -> bool:
        """Return True for a toolkit that was built from a document; others don't know where they come from."""
        from ..tools.toolkit import Toolkit

        return type(obj) is Toolkit

    def make(self, config: HttpConfig, build: Build) -> LiveObject:
        """Make the tools."""
        from ..tools.openapi import openapi_tools

        document = config.document
        if isinstance(document, str) and "://" not in document:
            document = str(build.get_path(document))
        # The values are read now: at the time of a call the caller's secrets are out of reach.
        secrets = {name: _Constant(build.get_secret(value)) for name, value in config.secrets.items()}
        toolkit = openapi_tools(
            document,
            allow=config.allow,
            secrets=secrets or None,
            base_url=config.base_url,
            prefix=config.prefix,
            max_result_chars=config.max_result_chars,
        )
        for tool in toolkit:
            # An agent has the functions alone; they keep alive what is asked when they are written.
            vars(tool.function)["toolkit"] = toolkit
        return toolkit

    def collect_needs(self, config: HttpConfig, needs: NeedsCollector) -> None:
        """Note the file or address of the document, and the servers."""
        if isinstance(config.document, str):
            if "://" in config.document:
                needs.add_address(config.document)
            else:
                needs.add_path(config.document)
        elif isinstance(servers := config.document.get("servers"), list):
            for server in servers:
                if isinstance(server, dict) and isinstance(server.get("url"), str):
                    needs.add_address(server["url"])
        if config.base_url is not None:
            needs.add_address(config.base_url)


class _Constant:
    """A function that returns a secret, and does not show it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self) -> str:
        return self._value


class CodeConfig(ComponentConfig):
    """Schema of `code`: the source of a function, which runs in an executor."""

    source: str
    entry: str = Field(pattern=r"^[A-Za-z_]\w*$")
    description: str | None = None
    executor: ExecutorPart

    @model_validator(mode="after")
    def _check(self) -> Self:
        from ._code_tool import read_signature

        read_signature(self.source, self.entry)
        return self


class CodeType(KeptComponentType):
    """The type of tools whose source is in the document."""

    name = "code"
    kind = "tool"
    target = "autogen._components._code_tool:CodeTool"
    config_model = CodeConfig
    label = "Code"
    description = "A function whose source is in the document; it runs in an executor, never in the process that builds it."
    example: JSONObject = {
        "source": 'def double(number: int) -> int:\n    """Double a number."""\n    return 2 * number\n',
        "entry": "double",
        "executor": {"type": "sandboxed", "config": {}},
    }

    def make(self, config: CodeConfig, build: Build) -> LiveObject:
        """Make the tool."""
        from ._code_tool import CodeTool

        return CodeTool(config.source, config.entry, build.get_part(config.executor), config.description)

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the source, and the executor."""
        return {**super().write(obj, writer), "executor": writer.write_part(obj.executor)}

    def collect_needs(self, config: CodeConfig, needs: NeedsCollector) -> None:
        """Note the name of the function."""
        needs.add("code", config.entry)


TOOLKIT_TYPES = (McpType(), HttpType(), CodeType())
