"""Search in texts by meaning and by words: the ranking of results, and an index in a file.

`TextIndex` keeps texts, their metadata and vectors in an SQLite file. It knows nothing of embedding models: whoever uses it
passes the vectors.

>>> from autogen.retrieval import IndexEntry, TextIndex
>>> notes = TextIndex(None).create_collection("notes")
>>> notes.add([IndexEntry("1", "Lucy hides the keys in a jar."), IndexEntry("2", "The oven is too hot.")])
['1', '2']
>>> [hit.id for hit in notes.search("Where are the keys?")]
['1']

The vectors need numpy, which the extra `rag` installs.
"""

from __future__ import annotations

from ._collection import IndexCollection
from ._errors import EmbedderMismatch, IndexFileError
from ._identifiers import find_identifiers
from ._keywords import score_keywords, split_query
from ._matrix import to_unit
from ._ranking import (
    COMMON_IDENTIFIER_WEIGHT,
    IDENTIFIER_WEIGHT,
    KEYWORD_WEIGHT,
    RARE_IDENTIFIER_WEIGHT,
    choose_keyword_weight,
    rank_hybrid,
)
from ._records import IndexEntry, IndexHit, SearchMode
from .text_index import TextIndex

__all__ = [
    "COMMON_IDENTIFIER_WEIGHT",
    "EmbedderMismatch",
    "IDENTIFIER_WEIGHT",
    "IndexCollection",
    "IndexEntry",
    "IndexFileError",
    "IndexHit",
    "KEYWORD_WEIGHT",
    "RARE_IDENTIFIER_WEIGHT",
    "SearchMode",
    "TextIndex",
    "choose_keyword_weight",
    "find_identifiers",
    "rank_hybrid",
    "score_keywords",
    "split_query",
    "to_unit",
]
