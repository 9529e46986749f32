"""The source of cifar10_modules/modelling.ipynb: the model functions, told and shown."""

# ruff: noqa: B018, F403, F405, T201
# pyright: reportUnusedExpression=false

# %% [markdown]
# # The model functions
#
# The counterpart of `modelling.py`, for easy consultation: what each of its functions does. The
# models here are small and see a few thousand images for a few epochs, so that the whole notebook
# takes seconds; their scores say nothing. `pipeline_optimal.ipynb` trains in earnest.
#
# Whatever is written goes into `models/`, `history/` and `plots/` below the working directory.
# This notebook works in a temporary one.

# %%
import os
import tempfile
from pathlib import Path

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
create_classifier(autoencoder_config, classifier_config, "encoder_small")

# %% [markdown]
# `classifier_predict_evaluate` prints the report, draws the confusion matrix and returns the
# probabilities of the classes.

# %%
y_pred = classifier_predict_evaluate(x_val, y_val, classifier, class_names)
y_pred.shape, y_pred[0].round(3)

# %% [markdown]
# `plot_confusion_matrix` draws one of any labels and predictions: here, of the first 200.

# %%
plot_confusion_matrix(y_val[:200], y_pred[:200], class_names, "confusion_of_200")

# %% [markdown]
# ## What was written
#
# `load_saved_model` reads a model again, `load_history` what happened in its training.

# %%
sorted(path.name for path in Path("models").iterdir())

# %%
again = load_saved_model("classifier_small")
(again.predict(x_val) == y_pred).all()

# %%
history = load_history("classifier_small")
history["metrics"]["val_accuracy"]

# %% [markdown]
# `plot_model_metrics` draws a history's curves, `plot_histories` one curve of several. Here the
# classifier above is compared with one that trains its encoder along.

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
    "classifier_small_whole",
)
# %%
histories = {
    "encoder frozen": history,
    "encoder trained": load_history("classifier_small_whole"),
}
plot_histories(histories, "frozen_or_trained", "val_accuracy")

# %% [markdown]
# A history is a dictionary: it can be changed and saved by `save_history`.

# %%
history["remark"] = "a first try"
save_history(history, "classifier_small")
plot_model_metrics(history, "classifier_small", ["accuracy"])
