"""Relations between index spaces, and the orders that rank elements. numpy only."""

from ardsl.relations.band import Band
from ardsl.relations.labelled import Labelled, Levels
from ardsl.relations.order import ORDER_NAMES, Order, OrderError, OrderForm, OrderMixture
from ardsl.relations.relation import Beside, Difference, Matrix, Relation, Sparse, Stacked, Union, boolean_product
from ardsl.relations.selection import Affine, AxisPart, Earlier, Everything, Listed, Part, Selection
from ardsl.relations.stencil import Stencil
from ardsl.relations.translated import Translated

__all__ = [
    "ORDER_NAMES",
    "Affine",
    "AxisPart",
    "Band",
    "Beside",
    "Difference",
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
    "Sparse",
    "Stacked",
    "Stencil",
    "Translated",
    "Union",
    "boolean_product",
]
