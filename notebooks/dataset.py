"""The source of cifar10_modules/dataset.ipynb: the data functions, told and shown."""

# ruff: noqa: B018, F403, F405
# pyright: reportUnusedExpression=false

# %% [markdown]
# # The data functions
#
# The counterpart of `dataset.py`, for easy consultation: what each of its functions does, on
# CIFAR-10. The module reads and splits through the package `cae`; here are its pictures as NumPy
# arrays, `float32` of shape [N, height, width, channels], and its labels one-hot.

# %%
from dataset import *

# %% [markdown]
# `set_random_seeds` seeds Python, NumPy and PyTorch, and all that this API does later: splits,
# initial weights, the order of the images, augmentation and noise.

# %%
set_random_seeds(42)

# %% [markdown]
# ## Loading
#
# `load_and_norm(val_size)` finds CIFAR-10 (in the folder that the environment variable
# `CAE_DATA_DIR` names, in the cache, or by a download), removes half of the training images of
# bird, deer and truck, sets `val_size` of the rest aside for validation, and divides the pixels by
# 255. The test images stay as they are. How many images each class has is printed.

# %%
x_train, x_val, x_test, y_train, y_val, y_test, class_names = load_and_norm(0.22)

# %%
x_train.shape, x_train.dtype, float(x_train.max()), y_train.shape

# %% [markdown]
# `load_data` takes the steps one by one: which classes are thinned (none, unless they are named),
# by which fraction, and by which seed (`random_state`; without it, the one that was set). Here the
# cat is. Pixels are as they are stored, from 0 to 255.

# %%
thinned = class_names[3:4]
x_train, x_val, x_test, y_train, y_val, y_test, class_names = load_data(0.1, thinned, 0.8)

float(x_train.max())

# %% [markdown]
# `class_count` counts the classes of one set, `class_count_splits` those of all three.

# %%
class_count(y_train, class_names)

# %%
class_count_splits(y_train, y_val, y_test, class_names)

# %% [markdown]
# `normalize_splits` divides all three by the maximum of the training images, `normalize` divides
# one array by what it is told, or by 255.

# %%
x_train, x_val, x_test = normalize_splits(x_train, x_val, x_test)

float(x_train.max())

# %% [markdown]
# With `source="digits"` all of them read scikit-learn's handwritten digits instead, which need no
# download.

# %%
load_class_names(source="digits")

# %% [markdown]
# ## Looking at pictures
#
# `random_images` chooses one image of each class, and `show_image_list` shows those that are
# chosen. `show_image` shows a single one.

# %%
image_list = random_images(y_val, class_names)
image_list

# %%
show_image_list(x_val, y_val, class_names, image_list)

# %%
show_image(x_val[image_list[3]], y_val[image_list[3]], class_names)
