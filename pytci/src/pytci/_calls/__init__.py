"""Every call of the REST API, described once: method, path, body, and how to read the answer.

The public functions are the methods of `PyTCI` and `AsyncPyTCI`, with their signatures and docstrings;
tools/make_methods.py writes those methods from them into `_sync/` and `_async/`.
"""
