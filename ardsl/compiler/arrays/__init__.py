"""Users' arrays as flat tensors, and flat tensors as inputs of networks."""
