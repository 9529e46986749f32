"""The source of pipeline_optimal.ipynb: the whole pipeline with the best configuration so far."""

# ruff: noqa: B018, F403, F405, T201
# pyright: reportUnusedExpression=false

# %% [markdown]
# # The optimal pipeline
#
# Load the data, train an autoencoder, train a classifier on its encoder, evaluate the classifier:
# on CIFAR-10, with the best configuration known so far.
#
# The trainings take 40 minutes on two fast cores (AMD Zen 5). So where the two models are there
# already, as in this repository, they are loaded, and nothing is trained; where they are not, this
# notebook trains them. It works in its own folder, in `models/`, `history/` and `plots/`. The
# pictures that it writes begin with `pipeline_`, and replace no others.
#
# The functions are told one by one in `cifar10_modules/dataset.ipynb` and
# `cifar10_modules/modelling.ipynb`.

# %%
import sys

sys.path.append("cifar10_modules")

from pathlib import Path

import numpy as np

from dataset import *
from modelling import *

set_random_seeds(42)

# %% [markdown]
# ## The images
#
# Half of the training images of bird, deer and truck are removed, and 22% of the others are set
# aside for validation. The test images are all there.

# %%
x_train, x_val, x_test, y_train, y_val, y_test, class_names = load_and_norm(0.22)

# %%
image_list = random_images(y_test, class_names)
show_image_list(x_test, y_test, class_names, image_list)

# %% [markdown]
# ## The autoencoder's configuration
#
# The autoencoder sees no label. Of each image a share `mask_ratio` is hidden, in squares of
# `mask_patch_size` pixels, and it learns to predict of them not the pixels but in which directions
# the brightness changes (`target`: `gradient_histograms`): what tells a class is the shape of
# things more than their colour. Its encoder is made for classification (`encoder`: `whitened`).
# In the first `low_resolution_epochs`, here in all, images are shrunk to 24 pixels a side.

# %%
autoencoder_config = load_config("autoencoder_config_optimal.json")
autoencoder_config

# %% [markdown]
# ## The classifier's configuration
#
# The classifier begins with the autoencoder's encoder, and trains its weights along
# (`freeze_encoder` is off). Above it stand a maximum over all places (`global_pooling`) and one
# layer (`head`: `linear`). Training images are shifted, mirrored and have a square cut out; every
# class is drawn equally often (`class_balance`), so that the three thinned ones are not forgotten.
# A prediction is the mean over views of an image (`test_time_augmentation`), and the classes'
# shares of the training images are taken off it (`posthoc_logit_adjustment`).

# %%
classifier_config = load_config("classifier_config_optimal.json")
classifier_config

# %% [markdown]
# ## Training
#
# Configurations were chosen on the validation images. Once that is over, the final models train on
# those too: `load_and_norm(0)` sets none aside, and there is nothing to validate on. This is what
# `cae run --preset optimal` does.

# %%
if not Path("models/classifier_optimal.json").exists():
    x_all, _, _, y_all, *_ = load_and_norm(0)
    train_autoencoder(x_all, None, autoencoder_config, "autoencoder_optimal", "encoder_optimal")
    train_classifier(
        x_all,
        None,
        y_all,
        None,
        autoencoder_config,
        classifier_config,
        "encoder_optimal",
        "classifier_optimal",
    )

autoencoder = load_saved_model("autoencoder_optimal")
classifier = load_saved_model("classifier_optimal")
autoencoder, classifier

# %%
for name in ("autoencoder_optimal", "classifier_optimal"):
    history = load_history(name)
    losses, minutes = history["loss"], sum(history["seconds"]) / 60
    print(f"{name}: {len(losses)} epochs, {minutes:.1f} minutes, last loss {losses[-1]:.3f}")

# %% [markdown]
# ## What the autoencoder saw
#
# The images above, and what is left of them to predict the rest from. No picture can be made of
# the prediction, which is of directions and not of pixels.

# %%
x_pred = autoencoder.predict(x_test[image_list])
show_image_list(x_test, y_test, class_names, image_list)
show_image_list(x_pred, y_test[image_list], class_names, range(len(image_list)))

# %% [markdown]
# ## How the classifier learned
#
# Loss and accuracy are those of the training images as they were shown: changed, at first shrunk,
# and with smoothed labels (`label_smoothing`).

# %%
plot_model_metrics("classifier_optimal", "pipeline_classifier")

# %% [markdown]
# ## How it does on the test images
#
# The 10,000 test images are the only ones that nothing was trained on. Scores on the validation
# images, which these models were trained on too, would say nothing. The origin's classifier names
# 71% of the test images rightly.

# %%
y_pred = classifier_predict_evaluate(
    x_test, y_test, classifier, class_names, filename="pipeline_confusion_matrix"
)

# %% [markdown]
# ## Where it is most surely wrong
#
# The mistakes to which it gave the highest probability: the true class, and below it the one that
# it saw.

# %%
wrong = np.flatnonzero(y_pred.argmax(axis=1) != y_test.argmax(axis=1))
surest = wrong[np.argsort(-classifier.predict(x_test[wrong]).max(axis=1))][:10]
captions = [
    f"{class_names[y_test[index].argmax()]}\n→ {class_names[y_pred[index].argmax()]}"
    for index in surest
]
show_image_list(x_test[surest], np.arange(len(surest)), captions, range(len(surest)))
