"""Time and memory of qifjax and of its peers at the same work.

``python -m benchmarks.peers`` measures; README.md says what and how. Modules whose name
begins with a peer's run in that peer's environment: they, :mod:`tasks`, :mod:`neurons`,
:mod:`serving` and :mod:`process_memory` import nothing of qifjax.
"""
