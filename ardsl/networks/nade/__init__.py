"""Neural autoregressive distribution estimators: networks that read a set of inputs, any that is declared."""
