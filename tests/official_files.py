"""Official files in small, damage to them, and that it is refused by name."""

import dataclasses
import hashlib

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from qifjax import data
from qifjax.data.archives import Archive

fuzz = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Where a file is cut, or which byte of it gets another value.
mutations = st.tuples(st.booleans(), st.floats(0, 0.999), st.integers(1, 255))


def mutate(intact, mutation):
    cut, place, change = mutation
    place = int(place * len(intact))
    if cut:
        return intact[:place]
    return intact[:place] + bytes([intact[place] ^ change]) + intact[place + 1 :]


def read_or_refused(name, read, *arguments):
    """What is read, or None where one error that names the file refuses it."""
    try:
        return read(*arguments)
    except data.DataError as error:
        message = str(error)
    assert str(name) in message
    return None


def images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def published(official, folder):
    """The same data set, whose official files are those of a folder."""
    archives = tuple(
        Archive(a.name, hashlib.md5((folder / a.name).read_bytes()).hexdigest())
        for a in official.archives
    )
    return dataclasses.replace(official, source=str(folder), archives=archives)


def contents(dataset):
    pairs = zip(dataset.inputs, dataset.labels, strict=True)
    return {(x.tobytes(), int(y)) for x, y in pairs}
