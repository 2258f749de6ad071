"""Vector stores: texts that are found by meaning, in a file of this package or in a database.

>>> from autogen.agentchat.contrib.vectordb.base import VectorDBFactory
>>> store = VectorDBFactory.create_vector_db("local", path="tmp/db")  # doctest: +SKIP
"""
