"""Run folders: a training as files, and the model restored from them."""
