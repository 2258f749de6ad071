"""Documents as classic programs: the same objects, made by plain Python."""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from ..specs._checking import CheckedDocument, check, list_start
from ..specs._documents import iterate_values, join_pointer
from ..specs._protocols import JSONObject
from ..specs.errors import Problem, SpecError
from ..specs.fields import is_python_object, is_secret
from . import agents, chats, handoffs, patterns

_MAX_LINE = 100
_RESERVED = (
    "asker",
    "chat",
    "dict",
    "initiate_chats",
    "initiate_group_chat",
    "input",
    "os",
    "print",
    "re",
    "result",
    "sender",
)
_CONDITIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "max_messages": ("MaxMessages", ("n",)),
    "max_tokens": ("MaxTokens", ("n",)),
    "max_cost": ("MaxCost", ("usd",)),
    "timeout": ("Timeout", ("seconds",)),
    "function_call": ("FunctionCall", ("name",)),
    "external_stop": ("ExternalStop", ()),
    "no_progress": ("NoProgress", ("n",)),
    "refused": ("Refused", ("n",)),
}
_EXECUTORS = {
    "local": ("autogen.coding", "LocalCommandLineCodeExecutor"),
    "sandboxed": ("autogen.coding", "SandboxedCommandLineCodeExecutor"),
    "docker": ("autogen.coding", "DockerCommandLineCodeExecutor"),
    "jupyter": ("autogen.coding.jupyter", "EmbeddedIPythonCodeExecutor"),
    "pod": ("autogen.coding.kubernetes", "PodCommandLineCodeExecutor"),
    "azure_sessions": ("autogen.coding.azure", "AzureSessionsCodeExecutor"),
}
_TRANSFORMS = "autogen.agentchat.contrib.capabilities.transforms"
_CONTEXTS = {
    "message_history_limiter": "MessageHistoryLimiter",
    "message_token_limiter": "MessageTokenLimiter",
}
_AGENTS = {"conversable": "ConversableAgent", "assistant": "AssistantAgent", "user_proxy": "UserProxyAgent"}


def format_program(doc: JSONObject) -> str:
    """Return a document as a Python program, which makes the same objects and starts the chat.

    Secrets are read from environment variables.

    Args:
        doc: The document.

    Raises:
        SpecError: if the document has faults, names no part as its start, or has a part that no plain program makes.
    """
    checked, problems = check(doc)
    if checked is None or problems:
        raise SpecError(problems)
    if checked.content.get("start") is None:
        raise SpecError([Problem("/start", "is missing: a program needs a part to begin with", '{"chat": "main"}')])
    text = _Program(checked).format()
    # A fault here would be ours; a program that can't be read is never written.
    ast.parse(text)
    return text


def _format_call(function: str, *arguments: str, **named: str) -> str:
    """Return a call in one line, or with a line for each argument."""
    items = [*arguments, *(f"{name}={value}" for name, value in named.items())]
    line = f"{function}({', '.join(items)})"
    if len(line) <= _MAX_LINE and "\n" not in line:
        return line
    body = "".join(f"{textwrap.indent(item, '    ').rstrip()},\n" for item in items)
    return f"{function}(\n{body})"


def _format_list(items: list[str], brackets: str = "[]") -> str:
    line = brackets[0] + ", ".join(items) + brackets[1]
    if len(line) <= _MAX_LINE and "\n" not in line:
        return line
    body = "".join(f"{textwrap.indent(item, '    ').rstrip()},\n" for item in items)
    return f"{brackets[0]}\n{body}{brackets[1]}"


class _Program:
    """The lines of a program while they are written."""

    def __init__(self, checked: CheckedDocument) -> None:
        self._doc = checked.content
        self._parts: JSONObject = checked.content["parts"]
        self._imports: dict[str, set[str]] = {}
        self._modules: set[str] = set()
        self._lines: list[str] = []
        self._connections: list[str] = []
        self._variables: dict[str, str] = {}
        self._unfinished: list[str] = []
        modules = [
            value["python"] for _, value in iterate_values(self._doc) if isinstance(value, dict) and is_python_object(value)
        ]
        # Names that variables must not hide. Classes begin with a capital, variables don't.
        self._reserved = {*_RESERVED, *(re.split(r"[.:]", module)[0] for module in modules)}

    def format(self) -> str:
        """Return the program."""
        start = list_start(self._doc["start"])
        names = [self._name_part(identifier) for identifier in start]
        # Agents that only hand-offs name are made while those are written.
        index = 0
        connected: list[str] = []
        while index < len(self._connections):
            connected.append(self._connections[index])
            index += 1
        title = str(self._doc.get("description") or self._doc.get("name") or "A team of agents.")
        body = "\n\n".join([*self._lines, *(["\n".join(connected)] if connected else [])])
        return f"{_format_docstring(title)}\n\n{self._format_imports()}\n\n{body}\n\n\n{self._format_main(start, names)}"

    def _format_imports(self) -> str:
        plain = [f"import {module}" for module in sorted(self._modules)]
        rows = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(self._imports.items())]
        return "\n".join([*plain, *([""] if plain and rows else []), *rows])

    def _format_main(self, start: list[str], names: list[str]) -> str:
        part = self._parts[start[0]]
        lines = self._start_chat(part, names[0]) if len(start) == 1 else [f"print({_format_list(names)})"]
        body = "\n".join(f"    {line}" for line in "\n".join(lines).split("\n"))
        return f'if __name__ == "__main__":\n{body}\n'

    def _start_chat(self, part: JSONObject, name: str) -> list[str]:
        kind = part["type"]
        if kind == "two_agents":
            chat = [f"chat = dict({name})", 'sender = chat.pop("sender")', "print(sender.initiate_chat(**chat).summary)"]
            return chat if part["config"].get("sender") else [f"print({name})"]
        if kind == "sequence":
            self._import("autogen", "initiate_chats")
            return [f"for result in initiate_chats({name}):", "    print(result.summary)"]
        if kind == "pattern":
            self._import("autogen.agentchat.group", "initiate_group_chat")
            return [f'result, _, _ = initiate_group_chat({name}, input("Task: "), max_rounds=20)', "print(result.summary)"]
        if kind in (*_AGENTS, "society_of_mind", "group_chat"):
            self._import("autogen", "ConversableAgent")
            asker = 'ConversableAgent("asker", llm_config=False, human_input_mode="NEVER")'
            return [f"asker = {asker}", f'print(asker.initiate_chat({name}, message=input("Task: ")).summary)']
        return [f"print({name})"]

    # Names

    def _import(self, module: str, name: str) -> str:
        self._imports.setdefault(module, set()).add(name)
        return name

    def _name_part(self, identifier: str) -> str:
        """Return the variable of a part, which is made before if it has not been."""
        if identifier in self._variables:
            return self._variables[identifier]
        if identifier in self._unfinished:
            raise SpecError([Problem(join_pointer("/parts", identifier), "needs itself")])
        self._unfinished.append(identifier)
        expression = self._format_component(self._parts[identifier], join_pointer("/parts", identifier))
        self._unfinished.pop()
        kind, _, slug = identifier.partition(":")
        variable = self._variables[identifier] = self._make_variable(slug, kind)
        self._lines.append(f"{variable} = {expression}")
        self._connect(self._parts[identifier], variable)
        return variable

    def _make_variable(self, slug: str, kind: str) -> str:
        name = re.sub(r"\W", "_", slug, flags=re.ASCII).lower().strip("_")
        if not name or name[0].isdigit() or keyword.iskeyword(name):
            name = f"{kind}_{name}".strip("_")
        taken = {*self._variables.values(), *self._reserved}
        base, number = name, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        return name

    # Expressions

    def _format_part(self, value: Any, pointer: str) -> str:
        if value is False:
            return "False"
        return self._name_part(value["ref"]) if "ref" in value else self._format_component(value, pointer)

    def _format_parts(self, values: list[Any], pointer: str) -> str:
        return _format_list([self._format_part(value, f"{pointer}/{index}") for index, value in enumerate(values)])

    def _format_value(self, value: Any) -> str:
        """Return JSON as an expression, with secrets from the environment, and objects by their names."""
        if is_secret(value):
            self._modules.add("os")
            return f"os.environ[{value['secret']!r}]"
        if is_python_object(value):
            module, _, name = value["python"].partition(":")
            self._modules.add(module)
            return f"{module}.{name}"
        if isinstance(value, Mapping):
            return _format_list([f"{key!r}: {self._format_value(item)}" for key, item in value.items()], "{}")
        if isinstance(value, list):
            return _format_list([self._format_value(item) for item in value])
        return repr(value)

    def _format_component(self, component: JSONObject, pointer: str) -> str:
        kind, config = component["type"], component.get("config", {})
        rows: dict[str, Callable[[JSONObject, str], str]] = {
            "llm_config": self._format_model,
            "group_chat": self._format_group,
            "pattern": self._format_pattern,
            "society_of_mind": self._format_society,
            "two_agents": self._format_two,
            "sequence": lambda config, pointer: self._format_parts(config["chats"], f"{pointer}/chats"),
            "python": self._format_tool,
            "approved": self._format_approved,
            "text_mention": self._format_text_mention,
            "text_compressor": self._format_compressor,
        }
        place = join_pointer(pointer, "config")
        if kind in rows:
            return rows[kind](config, place)
        if kind in _AGENTS:
            return self._format_agent(self._import("autogen", _AGENTS[kind]), config, place, {})
        if kind in _CONDITIONS:
            name, keys = _CONDITIONS[kind]
            call = self._import("autogen.agentchat.conditions", name)
            return _format_call(call, *(repr(config[key]) for key in keys if key in config))
        if kind == "handoff":
            call = self._import("autogen.agentchat.conditions", "Handoff")
            return _format_call(call, *map(repr, config.get("targets", ())))
        if kind in ("any", "all"):
            operator = " | " if kind == "any" else " & "
            return "(" + operator.join(self._format_part(item, place) for item in config["of"]) + ")"
        if kind == "not":
            return f"~{self._format_part(config['of'], place)}"
        if kind in _EXECUTORS:
            return _format_call(self._import(*_EXECUTORS[kind]), **{key: repr(value) for key, value in config.items()})
        if kind in _CONTEXTS:
            settings = {"model": None, **config} if kind == "message_token_limiter" else config
            return _format_call(
                self._import(_TRANSFORMS, _CONTEXTS[kind]), **{key: repr(value) for key, value in settings.items()}
            )
        hint = "build the document by autogen.specs.from_spec instead"
        raise SpecError([Problem(pointer, f"a part of the type {kind!r} can't be written as a program", hint)])

    def _format_model(self, config: JSONObject, pointer: str) -> str:
        call = self._import("autogen", "LLMConfig")
        return _format_call(call, **{key: self._format_value(value) for key, value in config.items()})

    def _format_agent(self, call: str, config: JSONObject, pointer: str, named: Mapping[str, str]) -> str:
        arguments = {key: repr(config[key]) for key in agents.PLAIN_ARGUMENTS if key in config}
        arguments |= named
        for key in ("llm_config", "is_termination_msg", "model_context"):
            if config.get(key) is not None:
                arguments[key] = self._format_part(config[key], f"{pointer}/{key}")
        if config.get("code_execution") is not None:
            settings = {key: repr(value) for key, value in config["code_execution"].items() if key != "executor"}
            settings["executor"] = self._format_part(config["code_execution"]["executor"], f"{pointer}/code_execution")
            arguments["code_execution_config"] = _format_list([f"{key!r}: {text}" for key, text in settings.items()], "{}")
        elif call == "UserProxyAgent":
            arguments["code_execution_config"] = "False"
        if config.get("tools"):
            arguments["functions"] = self._format_parts(config["tools"], f"{pointer}/tools")
        if config.get("executes"):
            tools = [self._format_part(tool, f"{pointer}/executes") for tool in config["executes"]]
            arguments["function_map"] = _format_list([f"{tool}.name: {tool}" for tool in tools], "{}")
        if config.get("context_variables"):
            variables = self._import("autogen.agentchat.group", "ContextVariables")
            arguments["context_variables"] = f"{variables}({self._format_value(config['context_variables'])})"
        if config.get("concurrent_tool_calls"):
            arguments["concurrent_tool_calls"] = "True"
        return _format_call(call, repr(config["name"]), **arguments)

    def _connect(self, part: JSONObject, variable: str) -> None:
        """Write what refers to other agents, after all have been made."""
        config = part.get("config", {})
        for index, tool in enumerate(config.get("offers", ())):
            self._connections.append(f"{self._format_part(tool, f'/offers/{index}')}.register_for_llm({variable})")
        if part["type"] == "society_of_mind":
            self._connections.append(
                f"{variable}.update_chat_manager({self._format_part(config['chat_manager'], '/chat_manager')})"
            )
        for handoff in config.get("handoffs", ()):
            self._connections.append(f"{variable}.handoffs.{self._format_handoff(handoff)}")

    def _format_target(self, config: JSONObject) -> str:
        if config.get("to") is not None:
            return f"{self._import('autogen.agentchat.group', 'AgentTarget')}({self._format_part(config['to'], '/to')})"
        return f"{self._import('autogen.agentchat.group', handoffs.TARGETS[config['target']])}()"

    def _format_handoff(self, config: JSONObject) -> str:
        module = "autogen.agentchat.group"
        target = self._format_target(config)
        expression = None
        if config.get("if") is not None:
            expression = f"{self._import(module, 'ContextExpression')}({config['if']!r})"
        if config.get("when") is not None:
            condition = f"{self._import(module, 'StringLLMCondition')}({config['when']!r})"
            call = self._import(module, "OnCondition")
            if expression is None:
                return f"add_llm_condition({_format_call(call, target, condition)})"
            available = f"{self._import(module, 'ExpressionAvailableCondition')}({expression})"
            return f"add_llm_condition({_format_call(call, target, condition, available=available)})"
        condition = "None" if expression is None else f"{self._import(module, 'ExpressionContextCondition')}({expression})"
        rule = _format_call(self._import(module, "OnContextCondition"), target, condition)
        return f"{'add_after_work' if config.get('after_reply') else 'add_context_condition'}({rule})"

    def _format_society(self, config: JSONObject, pointer: str) -> str:
        call = self._import("autogen.agentchat.contrib.society_of_mind_agent", "SocietyOfMindAgent")
        named = {"chat_manager": "None"}
        if "response_prompt" in config:
            named["response_preparer"] = repr(config["response_prompt"])
        return self._format_agent(call, config, pointer, named)

    def _format_manager(self, config: JSONObject, pointer: str) -> dict[str, str]:
        arguments = {key: repr(config[key]) for key in ("name", "system_message") if key in config}
        for key in ("llm_config", "is_termination_msg"):
            if config.get(key) is not None:
                arguments[key] = self._format_part(config[key], f"{pointer}/{key}")
        return arguments

    def _format_group(self, config: JSONObject, pointer: str) -> str:
        named = {key: repr(config[key]) for key in (*chats.PLAIN_ARGUMENTS, "transitions_type") if key in config}
        if "transitions_type" in named:
            named["speaker_transitions_type"] = named.pop("transitions_type")
        if "speaker_selection_method" in config:
            named["speaker_selection_method"] = self._format_value(config["speaker_selection_method"])
        repeat = config.get("allow_repeat_speaker")
        if repeat is not None:
            named["allow_repeat_speaker"] = self._format_parts(repeat, pointer) if isinstance(repeat, list) else repr(repeat)
        if config.get("transitions") is not None:
            rows = [
                f"{self._format_part(row['after'], pointer)}: {self._format_parts(row['speakers'], pointer)}"
                for row in config["transitions"]
            ]
            named["allowed_or_disallowed_speaker_transitions"] = _format_list(rows, "{}")
            named.setdefault("speaker_transitions_type", "'allowed'")
        members = self._format_parts(config["agents"], f"{pointer}/agents")
        group = _format_call(self._import("autogen", "GroupChat"), members, **named)
        if config.get("manager") is False:
            return group
        arguments = self._format_manager(config.get("manager", {}), f"{pointer}/manager")
        return _format_call(self._import("autogen", "GroupChatManager"), group, **arguments)

    def _format_pattern(self, config: JSONObject, pointer: str) -> str:
        call = self._import("autogen.agentchat.group.patterns", patterns.CLASSES[config.get("selection", "default")])
        named = {
            "initial_agent": self._format_part(config["initial_agent"], pointer),
            "agents": self._format_parts(config["agents"], pointer),
        }
        if config.get("user_agent") is not None:
            named["user_agent"] = self._format_part(config["user_agent"], pointer)
        if config.get("manager") is not None:
            arguments = self._format_manager(config["manager"], f"{pointer}/manager")
            named["group_manager_args"] = _format_list([f"{key!r}: {text}" for key, text in arguments.items()], "{}")
        if config.get("context_variables"):
            variables = self._import("autogen.agentchat.group", "ContextVariables")
            named["context_variables"] = f"{variables}({self._format_value(config['context_variables'])})"
        if config.get("group_after_work") is not None:
            named["group_after_work"] = self._format_target(config["group_after_work"])
        for key in ("selection_message", "exclude_transit_message", "summary_method"):
            if key in config:
                named[key] = self._format_value(config[key])
        return _format_call(call, **named)

    def _format_two(self, config: JSONObject, pointer: str) -> str:
        rows = [
            f"{key!r}: {self._format_part(value, pointer) if key in ('sender', 'recipient') else self._format_value(value)}"
            for key, value in config.items()
        ]
        return _format_list(rows, "{}")

    def _format_tool(self, config: JSONObject, pointer: str) -> str:
        named = {key: repr(config[key]) for key in ("name", "description", "reflect", "approve") if key in config}
        return _format_call(
            self._import("autogen.tools", "Tool"), func_or_tool=self._format_value(config["function"]), **named
        )

    def _format_approved(self, config: JSONObject, pointer: str) -> str:
        call = self._import("autogen.coding.approval", "ApprovedCodeExecutor")
        return _format_call(call, self._format_part(config["executor"], pointer), repr(config.get("by", "human")))

    def _format_text_mention(self, config: JSONObject, pointer: str) -> str:
        call = self._import("autogen.agentchat.conditions", "TextMention")
        named = {"sources": repr(config["sources"])} if config.get("sources") is not None else {}
        if config.get("pattern") is None:
            return _format_call(call, repr(config["text"]), **named)
        self._modules.add("re")
        return _format_call(call, f"re.compile({config['pattern']!r})", **named)

    def _format_compressor(self, config: JSONObject, pointer: str) -> str:
        compressor = self._import("autogen.agentchat.contrib.capabilities.text_compressors", "ExtractiveCompressor")
        named = {key: repr(value) for key, value in config.items()}
        return _format_call(self._import(_TRANSFORMS, "TextMessageCompressor"), f"{compressor}()", **named)


def _format_docstring(text: str) -> str:
    """Return a text as the docstring of a module."""
    line = " ".join(text.split())
    return f'"""{line}"""' if line.isprintable() and not set('"\\') & set(line) else repr(line)
