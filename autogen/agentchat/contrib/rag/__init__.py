"""Engines that answer questions from documents, under AG2's names."""

from typing import TYPE_CHECKING

from ...._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from .query_engine import RAGQueryEngine as RAGQueryEngine
    from .vector_db_query_engine import ChromaDBQueryEngine as ChromaDBQueryEngine
    from .vector_db_query_engine import Citation as Citation
    from .vector_db_query_engine import VectorChromaQueryEngine as VectorChromaQueryEngine
    from .vector_db_query_engine import VectorDBQueryEngine as VectorDBQueryEngine

# Read by the interpreter on first use of a name.
_HOME = {
    "ChromaDBQueryEngine": "vector_db_query_engine",
    "Citation": "vector_db_query_engine",
    "RAGQueryEngine": "query_engine",
    "VectorChromaQueryEngine": "vector_db_query_engine",
    "VectorDBQueryEngine": "vector_db_query_engine",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
