r"""Documents as text and as chunks: which files, how each format is read, and where a text may be divided.

>>> from autogen._documents.chunks import split_document
>>> from autogen._documents.readers import make_document
>>> document = make_document("# Tea\n\nBoil water.\n\n## Green\n\nWait a minute.\n", kind="markdown")
>>> [(chunk.label, chunk.text) for chunk in split_document(document, 8, len)][-1]
('Tea > Green', 'minute.')
"""
