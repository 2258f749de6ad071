"""Fetching of addresses that came from a model, a page or a document: one function, which lets nobody reach inside.

A model or a page may name any address: the machine's own services, the router, the credentials that a cloud hands to its
machines. `fetch` connects to public addresses only, unless a policy allows more, and to those alone that it has checked: a
name that resolves to something else a moment later gains nothing. Redirects are checked one by one, and time, size and the
size after decompression are limited.

>>> from autogen.fetching import AddressRefused, FetchPolicy, fetch
>>> try:
...     fetch("http://169.254.169.254/latest/meta-data/")
... except AddressRefused as error:
...     print(error)
http://169.254.169.254/latest/meta-data/ is not fetched: 169.254.169.254 hands out the credentials of cloud machines.
>>> policy = FetchPolicy(allow_private=["wiki.internal"], max_bytes=1_000_000, timeout=10)
>>> page = fetch("http://wiki.internal/start", policy=policy)  # doctest: +SKIP
"""

from __future__ import annotations

from ._errors import AddressRefused, FetchError, FetchTimeout, ResourceTooLarge, StatusError, UnexpectedContent
from ._fetch import a_fetch, fetch
from ._policy import FetchPolicy, get_default_policy, set_default_policy
from ._resource import FetchedResource

__all__ = [
    "AddressRefused",
    "FetchError",
    "FetchPolicy",
    "FetchTimeout",
    "FetchedResource",
    "ResourceTooLarge",
    "StatusError",
    "UnexpectedContent",
    "a_fetch",
    "fetch",
    "get_default_policy",
    "set_default_policy",
]
