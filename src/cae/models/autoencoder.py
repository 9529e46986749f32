"""The convolutional autoencoder: an encoder, which is kept, and a decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cae.config import AutoencoderConfig
from cae.models.blocks import initialise
from cae.models.encoder import Encoder
from cae.models.masking import PatchDecoder, draw_visible
from cae.models.origin import MirroredDecoder, OriginEncoder
from cae.models.residual import ResidualDecoder, ResidualEncoder
from cae.models.targets import fill_hidden, make_target, shows_pictures
from cae.models.visible import Visible
from cae.models.whitened import WhitenedEncoder
from cae.seeding import derive_seed

_ENCODERS: dict[str, type[Encoder]] = {
    "origin": OriginEncoder,
    "whitened": WhitenedEncoder,
    "residual": ResidualEncoder,
}


class Autoencoder(nn.Module):
    """Encoder and decoder; the encoder is also saved by itself, and used without the decoder.

    The decoder mirrors the encoder. With a mask, and with the whitened encoder, which has no mirror
    image, it is the light `PatchDecoder`.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config)
        self.decoder: MirroredDecoder | ResidualDecoder | PatchDecoder
        if config.uses_patches:
            self.decoder = PatchDecoder(config)
        elif config.encoder == "residual":
            self.decoder = ResidualDecoder(config)
        else:
            self.decoder = MirroredDecoder(config)

    def encode(self, x: Tensor, activities: list[Tensor] | None = None) -> Tensor:
        """Return the encoding of images [N, C, H, W] in [0, 1]."""
        return self.encoder(x, activities)

    def decode(self, features: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return the images [N, C, H, W], float32, decoded from encodings; in training not clamped.

        Outside training they are in [0, 1].

        Args:
            features: what `encode` returned.
            size: (H, W) of the images, if it was not the configured size.
        """
        if isinstance(self.decoder, PatchDecoder):
            images = self.decoder(features, size=size)
        else:
            images = self.decoder(features)
        return images if self.training else images.clamp(0, 1)

    def predict_hidden(
        self, x: Tensor, visible: Tensor, activities: list[Tensor] | None = None
    ) -> Tensor:
        """Return the prediction of the target, float32, from the visible parts of images.

        With `mask_input` off, the encoder sees them whole, whatever is marked as hidden.

        Args:
            x: images [N, C, H, W] in [0, 1].
            visible: [N, 1, H, W], from `draw_visible`.
            activities: see `Encoder.forward`.
        """
        assert isinstance(self.decoder, PatchDecoder), "a mask needs the decoder of patches"
        size = (x.shape[2], x.shape[3])
        if not self.config.mask_input:
            return self.decoder(self.encoder(x, activities), size=size)
        features, seen = self.encoder.see(x, Visible(visible), activities)
        return self.decoder(features, seen.mask, size)

    def compare_hidden(
        self, x: Tensor, visible: Tensor, activities: list[Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the prediction of the target, the target, and where they are to be compared.

        The first two have the shape of `make_target`, are float32, and are 0 wherever the image is
        visible: zero against zero adds nothing to an error. The last is [N, 1, h, w], 1 where the
        image is hidden.
        """
        predicted = self.predict_hidden(x, visible, activities)
        wanted = make_target(x, self.config)
        cell = x.shape[-1] // wanted.shape[-1]
        hidden = 1 - visible[:, :, ::cell, ::cell]
        return predicted * hidden, wanted * hidden, hidden

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction of images [N, C, H, W] in [0, 1].

        From a model that was trained with a mask: the images with some patches, the same in every
        batch, hidden and filled in by the model.
        """
        if self.config.mask_ratio == 0:
            return self.decode(self.encode(x))
        visible = self.draw_fixed_mask(x)
        # If no picture can be made of the prediction, it is not needed.
        predicted = self.predict_hidden(x, visible) if shows_pictures(self.config) else x
        return fill_hidden(predicted, x, visible, self.config)

    def draw_fixed_mask(self, images: Tensor) -> Tensor:
        """Return masks [N, 1, H, W], the same at every call, for validation and for pictures."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "fixed mask"))
        return draw_visible(self.config, images, generator=generator)

    @torch.no_grad()
    def begin_from(self, images: Tensor) -> None:
        """Set, before training, what is computed from training images [n, C, H, W] in [0, 1]."""
        self.encoder.begin_from(images)
        if isinstance(self.decoder, ResidualDecoder) and isinstance(self.encoder, ResidualEncoder):
            self.decoder.begin_from(self.encoder)


def build_encoder(config: AutoencoderConfig) -> Encoder:
    """Return the configured encoder, its weights as torch draws them."""
    return _ENCODERS[config.encoder](config)


def make_autoencoder(config: AutoencoderConfig) -> Autoencoder:
    """Return a freshly initialised autoencoder; its weights are a function of `config.seed`."""
    # The constructors of torch's layers draw weights, which are then drawn anew from our own seed.
    # The caller's random state must not change.
    with torch.random.fork_rng(devices=[]):
        model = Autoencoder(config)
    initialise(model.encoder, seed=derive_seed(config.seed, "encoder"))
    initialise(model.decoder, seed=derive_seed(config.seed, "decoder"))
    return model
