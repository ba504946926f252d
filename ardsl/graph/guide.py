"""Is the guide one? It reads only what is known when it draws, and no cycle runs through its factors."""

from __future__ import annotations

from ardsl.diagnostics import Sink
from ardsl.diagnostics.rules import graph as rules
from ardsl.graph.check import check_graph
from ardsl.model.model import Model
from ardsl.model.parts import enumerated, guide


def check_guide(model: Model, sink: Sink) -> None:
    """Report everything that is wrong with the graph of the ``q`` factors."""
    guide_model = guide(model)
    if guide_model is None:
        return
    summed = enumerated(model)
    sound = True
    for factor in guide_model.factors:
        for context in factor.contexts:
            reason = help = None
            if context.variable == factor.variable:
                reason = "it draws all elements at once"
                help = f"leave `{context.text}` out: given what else the guide reads, the elements are independent"
            elif context.variable in summed:
                reason = f"`{context.variable}` is enumerated, with `exact`"
                help = f"leave `{context.variable}` out here, or give it a guide of its own"
            if reason is not None:
                sound = False
                place, text = context.span, context.text
                sink.add(rules.GUIDE_CONTEXT.at(place, factor=factor.text, context=text, reason=reason, help=help))
    if sound:
        check_graph(guide_model, sink)
