"""Relations between index spaces, and the orders that rank elements. numpy only."""

from ardsl.relations.labelled import Labelled, Levels, Matrix, boolean_product
from ardsl.relations.order import ORDER_NAMES, Order, OrderError, OrderForm, OrderMixture
from ardsl.relations.relation import Relation, Stacked, Union
from ardsl.relations.selection import Affine, AxisPart, Earlier, Everything, Listed, Part, Selection

__all__ = [
    "ORDER_NAMES",
    "Affine",
    "AxisPart",
    "Earlier",
    "Everything",
    "Labelled",
    "Levels",
    "Listed",
    "Matrix",
    "Order",
    "OrderError",
    "OrderForm",
    "OrderMixture",
    "Part",
    "Relation",
    "Selection",
    "Stacked",
    "Union",
    "boolean_product",
]
