"""The source of pipeline_optimal.ipynb: the whole pipeline with the best configuration so far."""

# ruff: noqa: B018, F403, F405
# pyright: reportUnusedExpression=false

# %% [markdown]
# # The optimal pipeline
#
# Load the data, train the autoencoder, train the classifier on its encoder, evaluate the
# classifier: on CIFAR-10, with the best configuration known so far, the package's preset `quick`.
#
# The models, histories and plots are written into `models/`, `history/` and `plots/` below the
# working directory, which is the folder of this notebook. The functions are told one by one in
# `cifar10_modules/dataset.ipynb` and `cifar10_modules/modelling.ipynb`.

# %%
import sys

sys.path.append("cifar10_modules")

from dataset import *
from modelling import *

set_random_seeds(42)

# %% [markdown]
# ## Load the data
#
# CIFAR-10 with half of the training images of bird, deer and truck removed, and 22% of the others
# set aside for validation.

# %%
x_train, x_val, x_test, y_train, y_val, y_test, class_names = load_and_norm(0.22)

class_count_splits(y_train, y_val, y_test, class_names)

# %% [markdown]
# ## Train the autoencoder
#
# It learns to give back the images that it is given, and never sees a label.

# %%
autoencoder_config = load_config("autoencoder_config_quick.json")
autoencoder_config

# %%
autoencoder = train_autoencoder(
    x_train, x_val, autoencoder_config, "autoencoder_optimal", "encoder_optimal"
)

# %% [markdown]
# Some validation images, and below them what the decoder makes of their encodings:

# %%
x_pred = autoencoder.predict(x_val)
image_list = random_images(y_val, class_names)
show_image_list(x_val, y_val, class_names, image_list)
show_image_list(x_pred, y_val, class_names, image_list)

# %% [markdown]
# ## Train the classifier
#
# A convolutional head on the trained encoder. `freeze_encoder` is off here: the encoder's weights
# are where training starts, and it trains them along.

# %%
classifier_config = load_config("classifier_config_quick.json")
classifier_config

# %%
classifier = train_classifier(
    x_train,
    x_val,
    y_train,
    y_val,
    autoencoder_config,
    classifier_config,
    "encoder_optimal",
    "classifier_optimal",
)

# %% [markdown]
# ## Evaluate the classifier
#
# On the test images, which nothing above has looked at.

# %%
y_pred = classifier_predict_evaluate(x_test, y_test, classifier, class_names)
