"""The structure of the package: layers, import cycles, the size of modules, and steps that nobody runs."""

import ast
from collections import Counter, defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest
from package_source import FILES, FUNCTIONS, PACKAGES, ROOT, TREES, find_imports

# All of the package is parsed.
pytestmark = pytest.mark.slow

LAYERS = """
    __main__                             python -m autogen
    _cli                                 the command line
    __init__                             the names of `import autogen`
    serving                              teams behind an address
    distributed                          many chats at once
    bench                                benchmarks of chats
    _teams                               functions and documents that make teams, and their chats
    agents                               AG2's ready-made agents, under its paths
    terminal, testing, opentelemetry     a live view of chats, test doubles for models, and AG2's functions for spans
    _components                          agents, chats, tools and others in documents
    mcp, a2a                             clients of MCP servers, and of agents on other machines
    tracing, recording                   spans, the events of a checkpoint
    retrieve_utils                       documents for retrieval, as 0.2 read them
    agentchat, _terminal                 agents and chats, and the lines that views show of them
    code_utils                           the classic functions that extract and run code
    _code_writing                        the classic functions that ask a model for code
    specs                                agents and teams as documents
    memory, skills                       what agents remember, and folders of instructions
    embeddings                           vectors of texts
    llm_config, graph_utils              `LLMConfig`, and speaker transitions as a graph
    math_utils                           answers of maths problems
    oai                                  models: config lists, endpoints, requests, cost
    token_count_utils                    counting tokens
    operations                           everything that leaves the framework: events, journal, control and log in one
    _journal, runtime_logging            checkpoints, and the database of requests
    interop                              tools of other frameworks
    tools                                tools as objects, and AG2's ready-made tools
    environments                         AG2's environments for code
    coding, cache, function_utils        executors, caches of responses, schemas of functions
    _pydantic                            names of 0.2 for pydantic
    io, control, logger, _functions      consoles, stopping a chat, backends of the runtime log, parts of function_utils
    messages                             events under their names of AG2 0.7
    events                               what happens in chats
    _documents                           documents as text, in chunks
    browser_utils                        web pages and documents as Markdown, and web search
    browser                              a real browser, behind a proxy
    fetching                             addresses of strangers, fetched safely
    _steps, _secret_string               one logic for sync and async callers, and a string with a masked `repr`
    _threads, _secrets, _jsonable        threads with a timeout, secrets by key, values as JSON
    retrieval                            search by meaning and by words
    extensions                           packages of others that add models, executors, caches and commands
    _images                              pictures: formats, conversion, storage, and the files that may be opened
    _lazy_imports, _mistakes             names that are loaded on first use, and words for mistakes
    _untrusted                           text from outside: cleaned, shortened and marked
    _tokens, _models                     tokens of texts, images and tools; abilities, prices and context lengths of models
    import_utils                         optional imports of contributed code
    _extras, _sqlite_guard               optional packages, and SQLite files of strangers
    _body_limits                         HTTP bodies of limited size
    _folders                             the folder of files that are kept, and their replacement
    exception_utils, formatting_utils    exceptions, and coloured text
    types, version                       types of messages and configs, and the version
"""
"""The modules and packages of `autogen`, each with its purpose. A name imports those in the lines below its own."""

PUBLIC = """
    autogen                  code_utils control exception_utils formatting_utils function_utils graph_utils
                             extensions import_utils math_utils operations recording retrieve_utils runtime_logging
                             terminal token_count_utils tracing types version
    autogen.a2a              client errors
    autogen.agents.experimental.reasoning  reasoning_agent
    autogen.agentchat        agent approvals assistant_agent chat conditions conversable_agent diagram eligibility_policy
                             groupchat guardrails model_context realtime user_proxy_agent utils
    autogen.agentchat.contrib  agent_builder agent_optimizer compressible_agent gpt_assistant_agent img_utils
                             llamaindex_conversable_agent llava_agent math_user_proxy_agent
                             multimodal_conversable_agent openai_responses_agent qdrant_retrieve_user_proxy_agent
                             reasoning_agent retrieve_assistant_agent retrieve_user_proxy_agent
                             society_of_mind_agent swarm_agent teachable_agent text_analyzer_agent web_surfer
    autogen.agentchat.contrib.agent_eval  agent_eval critic_agent criterion quantifier_agent subcritic_agent task
    autogen.agentchat.contrib.capabilities  agent_capability context_handling generate_images memory plan skills
                             teachability text_compressors tools_capability transform_messages transforms transforms_util
                             vision_capability
    autogen.agentchat.contrib.captainagent  captainagent tool_retriever
    autogen.agentchat.contrib.graph_rag  document graph_query_engine graph_rag_capability sqlite_graph_query_engine
    autogen.agentchat.contrib.rag  query_engine vector_db_query_engine
    autogen.agentchat.contrib.vectordb  base chromadb couchbase lancedb local mongodb pgvectordb qdrant store utils
    autogen.agentchat.group  available_condition chat conditions context_condition context_expression context_str
                             context_variables group_utils guardrails handoffs llm_condition multi_agent_chat
                             on_condition on_context_condition reply_result selector speaker_selection_result
    autogen.agentchat.group.events    transition_events
    autogen.agentchat.group.patterns  auto manual pattern random round_robin
    autogen.agentchat.group.safeguards  api enforcer events
    autogen.agentchat.group.targets   function_target group_chat_target group_manager_target transition_target
    autogen.bench            cases evaluation readers report scorers statistics suites systems
    autogen.browser_utils    abstract_markdown_browser markdown_search mdconvert playwright_markdown_browser
                             requests_markdown_browser selenium_markdown_browser simple_text_browser
    autogen.cache            abstract_cache_base cache cache_factory cosmos_db_cache disk_cache in_memory_cache redis_cache
    autogen.coding           approval base docker_commandline_code_executor factory func_with_reqs
                             local_commandline_code_executor markdown_code_extractor
                             sandboxed_commandline_code_executor utils
    autogen.coding.azure     sessions_code_executor
    autogen.coding.jupyter   base docker_jupyter_server embedded_ipython_code_executor jupyter_client
                             jupyter_code_executor local_jupyter_server
    autogen.coding.kubernetes  pod_commandline_code_executor
    autogen.environments     docker_python_environment python_environment system_python_environment
                             venv_python_environment working_directory
    autogen.events           agent_events base_event client_events helpers print_event
    autogen.interop          interoperability interoperable messages04 registry
    autogen.interop.crewai   crewai
    autogen.interop.langchain  langchain_chat_model_factory langchain_tool
    autogen.interop.litellm  litellm_config_factory
    autogen.interop.pydantic_ai  pydantic_ai
    autogen.io               base console queue_stream run_response step_controller thread_io_stream
                             websockets
    autogen.io.processors    base console_event_processor
    autogen.llm_config       client config entry utils
    autogen.logger           base_logger file_logger logger_factory logger_utils sqlite_logger
    autogen.messages         agent_messages base_message client_messages print_message
    autogen.oai              abilities anthropic bedrock cerebras client client_utils cohere completion errors gemini groq
                             mistral ollama openai_responses openai_utils providers rate_limiters together
    autogen.mcp              errors mcp_client
    autogen.opentelemetry.instrumentators  agent llm_wrapper pattern
    autogen.memory           store
    autogen.retrieval        text_index
    autogen.skills           errors
    autogen.serving          runs
    autogen.specs            errors fields
    autogen.testing          kit messages plugin prefixes test_agent
    autogen.tools            dependency_injection function_utils openapi tool toolkit
    autogen.tools.experimental  code_execution searxng
    autogen.tools.experimental.duckduckgo  duckduckgo_search
    autogen.tools.experimental.google_search  google_search youtube_search
    autogen.tools.experimental.messageplatform.discord  discord
    autogen.tools.experimental.messageplatform.slack  slack
    autogen.tools.experimental.perplexity  perplexity_search
    autogen.tools.experimental.tavily  tavily_search
    autogen.tools.experimental.wikipedia  wikipedia
"""
"""The modules that programs import, by package. Every other module is private."""

MAX_PRIVATE = 15
MAX_LINES = 600
MAX_FUNCTION_LINES = 60


def parse_layers(text):
    """Return `{name: height}`: the lowest line has height 0."""
    rows = [row.strip().split("  ")[0] for row in reversed(text.strip().splitlines())]
    return {name.strip(): height for height, row in enumerate(rows) for name in row.split(",")}


def parse_public(text):
    """Return `{package: names of its public modules}`."""
    public = defaultdict(set)
    for word in text.split():
        if word.startswith("autogen"):
            package = word
        else:
            public[package].add(word)
    return public


def get_layer(module):
    """Return the name in `LAYERS` that a module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def is_private(module):
    return any(part.startswith("_") for part in module.split("."))


def find_cycle(graph):
    """Return a cycle of a graph as text; None if it has none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return None


def test_every_module_has_a_layer():
    assert set(parse_layers(LAYERS)) == {get_layer(module) for module in TREES}


def test_imports_run_downward():
    heights = parse_layers(LAYERS)
    upward = {
        f"{module}:{line} imports {target}"
        for module in TREES
        for target, line in find_imports(module)
        if get_layer(target) != get_layer(module) and heights.get(get_layer(target), 0) >= heights[get_layer(module)]
    }
    assert not upward


def test_the_map_in_contributing_names_every_module():
    guide = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = {path.relative_to(ROOT).parts[0] for path in FILES.values()}
    names = {part if part.endswith(".py") else f"{part}/" for part in parts}
    assert not {name for name in names if f"`{name}`" not in guide}


def test_modules_form_no_import_cycle():
    assert not find_cycle({module: {target for target, _ in find_imports(module)} for module in TREES})


def make_part_graph(package):
    """Return the imports between the parts of a package: the modules and packages directly inside it."""
    depth = package.count(".") + 1
    graph = defaultdict(set)
    for module in TREES:
        if module.startswith(f"{package}."):
            part = module.split(".")[depth]
            targets = {target for target, _ in find_imports(module) if target.startswith(f"{package}.")}
            graph[part] |= {target.split(".")[depth] for target in targets} - {part}
    return graph


def test_the_parts_of_a_package_form_no_import_cycle():
    cycles = {package: find_cycle(make_part_graph(package)) for package in PACKAGES}
    assert not {package: cycle for package, cycle in cycles.items() if cycle}


def test_the_public_modules_are_those_listed():
    modules = defaultdict(set)
    for module in set(TREES) - PACKAGES:
        if not is_private(module):
            package, _, name = module.rpartition(".")
            modules[package].add(name)
    assert modules == parse_public(PUBLIC)


def test_no_package_has_many_private_modules():
    private = Counter(
        module.rpartition(".")[0] for module in set(TREES) - PACKAGES if is_private(module) and "__main__" not in module
    )
    assert not {package: count for package, count in private.items() if count > MAX_PRIVATE}


def test_modules_and_functions_are_short():
    assert not [module for module, path in FILES.items() if path.read_text(encoding="utf-8").count("\n") > MAX_LINES]
    long = []
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                docstring = len((ast.get_docstring(node, clean=False) or "").splitlines())
                if node.end_lineno - node.lineno - docstring >= MAX_FUNCTION_LINES:
                    long.append(f"{module}:{node.lineno}: {node.name}")
    assert not long, f"they do not fit on a screen: {long}"


def find_functions(tree, *, steps):
    """Return the names of the functions that are steps, or of those that are not."""
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    return {node.name for node in functions if ast.unparse(node.returns or node).startswith("Steps[") == steps}


@cache
def find_steps():
    """Return the names of all functions that are steps."""
    return set().union(*(find_functions(tree, steps=True) for tree in TREES.values()))


def get_called_name(function: ast.expr) -> str | None:
    """Return the name of a called function of a module of ours, or method of the object itself; others may be namesakes."""
    if isinstance(function, ast.Name):
        return function.id
    owner = function.value if isinstance(function, ast.Attribute) else None
    is_ours = isinstance(owner, ast.Name) and (owner.id == "self" or owner.id.startswith("_"))
    return function.attr if is_ours else None


def find_unrun_steps(module):
    """Yield the calls of steps that nobody runs."""
    variables = {
        node.id for node in ast.walk(TREES[module]) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    parameters = {node.arg for node in ast.walk(TREES[module]) if isinstance(node, ast.arg)}
    namesakes = find_functions(TREES[module], steps=False) | variables | parameters
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = get_called_name(node.value.func)
            if name in find_steps() - namesakes:
                yield f"{module}:{node.lineno}: {name}()"


def test_no_step_is_left_unrun():
    """A generator that nobody runs does nothing, silently: every step stands behind `yield from` or in a driver."""
    assert not [call for module in TREES for call in find_unrun_steps(module)]


def find_public_definitions(tree):
    """Yield the public functions and classes: not those in functions, nor in private classes."""
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from find_public_definitions(node)


def find_overrides(tree):
    """Return the methods that a base class in the same module documents."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    bases = {name: [ast.unparse(base) for base in node.bases] for name, node in classes.items()}
    documented = {
        (name, method.name)
        for name, node in classes.items()
        for method in node.body
        if isinstance(method, FUNCTIONS) and ast.get_docstring(method)
    }
    return {
        method
        for name, node in classes.items()
        for method in node.body
        if isinstance(method, FUNCTIONS) and any((base, method.name) in documented for base in bases[name])
    }


def find_undocumented(module):
    """Yield the public definitions without a docstring."""
    overrides = find_overrides(TREES[module])
    for node in find_public_definitions(TREES[module]):
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        # a setter is documented by its getter
        is_setter = any(name.endswith(".setter") for name in decorators)
        if node not in overrides and not is_setter and not ast.get_docstring(node):
            yield f"{module}:{node.lineno}: {node.name}"


def test_public_definitions_have_docstrings():
    assert not [definition for module in TREES for definition in find_undocumented(module)]


def find_foreign_private_reads(module):
    """Yield the places where a module reads a private attribute of an object that is not its own."""
    tree = TREES[module]
    imported = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    own = {"self", "cls", *imported, *classes}
    for node in ast.walk(tree):
        is_private_name = isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__")
        # a named tuple has public methods that begin with an underscore
        if is_private_name and node.attr not in ("_asdict", "_replace"):
            owner = ast.unparse(node.value)
            if isinstance(node.ctx, ast.Load) and owner not in own and not owner.startswith(("super(", "type(self)")):
                yield f"{FILES[module].name}:{node.lineno}: {owner}.{node.attr}"


def test_private_attributes_are_read_by_their_owner():
    reads = [read for module in sorted(TREES) for read in find_foreign_private_reads(module)]
    assert len(reads) < 60, "\n".join(reads)
