"""Networks over an N-dimensional array: stencil layers, planned without torch, evaluated whole or by steps."""
