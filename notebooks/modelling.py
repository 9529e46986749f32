"""The source of cifar10_modules/modelling.ipynb: the model functions, told and shown."""

# ruff: noqa: B018, F403, F405, T201
# pyright: reportUnusedExpression=false

# %% [markdown]
# # The model functions
#
# The counterpart of `modelling.py`, for easy consultation: what each of its functions does. The
# models here are small and see a few thousand images for a few epochs, so that the whole notebook
# takes seconds; their scores say nothing. `pipeline_optimal.ipynb` has one trained in earnest.
#
# Whatever is written goes into `models/`, `history/` and `plots/` below the working directory.
# This notebook works in a temporary one.

# %%
import os
import tempfile
from pathlib import Path

from sklearn.metrics import confusion_matrix

from dataset import *
from modelling import *

folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(folder.name)

set_random_seeds(42)
x_train, x_val, x_test, y_train, y_val, y_test, class_names = load_and_norm(0.22)
x_train, y_train, x_val, y_val = x_train[:4000], y_train[:4000], x_val[:1000], y_val[:1000]

# %% [markdown]
# ## Configurations
#
# A configuration is a dictionary. `load_config` reads it from the working directory, or, if there
# is no such file, from those that ship with the package. It can be changed like any dictionary;
# keys left out have the origin's values, and a misspelt one is an error when it is used.
# `docs/origin.md` has a table of all keys.

# %%
autoencoder_config = load_config("autoencoder_config_base.json")
autoencoder_config

# %%
autoencoder_config["epochs"] = 3
autoencoder_config["init_num_filters"] = 8
autoencoder_config["lr"] = 0.003
save_config(autoencoder_config, "autoencoder_config_small.json")

# %%
try:
    create_autoencoder({"epoch": 3})
except ValueError as error:
    print(error)

# %% [markdown]
# ## The autoencoder
#
# `create_autoencoder` gives an untrained one, to look at.

# %%
create_autoencoder(autoencoder_config).summary()

# %% [markdown]
# `train_autoencoder` trains one. It writes the model, the weights of its encoder in a file of
# their own, the history and the curve of the loss.

# %%
autoencoder = train_autoencoder(
    x_train, x_val, autoencoder_config, "autoencoder_small", "encoder_small"
)

# %%
x_pred = autoencoder.predict(x_val)
image_list = random_images(y_val, class_names)
show_image_list(x_val, y_val, class_names, image_list)
show_image_list(x_pred, y_val, class_names, image_list)

# %% [markdown]
# ## The classifier
#
# `train_classifier` puts a head on the encoder that was written, and trains it.

# %%
classifier_config = load_config("classifier_config_base.json")
classifier_config["epochs"] = 3

classifier = train_classifier(
    x_train,
    x_val,
    y_train,
    y_val,
    autoencoder_config,
    classifier_config,
    "encoder_small",
    "classifier_small",
)

# %% [markdown]
# `create_classifier` builds one without training it; the encoder's file may be named there too.

# %%
create_classifier(autoencoder_config, classifier_config, "encoder_small", "classifier_new")

# %% [markdown]
# `classifier_predict_evaluate` prints the report, draws the confusion matrix and returns the
# predictions, one-hot. The probabilities are what `predict` returns.

# %%
y_pred = classifier_predict_evaluate(x_val, y_val, classifier, class_names)

# %%
y_pred[0], classifier.predict(x_val)[0].round(3)

# %% [markdown]
# `plot_confusion_matrix` draws one of any matrix of counts, such as scikit-learn makes: here, of
# the first 200, as counts and not in percent.

# %%
cm = confusion_matrix(y_val[:200].argmax(axis=1), y_pred[:200].argmax(axis=1), labels=range(10))
plot_confusion_matrix(cm, class_names, normalize=False, figsize=(8, 5))

# %% [markdown]
# ## What was written
#
# `load_saved_model` reads a model again, `load_history` what happened in its training: a list for
# each metric, with a value for each epoch.

# %%
sorted(path.name for path in Path("models").iterdir())

# %%
again = load_saved_model("classifier_small")
bool((again.predict(x_val) == classifier.predict(x_val)).all())

# %%
history = load_history("classifier_small")
{name: [round(value, 3) for value in values] for name, values in history.items()}

# %% [markdown]
# `plot_model_metrics` draws the curves of a history, given as a dictionary or by its name, to
# plots/. `save_history` writes one that was changed: here, without the first epoch.

# %%
save_history({name: values[1:] for name, values in history.items()}, "classifier_later")
plot_model_metrics("classifier_later", "classifier_later", loss=False)

# %% [markdown]
# `plot_histories` draws several histories together. Here the classifier above is compared with one
# that trains its encoder along.

# %%
whole = classifier_config | {"freeze_encoder": False}
classifier_whole = train_classifier(
    x_train,
    x_val,
    y_train,
    y_val,
    autoencoder_config,
    whole,
    "encoder_small",
    "classifier_whole",
)

# %%
plot_histories(
    ["classifier_small", "classifier_whole"], ["encoder frozen", "encoder trained"], "frozen_or_not"
)

# %%
sorted(path.name for path in Path("plots").iterdir())
