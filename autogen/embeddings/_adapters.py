"""One form for all that programs pass as an embedding function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from .._extras import require
from .._mistakes import suggest
from .._steps import Steps, get_callable_name, invoke, run_async, run_sync, sync_and_async, wrap_in_thread
from ..oai._endpoints.provider_registry import PROVIDERS
from ._base import MeasuredEmbedder
from ._endpoint import EndpointEmbedder
from ._local import ALIASES, LocalEmbedder
from ._vectors import check_texts, make_matrix, require_numpy

if TYPE_CHECKING:
    from ._vectors import Matrix

# So many texts are passed to a function at once: more would need memory and show no progress.
BATCH_SIZE = 256


@runtime_checkable
class Embedder(Protocol):
    """A source of embeddings. Any object with these attributes is accepted.

    Methods `a_embed` and `a_embed_queries` are optional; without them async callers run the sync ones in a thread.
    """

    @property
    def identity(self) -> str:
        """Name of the model, which a store records: vectors of different models can't be compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a unit vector for each text, as the rows of a float32 matrix."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """Return the vectors of questions. Some models make them differently from those of the texts searched."""
        ...


def get_embedder(
    source: object = None, *, llm_config: Mapping[str, Any] | Literal[False] | None = None, identity: str | None = None
) -> Embedder:
    """Return an embedder for anything that programs pass as an embedding function.

    Args:
        source: One of

            - `"local"`: all-MiniLM-L6-v2, computed on this machine, which needs the extra `embeddings`;
            - `"openai:text-embedding-3-small"`: a provider and a model of its embeddings API; credentials are those of the
              entry of `llm_config` for that provider, or from the environment;
            - a config with an `embedding_model`, or whose `model` makes embeddings;
            - a function of a list of texts, such as `SentenceTransformer(...).encode`, sync or async;
            - an embedding function of Chroma;
            - an object with `embed_documents` and `embed_query`;
            - an `Embedder`;
            - any other name: a model of the package `sentence-transformers`, which must be installed;
            - None: the `embedding_model` of `llm_config`, else `"local"`.
        llm_config: Config of the agent that the embedder works for.
        identity: Name of the model, for functions whose name says nothing about it.

    Raises:
        TypeError: if the source is something else.
        ValueError: if the provider is unknown, or a config has no model.
        ImportError: if a package is not installed.
    """
    if source is None:
        config = llm_config or {}
        entries = [config, *(config.get("config_list") or ())]
        source = config if any(entry.get("embedding_model") for entry in entries) else "local"
    if isinstance(source, str):
        return _get_named_embedder(source, llm_config or {})
    if isinstance(source, Mapping):
        return _get_configured_embedder(source)
    if isinstance(source, Embedder):
        return source
    if not hasattr(source, "embed_documents") and not hasattr(source, "encode") and not callable(source):
        raise TypeError(
            "An embedding function must be a function of a list of texts, an object with embed_documents or encode, a "
            f'config, "local" or "openai:<model>", got {type(source).__name__}.'
        )
    return FunctionEmbedder(source, identity)


def embed_step(embedder: Embedder, texts: Sequence[str], *, queries: bool = False) -> Steps[Matrix]:
    """Return the vectors of texts within a step: async callers of an endpoint wait for it, others use a thread.

    Args:
        embedder: The embedder.
        texts: The texts.
        queries: True for questions, False for the texts that are searched.
    """
    name = "embed_queries" if queries else "embed"
    embed: Callable[[Sequence[str]], Matrix] = getattr(embedder, name)
    matrix: Matrix = yield from invoke(embed, getattr(embedder, f"a_{name}", None) or wrap_in_thread(embed), texts)
    return matrix


def _get_named_embedder(name: str, llm_config: Mapping[str, Any]) -> Embedder:
    if name.lower() in ALIASES:
        return LocalEmbedder()
    vendor, colon, model = name.partition(":")
    if not colon:
        package = require("sentence_transformers", feature=f"The embedding model {name!r} of another package")
        return FunctionEmbedder(package.SentenceTransformer(name))
    vendor = vendor.lower()
    if vendor not in PROVIDERS or not model:
        hint = suggest(vendor, PROVIDERS)
        raise ValueError(f'An embedding model must be "local" or "<provider>:<model>", got {name!r}.{hint}')
    entries = [entry for entry in llm_config.get("config_list") or [llm_config] if entry.get("model")]
    same = [entry for entry in entries if str(entry.get("api_type") or "openai").lower() == vendor]
    settings = {key: value for key, value in llm_config.items() if key not in ("config_list", "embedding_model")}
    config_list = [{**entry, "embedding_model": model} for entry in same] or [
        {"api_type": vendor, "model": model, "embedding_model": model}
    ]
    return EndpointEmbedder({**settings, "config_list": config_list} if same else {"config_list": config_list})


def _get_configured_embedder(config: Mapping[str, Any]) -> Embedder:
    entries = [config, *(config.get("config_list") or ())]
    if any(entry.get("embedding_model") for entry in entries):
        return EndpointEmbedder(config)
    # A config of its own: its model makes embeddings.
    model = next((entry["model"] for entry in entries if entry.get("model")), None)
    if model is None:
        raise ValueError('A config of embeddings must have a "model" or an "embedding_model".')
    return EndpointEmbedder({**config, "embedding_model": model})


class FunctionEmbedder(MeasuredEmbedder):
    """An embedder over a function of a program, or over an object of another package.

    Args:
        source: Function, or object with `embed_documents` or `encode`.
        identity: Name of the model; None for one made of the names of the function, or of the model that it knows.
    """

    def __init__(self, source: Any, identity: str | None = None) -> None:
        require_numpy()
        self.identity = identity or _describe_source(source)
        documents = getattr(source, "embed_documents", None)
        function = documents or (source if callable(source) else source.encode)
        self._functions = sync_and_async(function, blocks=True)
        query = getattr(source, "embed_query", None)
        if documents and query:
            # LangChain's objects take questions singly.
            self._query_functions = sync_and_async(lambda texts: [query(text) for text in texts], blocks=True)
        else:
            self._query_functions = sync_and_async(query, blocks=True) if query else self._functions

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a unit vector for each text, as the rows of a matrix.

        Raises:
            ValueError: if the function doesn't return a vector for each text.
        """
        return run_sync(self._embed(self._functions, texts))

    async def a_embed(self, texts: Sequence[str]) -> Matrix:
        """Async version of `embed`."""
        return await run_async(self._embed(self._functions, texts))

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """Return the vectors of questions, by the function for them if there is one."""
        return run_sync(self._embed(self._query_functions, texts))

    async def a_embed_queries(self, texts: Sequence[str]) -> Matrix:
        """Async version of `embed_queries`."""
        return await run_async(self._embed(self._query_functions, texts))

    def _embed(self, functions: tuple[Callable[..., Any], Callable[..., Any]], texts: Sequence[str]) -> Steps[Matrix]:
        np = require_numpy()
        texts = check_texts(texts)
        matrices = []
        for start in range(0, len(texts), BATCH_SIZE):
            batch = texts[start : start + BATCH_SIZE]
            vectors = yield from invoke(*functions, batch)
            matrices.append(self._measure(make_matrix(vectors, len(batch), self.identity)))
        whole: Matrix = np.concatenate(matrices) if matrices else np.zeros((0, self.dimension), dtype=np.float32)
        return whole


def _describe_source(source: Any) -> str:
    """Return the name of the model behind an embedding function, as far as it can be known."""
    if isinstance(source, partial) or (inspect.isroutine(source) and not inspect.ismethod(source)):
        return f"function:{getattr(source, '__qualname__', None) or get_callable_name(source)}"
    owner = source.__self__ if inspect.ismethod(source) else source
    model = _find_model_name(owner)
    if model and model.rpartition("/")[2].lower() in ALIASES:
        return LocalEmbedder.identity
    return f"{type(owner).__name__}:{model}" if model else type(owner).__name__


def _find_model_name(owner: Any) -> str:
    holders = [owner, getattr(owner, "tokenizer", None)]
    for holder in holders:
        for attribute in ("model_name", "MODEL_NAME", "model", "_model_name", "name_or_path"):
            name = getattr(holder, attribute, None)
            if isinstance(name, str) and name:
                return name
    return ""
