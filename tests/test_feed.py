"""Batches from the host are those that a set on the device would give."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.feed import OnDevice, OnHost
from qifjax.data.dataset import Dataset, Description
from qifjax.parallel import layout
from qifjax.training import TrainState

SIZE, BATCHES = 4, 3


def dataset(number):
    inputs = np.arange(number * 2 * 2, dtype=np.uint8).reshape(number, 2, 2, 1)
    description = Description("counted", "train", "all", "nowhere", "")
    labels = np.arange(number, dtype=np.int32) + 100
    return Dataset(inputs, labels, ("one",), description)


def at(step):
    return TrainState(jnp.int32(step), None, None, None, None)


def batch(examples, order, step):
    """What the program of training makes of a feed at a step."""
    start = step % (len(examples.labels) // SIZE) * SIZE
    chosen = order[start : start + SIZE]
    return np.asarray(examples.inputs)[chosen], np.asarray(examples.labels)[chosen]


# An epoch of 30 examples has 7 steps. Each (step, steps) is a call; some are in a row,
# some repeat, go back or ask for less than was gathered ahead.
@pytest.mark.parametrize(
    "calls",
    [
        [(0, 3), (3, 3), (6, 1), (7, 3)],
        [(8, 3), (8, 3), (9, 2), (13, 1)],
        [(0, 1), (1, 2), (3, 1), (4, 3), (0, 3)],
    ],
)
def test_every_step_finds_its_batch(calls):
    rng = np.random.default_rng(0)
    orders = [rng.permutation(30).astype(np.int32) for _ in range(3)]
    arguments = layout(), dataset(30), dataset(10)
    there, here = OnDevice(*arguments), OnHost(*arguments, SIZE, BATCHES)
    for step, steps in calls:
        order = jnp.asarray(orders[step // 7])
        for each in range(step, step + steps):
            expected = batch(*there.training(at(step), order, steps), each)
            found = batch(*here.training(at(step), order, steps), each)
            for mine, theirs in zip(found, expected, strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_evaluation_comes_in_parts():
    here = OnHost(layout(), dataset(30), dataset(30), SIZE, BATCHES)
    parts = list(here.evaluation())
    assert [number for number, _ in parts] == [12, 12, 6]
    labels = np.concatenate([examples.labels for _, examples in parts])
    np.testing.assert_array_equal(labels, dataset(30).labels)
    ((number, whole),) = OnDevice(layout(), dataset(30), dataset(30)).evaluation()
    assert number == len(whole.labels) == 30
