"""Every epoch serves every image once, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from cae.data.augment import Augmentation, resample
from cae.data.batches import Batch, Batches, LowResolution
from cae.data.images import ImageSet
from cae.runtime.device import Runtime
from cae.seeding import derive_seed

AUGMENTATION = Augmentation(shift=0.1, rotation_degrees=40, zoom=0.1, flip=True)


@pytest.fixture
def numbered(make_images):
    """Images whose label is their own index, so that an order can be read back."""

    def make(count: int) -> ImageSet:
        images = make_images(count)
        names = tuple(f"image {index}" for index in range(count))
        return ImageSet(images.images, np.arange(count, dtype=np.int64), names, "numbered")

    return make


def read_labels(batch: Batch) -> list[int]:
    assert batch.labels is not None
    return batch.labels.tolist()


def read_order(batches: Batches, epoch: int) -> list[int]:
    return [label for batch in batches.epoch(epoch) for label in read_labels(batch)]


def collect(batches: Batches, epoch: int) -> dict[int, torch.Tensor]:
    """Return the images served in an epoch, by their index."""
    return {
        label: image
        for batch in batches.epoch(epoch)
        for label, image in zip(read_labels(batch), batch.images, strict=True)
    }


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (8, 4, [4, 4]),
        (10, 4, [4, 4, 2]),
        (9, 4, [4, 5]),
        (5, 4, [5]),
        (3, 4, [3]),
        (4, 4, [4]),
        (5, 2, [2, 3]),
        (5, 1, [1, 1, 1, 2]),
        (2, 1, [2]),
        (1, 4, [1]),
    ],
)
@pytest.mark.parametrize("seed", [None, 1])
def test_a_last_single_image_joins_the_batch_before_it(
    numbered, float32, count, batch_size, sizes, seed
):
    batches = Batches(numbered(count), runtime=float32, batch_size=batch_size, shuffle_seed=seed)
    assert [len(batch) for batch in batches.epoch(1)] == sizes
    assert len(batches) == len(sizes)
    assert batches.num_images == count


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_each_image_is_served_once_in_every_epoch(numbered, float32, seed, batch_size):
    batches = Batches(numbered(50), runtime=float32, batch_size=batch_size, shuffle_seed=seed)
    for epoch in (1, 2):
        assert sorted(read_order(batches, epoch)) == list(range(50))


def test_the_order_is_a_function_of_seed_and_epoch(numbered, float32):
    def order(*, epoch: int, seed: int, batch_size: int) -> list[int]:
        batches = Batches(numbered(50), runtime=float32, batch_size=batch_size, shuffle_seed=seed)
        return read_order(batches, epoch)

    first = order(epoch=1, seed=1, batch_size=8)
    torch.manual_seed(99)
    np.random.default_rng(99).random()
    assert order(epoch=1, seed=1, batch_size=8) == first
    assert order(epoch=1, seed=1, batch_size=3) == first
    assert order(epoch=2, seed=1, batch_size=8) != first
    assert order(epoch=1, seed=2, batch_size=8) != first


def test_an_epoch_does_not_depend_on_what_was_served_before(numbered, float32):
    batches = Batches(
        numbered(30),
        runtime=float32,
        batch_size=8,
        shuffle_seed=1,
        augmentation=AUGMENTATION,
    )
    fresh = collect(batches, 3)
    next(batches.epoch(1))  # begun and left
    again = collect(batches, 3)
    assert list(again) == list(fresh)
    assert all(torch.equal(again[index], fresh[index]) for index in fresh)


def test_serving_moves_no_random_state(numbered, float32):
    state = torch.get_rng_state()
    batches = Batches(
        numbered(9), runtime=float32, batch_size=4, shuffle_seed=1, augmentation=AUGMENTATION
    )
    list(batches.epoch(1))
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_images_come_in_their_own_order_and_unchanged(numbered, float32):
    images = numbered(20)
    batches = Batches(images, runtime=float32, batch_size=8, augmentation=AUGMENTATION)
    for epoch in (0, 5):
        assert read_order(batches, epoch) == list(range(20))
        served = torch.cat([batch.images for batch in batches.epoch(epoch)]).numpy()
        np.testing.assert_array_equal(served, images.images.astype(np.float32) / np.float32(255))


def test_all_256_values_become_exactly_a_255th_of_themselves(float32):
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    images = ImageSet(pixels, np.arange(4, dtype=np.int64), tuple("abcd"), "values")
    served = collect(Batches(images, runtime=float32, batch_size=4, shuffle_seed=1), 1)
    for index, image in served.items():
        expected = pixels[index].astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(image.numpy(), expected)
        assert image.dtype == torch.float32


@pytest.mark.parametrize("augmentation", [None, AUGMENTATION])
@pytest.mark.parametrize("seed", [None, 1])
def test_batches_are_nhwc_in_memory(numbered, float32, seed, augmentation):
    batches = Batches(
        numbered(6), runtime=float32, batch_size=3, shuffle_seed=seed, augmentation=augmentation
    )
    for batch in batches.epoch(1):
        assert batch.images.shape == (3, 3, 8, 8)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_an_image_has_the_same_change_whatever_the_batch_size(numbered, float32):
    served = [
        collect(
            Batches(
                numbered(20),
                runtime=float32,
                batch_size=batch_size,
                shuffle_seed=5,
                augmentation=AUGMENTATION,
            ),
            2,
        )
        for batch_size in (3, 20)
    ]
    for index in range(20):
        assert torch.equal(served[0][index], served[1][index])


def test_changes_are_those_of_the_numbers_drawn_for_seed_and_epoch(numbered, float32):
    images = numbered(12)
    batches = Batches(
        images, runtime=float32, batch_size=5, shuffle_seed=5, augmentation=AUGMENTATION
    )
    pixels = torch.from_numpy(images.images.astype(np.float32) / np.float32(255))
    for epoch in (1, 2):
        numbers = AUGMENTATION.draw(12, seed=derive_seed(5, "augmentation", epoch))
        maps = AUGMENTATION.make_affine(numbers, height=8, width=8)
        expected = resample(pixels, maps)
        served = collect(batches, epoch)
        for index in range(12):
            torch.testing.assert_close(served[index], expected[index], rtol=0, atol=1e-6)
    assert not torch.equal(collect(batches, 1)[0], collect(batches, 2)[0])


def test_unlabelled_images_have_no_labels_in_their_batches(make_images, float32):
    labelled = make_images(6)
    images = ImageSet(labelled.images, None, labelled.class_names, "unlabelled")
    batches = Batches(images, runtime=float32, batch_size=4, shuffle_seed=1)
    assert [batch.labels for batch in batches.epoch(1)] == [None, None]


def test_the_set_itself_is_never_changed(numbered, float32):
    images = numbered(9)
    before = images.images.copy()
    for seed in (None, 1):
        batches = Batches(
            images, runtime=float32, batch_size=4, shuffle_seed=seed, augmentation=AUGMENTATION
        )
        for batch in batches.epoch(1):
            batch.images.zero_()
    np.testing.assert_array_equal(images.images, before)


@pytest.mark.parametrize("seed", [None, 1])
def test_features_are_served_with_the_images_they_are_of(numbered, float32, seed):
    features = torch.arange(11.0)[:, None]
    batches = Batches(
        numbered(11), runtime=float32, batch_size=4, shuffle_seed=seed, features=features
    )
    for batch in batches.epoch(1):
        assert batch.features is not None
        assert batch.features.flatten().tolist() == read_labels(batch)


def test_changed_images_have_no_features_computed_ahead(numbered, float32):
    with pytest.raises(AssertionError, match="other features"):
        Batches(
            numbered(4),
            runtime=float32,
            batch_size=4,
            shuffle_seed=1,
            augmentation=AUGMENTATION,
            features=torch.zeros(4, 1),
        )


def make_uneven(make_images, counts=(12, 5, 3)) -> ImageSet:
    labels = np.repeat(np.arange(3), counts).astype(np.int64)
    return ImageSet(make_images(len(labels)).images, labels, ("bird", "cat", "deer"), "uneven")


def test_balanced_epochs_serve_every_class_as_often_as_the_largest(make_images, float32):
    images = make_uneven(make_images)
    batches = Batches(images, runtime=float32, batch_size=7, shuffle_seed=1, balanced=True)
    assert (batches.num_images, len(batches)) == (36, 5)  # the last one joins
    assert batches.count_images(batches=5) == 36
    for epoch in (1, 2):
        served = [
            (label, image.numpy().tobytes())
            for batch in batches.epoch(epoch)
            for label, image in zip(read_labels(batch), batch.images, strict=True)
        ]
        assert [sum(label == each for label, _ in served) for each in range(3)] == [12, 12, 12]
        # An image comes again only when all of its class have come as often.
        for label, count in enumerate((12, 5, 3)):
            times = Counter(image for each, image in served if each == label)
            assert len(times) == count
            assert max(times.values()) - min(times.values()) <= 1


def test_a_balanced_order_is_a_function_of_seed_and_epoch(make_images, float32):
    images = make_uneven(make_images)

    def serve(epoch: int, *, batch_size: int = 7, first: int = 0) -> torch.Tensor:
        batches = Batches(
            images,
            runtime=float32,
            batch_size=batch_size,
            shuffle_seed=1,
            balanced=True,
            augmentation=AUGMENTATION,
        )
        return torch.cat([batch.images for batch in batches.epoch(epoch, first=first)])

    assert torch.equal(serve(1), serve(1, batch_size=36))
    assert torch.equal(serve(1)[14:], serve(1, first=2))
    assert not torch.equal(serve(1), serve(2))


def test_what_comes_again_in_an_epoch_is_changed_anew(make_images, float32):
    images = make_uneven(make_images, (12, 0, 1)).select(np.arange(13))
    batches = Batches(
        images,
        runtime=float32,
        batch_size=24,
        shuffle_seed=1,
        balanced=True,
        augmentation=AUGMENTATION,
    )
    (batch,) = batches.epoch(1)
    alone = batch.images[torch.tensor(read_labels(batch)) == 2]
    assert len(alone) == 12
    assert len({image.numpy().tobytes() for image in alone}) == 12


def watch_flips(images: ImageSet, runtime: Runtime, *, epochs: int, balanced: bool):
    """Return, for each image, whether it was mirrored each time that it was served."""
    flip = Augmentation(
        shift=0, rotation_degrees=0, zoom=0, flip=True, alternating_flip=True, whole_pixels=True
    )
    batches = Batches(
        images,
        runtime=runtime,
        batch_size=36,
        shuffle_seed=1,
        balanced=balanced,
        augmentation=flip,
    )
    pixels = torch.from_numpy(images.images).float() / 255
    mirrored: dict[int, list[int]] = {index: [] for index in range(len(images))}
    for epoch in range(1, epochs + 1):
        for batch in batches.epoch(epoch):
            for image in batch.images:
                for index, each in enumerate(pixels):
                    for way, view in enumerate((each, each.flip(2))):
                        if torch.allclose(image, view, atol=1e-4):
                            mirrored[index].append(way)
    return mirrored


@pytest.mark.parametrize("balanced", [False, True])
def test_an_alternating_flip_mirrors_every_other_time(make_images, float32, balanced):
    mirrored = watch_flips(make_uneven(make_images), float32, epochs=3, balanced=balanced)
    begins = {ways[0] for ways in mirrored.values()}
    assert begins == {0, 1}
    for ways in mirrored.values():
        # In a balanced epoch copies of an image come in any order: both ways alike, all in all.
        assert abs(sum(ways) - len(ways) / 2) <= (1.5 if balanced else 0.5)
        assert balanced or ways in ([0, 1, 0], [1, 0, 1])


def test_no_image_is_mirrored_always_or_never_where_a_class_does_not_come_in_whole_rounds(
    make_images, float32
):
    images = make_uneven(make_images, counts=(10, 7, 10))
    mirrored = watch_flips(images, float32, epochs=8, balanced=True)
    assert all(abs(sum(ways) - len(ways) / 2) <= 1.5 for ways in mirrored.values()), mirrored


def test_the_first_epochs_serve_small_images(numbered, float32):
    images = numbered(10)
    batches = Batches(
        images,
        runtime=float32,
        batch_size=5,
        shuffle_seed=1,
        low_resolution=LowResolution(epochs=2, side=6),
    )
    assert [batch.images.shape[2:] for batch in batches.epoch(2)] == [(6, 6), (6, 6)]
    assert [batch.images.shape[2:] for batch in batches.epoch(3)] == [(8, 8), (8, 8)]
    for batch in batches.epoch(1):
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        # Shrinking keeps the mean, as an area would.
        whole = torch.from_numpy(images.images[read_labels(batch)]).float() / 255
        torch.testing.assert_close(
            batch.images.mean(dim=(1, 2, 3)), whole.mean(dim=(1, 2, 3)), atol=0.03, rtol=0
        )


def test_a_size_begins_with_the_first_epoch_and_with_the_first_of_full_size(numbered, float32):
    for low, expected in ((None, [1]), (LowResolution(2, 4), [1, 3])):
        batches = Batches(
            numbered(4), runtime=float32, batch_size=2, shuffle_seed=0, low_resolution=low
        )
        assert [epoch for epoch in range(1, 6) if batches.begins_a_size(epoch)] == expected


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_selection_is_served_as_its_images_are_and_takes_no_memory(
    numbered, float32, monkeypatch, seed, frozen
):
    """Unless its pixels cannot be written to, as those of another process cannot."""
    everything = numbered(9)
    chosen = everything.select(np.array([7, 2, 2, 5, 0]))
    alone = ImageSet(chosen.images, chosen.labels, chosen.class_names, "alone")
    everything.pixels.flags.writeable = not frozen
    given = []
    tensor = Runtime.tensor
    monkeypatch.setattr(
        Runtime, "tensor", lambda self, array: given.append(array) or tensor(self, array)
    )
    served, expected = (
        Batches(images, runtime=float32, batch_size=2, shuffle_seed=seed, augmentation=None)
        for images in (chosen, alone)
    )
    assert np.shares_memory(given[0], everything.pixels) is not frozen
    for batch, other in zip(served.epoch(1), expected.epoch(1), strict=True):
        assert torch.equal(batch.images, other.images)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert read_labels(batch) == read_labels(other)
