"""Prefetched batches: every example once, in an order to be resumed and shared."""

import itertools
import json

import jax
import numpy as np
import pytest

from qifjax.data import DataError, Dataset, Description
from qifjax.data.prefetch import PrefetchedBatches, take

pytest.importorskip("grain")


@pytest.fixture
def frames(tmp_path):
    """Twenty-three memory-mapped recordings, each with its number in it."""
    inputs = np.random.default_rng(0).integers(0, 256, (23, 3, 4, 5, 2), np.uint8)
    inputs[:, 0, 0, 0, 0] = np.arange(23)
    np.save(tmp_path / "inputs.npy", inputs)
    mapped = np.load(tmp_path / "inputs.npy", mmap_mode="r")
    labels = np.arange(23, dtype=np.int32) % 7
    description = Description("frames", "train", "none", "random", "checksum")
    return Dataset(mapped, labels, tuple("abcdefg"), description)


def numbers(batch):
    return np.asarray(batch.inputs[0, :, 0, 0, 0])[np.asarray(batch.mask) == 1].tolist()


def all_numbers(batches):
    return [number for batch in batches for number in numbers(batch)]


def test_every_example_once_an_epoch_in_an_order_of_seed_and_epoch(frames):
    batches = list(PrefetchedBatches(frames, 6, seed=1, epochs=2))
    assert len(batches) == 8
    epochs = [all_numbers(batches[:4]), all_numbers(batches[4:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(23))
    assert epochs[0] != epochs[1]
    again = list(PrefetchedBatches(frames, 6, seed=1, epochs=1, threads=4, ahead=1))
    assert all_numbers(again) == epochs[0]
    other = list(PrefetchedBatches(frames, 6, seed=2, epochs=1))
    assert all_numbers(other) != epochs[0]


def test_batches_are_time_major_and_padded(frames):
    batches = list(PrefetchedBatches(frames, 6, seed=1, epochs=1))
    for batch in batches:
        assert isinstance(batch.inputs, jax.Array)
        assert (batch.inputs.shape, batch.inputs.dtype) == ((3, 6, 4, 5, 2), np.uint8)
        assert (batch.labels.dtype, batch.mask.dtype) == (np.int32, np.float32)
        for row, number in enumerate(numbers(batch)):
            np.testing.assert_array_equal(batch.inputs[:, row], frames.inputs[number])
            assert batch.labels[row] == number % 7
    assert batches[-1].mask.tolist() == [1, 1, 1, 1, 1, 0]
    assert not np.asarray(batches[-1].inputs[:, 5]).any()


def test_images_stay_as_they_are(frames):
    images = Dataset(
        frames.inputs[:, 0], frames.labels, frames.class_names, frames.description
    )
    batch = take(images, np.asarray([4, 2]), 3)
    np.testing.assert_array_equal(batch.inputs[:2], images.inputs[[4, 2]])
    assert batch.mask.tolist() == [1, 1, 0]


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 7])
def test_resumed_batches_are_those_that_would_have_come(frames, steps):
    straight = PrefetchedBatches(frames, 6, seed=1, epochs=3)
    for _ in range(steps):
        next(straight)
    state = json.loads(json.dumps(straight.get_state()))
    rest = [numbers(batch) for batch in straight]
    assert len(rest) == 12 - steps
    resumed = PrefetchedBatches(frames, 6, seed=1, epochs=3)
    next(resumed)
    resumed.set_state(state)
    assert [numbers(batch) for batch in resumed] == rest


def test_processes_share_each_batch(frames):
    whole = list(PrefetchedBatches(frames, 6, seed=1, epochs=1))
    shards = [
        list(PrefetchedBatches(frames, 6, seed=1, epochs=1, process=(k, 3)))
        for k in range(3)
    ]
    for batch, *parts in zip(whole, *shards, strict=True):
        assert all(part.inputs.shape[1] == 2 for part in parts)
        joined = np.concatenate([part.inputs for part in parts], axis=1)
        np.testing.assert_array_equal(joined, batch.inputs)
        np.testing.assert_array_equal(
            np.concatenate([part.mask for part in parts]), batch.mask
        )
    seen = [all_numbers(shard) for shard in shards]
    assert sorted(itertools.chain(*seen)) == list(range(23))


def test_without_epochs_there_is_no_end(frames):
    batches = PrefetchedBatches(frames, 23, seed=1)
    assert all(sorted(numbers(next(batches))) == list(range(23)) for _ in range(30))


def test_what_does_not_fit(frames):
    with pytest.raises(DataError, match="batch_size 5 with process 0 of 2"):
        PrefetchedBatches(frames, 5, seed=0, process=(0, 2))
    with pytest.raises(DataError, match="batch_size 6 with process 2 of 2"):
        PrefetchedBatches(frames, 6, seed=0, process=(2, 2))
    state = PrefetchedBatches(frames, 6, seed=0).get_state()
    with pytest.raises(DataError, match="batches with seed 0, these have 1"):
        PrefetchedBatches(frames, 6, seed=1).set_state(state)
