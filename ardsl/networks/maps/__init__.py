"""Maps of features that grow finer or coarser: encoders, decoders, and what a context goes through."""
