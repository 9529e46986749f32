"""The classifier: a head on top of the autoencoder's encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cae.config import AutoencoderConfig, ClassifierConfig, require_matching_stages
from cae.models.autoencoder import build_encoder
from cae.models.blocks import ByteDropout, ConvUnit, SmallLinear, initialise, make_batch_norm_1d
from cae.models.encoder import Encoder
from cae.models.pooling import MaxPool
from cae.seeding import derive_seed


class DenseUnit(nn.Module):
    """Dense layer, ReLU, dropout, batch norm if asked for."""

    def __init__(
        self, features_in: int, features_out: int, *, batch_norm: bool, dropout_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(features_in, features_out)
        self.dropout = ByteDropout(dropout_rate)
        self.norm = make_batch_norm_1d(features_out) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return features [N, features_out] of features [N, features_in]."""
        return self.norm(self.dropout(self.linear(x).relu_()))


class Head(nn.Module):
    """The origin's head, from encodings to logits.

    Convolution, pool, global pooling or flatten, dense layer, output layer.
    """

    def __init__(self, encoder: Encoder, config: ClassifierConfig, num_classes: int) -> None:
        super().__init__()
        width = encoder.num_features
        height, breadth = (side // 2 for side in encoder.feature_size)
        self.conv = ConvUnit(width, width, batch_norm=config.batch_norm)
        self.dropout = ByteDropout(config.dropout_rate)
        self.pool = MaxPool()
        self.pooling = config.global_pooling
        self.flat = (
            DenseUnit(
                width * height * breadth,
                width,
                batch_norm=config.batch_norm,
                dropout_rate=config.dropout_rate,
            )
            if config.global_pooling == "flatten"
            else nn.Identity()
        )
        self.dense = (
            DenseUnit(width, max(width // 2, 1), batch_norm=config.batch_norm)
            if config.dense
            else nn.Identity()
        )
        self.num_features = max(width // 2, 1) if config.dense else width
        self.output = nn.Linear(self.num_features, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the vectors [N, num_features] that the output layer takes."""
        x = self.pool(self.dropout(self.conv(x)))
        return self.dense(self.flat(pool_globally(x, self.pooling)))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N, K], float32."""
        return self.output(self.forward_features(x)).float()


class LinearHead(nn.Module):
    """The linear head, from encodings to logits.

    Global pooling or flatten, batch norm, dropout, output layer.
    """

    def __init__(self, encoder: Encoder, config: ClassifierConfig, num_classes: int) -> None:
        super().__init__()
        height, breadth = encoder.feature_size
        self.pooling = config.global_pooling
        self.num_features = encoder.num_features
        if config.global_pooling == "flatten":
            self.num_features *= height * breadth
        self.norm = make_batch_norm_1d(self.num_features) if config.batch_norm else nn.Identity()
        self.dropout = ByteDropout(config.dropout_rate)
        self.output = SmallLinear(self.num_features, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the vectors [N, num_features] that the output layer takes."""
        return self.dropout(self.norm(pool_globally(x, self.pooling)))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N, K], float32."""
        return self.output(self.forward_features(x)).float()


def pool_globally(x: Tensor, pooling: str) -> Tensor:
    """Return a vector for each image's features [N, D, h, w]: [N, D], or flattened [N, D h w]."""
    if pooling == "max":
        return x.amax(dim=(2, 3))
    return x.mean(dim=(2, 3)) if pooling == "average" else x.flatten(1)


class Classifier(nn.Module):
    """A classifier that gives logits [N, K] for images [N, C, H, W] in [0, 1].

    With `freeze_encoder` the encoder stays in evaluation mode (running statistics fixed, no
    dropout, no noise), its weights take no gradient, and no backward pass goes through it.
    """

    def __init__(
        self, autoencoder: AutoencoderConfig, config: ClassifierConfig, num_classes: int
    ) -> None:
        super().__init__()
        require_matching_stages(autoencoder, config)
        self.encoder = build_encoder(autoencoder)
        self.head = (
            LinearHead(self.encoder, config, num_classes)
            if config.head == "linear"
            else Head(self.encoder, config, num_classes)
        )
        self.test_time_augmentation = config.test_time_augmentation
        self.posthoc_logit_adjustment = config.posthoc_logit_adjustment
        self.log_priors: Tensor | None
        # Saved along with the weights, but only if predictions need them.
        adjusts = config.posthoc_logit_adjustment > 0
        self.register_buffer("log_priors", torch.zeros(num_classes) if adjusts else None)
        self.freeze_encoder = config.freeze_encoder
        if self.freeze_encoder:
            self.encoder.requires_grad_(False)
        self.train()  # torch starts every layer in training mode, a frozen encoder's too

    @property
    def num_features(self) -> int:
        """Length of the vectors that `forward_features` returns."""
        return self.head.num_features

    def train(self, mode: bool = True) -> Classifier:
        """Set the training mode, except that of a frozen encoder, which is always evaluating."""
        super().train(mode)
        if self.freeze_encoder:
            self.encoder.eval()
        return self

    def encode(self, x: Tensor, activities: list[Tensor] | None = None) -> Tensor:
        """Return the encoding of images [N, C, H, W] in [0, 1]; frozen, it carries no gradient."""
        if self.freeze_encoder:
            with torch.no_grad():
                return self.encoder(x, activities)
        return self.encoder(x, activities)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the vectors [N, num_features] that the output layer takes, for images."""
        return self.head.forward_features(self.encode(x))

    def forward_head(self, features: Tensor) -> Tensor:
        """Return logits [N, K] for what `forward_features` returned."""
        return self.head.output(features).float()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N, K], float32, for images [N, C, H, W] in [0, 1]."""
        return self.head(self.encode(x))

    def adjust(self, logits: Tensor) -> Tensor:
        """Return the logits [N, K] to predict classes by, after `posthoc_logit_adjustment`."""
        if self.log_priors is None:
            return logits
        return logits - self.posthoc_logit_adjustment * self.log_priors

    def reset_classifier(self, num_classes: int, *, seed: int) -> None:
        """Replace the output layer by a new one for `num_classes` classes, all equally frequent."""
        if self.log_priors is not None:
            self.log_priors = torch.zeros(num_classes, device=self.log_priors.device)
        device = self.head.output.weight.device
        with torch.random.fork_rng(devices=[]):
            if isinstance(self.head, LinearHead):
                self.head.output = SmallLinear(self.num_features, num_classes).to(device)
            else:
                self.head.output = nn.Linear(self.num_features, num_classes).to(device)
        initialise(self.head.output, seed=derive_seed(seed, "output"))


def make_classifier(
    autoencoder: AutoencoderConfig, config: ClassifierConfig, *, num_classes: int
) -> Classifier:
    """Return a freshly initialised classifier.

    The head's weights are a function of the classifier's seed, the encoder's of the autoencoder's
    seed: an untrained encoder equals the one that pretraining starts from.

    Raises:
        ConfigError: the two configurations do not fit together.
    """
    with torch.random.fork_rng(devices=[]):
        model = Classifier(autoencoder, config, num_classes)
    initialise(model.encoder, seed=derive_seed(autoencoder.seed, "encoder"))
    initialise(model.head, seed=derive_seed(config.seed, "head"))
    return model
