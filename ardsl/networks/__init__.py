"""Networks: a group of factors to a plan (layers as data, with what they realize), and a plan to a torch module."""
