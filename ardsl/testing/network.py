"""The check of a network on its own examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ardsl.errors import ArdslError, SpecError
from ardsl.networks.network import Network
from ardsl.networks.registry import plugin_problem, registered
from ardsl.spec import loads
from ardsl.testing.soundness import evaluator_problems, normalization_problems, oracle_problems, probe_problems


def check_network(network: type[Network]) -> list[str]:
    """Checks a network on its ``examples``, and returns the problems found: none of a sound one.

    Of each example the declared contexts are compared with the language's meaning, what the plan realizes with what
    moves the module's outputs; Σ p(x) is compared with 1 where all values can be listed, and the two evaluators with
    each other on the same noise. Blind spots are problems where an example says ``check complete``. The network need
    not be installed: it is registered under its name meanwhile.

    Raises ``ArdslError`` for what is no class of networks, and where there are no examples.
    """
    if problem := plugin_problem(network, Network):
        raise ArdslError(f"`check_network` takes a class of networks: {problem}")
    if not isinstance(network.examples, Mapping) or not all(
        isinstance(text, str) for example in network.examples.items() for text in example
    ):
        raise ArdslError(f"the `examples` of `{network.__name__}` are no dict of specs by name, texts both")
    if not network.examples:
        raise ArdslError(f"`{network.__name__}` has no `examples`: small specs, by name, to check it on")
    with registered(network):
        return [f"{name}: {problem}" for name, text in network.examples.items() for problem in _problems(network, text)]


def _problems(network: type[Network], text: str) -> Iterator[str]:
    try:
        spec = loads(text)
    except SpecError as error:
        yield str(error)
        return
    if all(plan.network != network.name for plan in spec.plan.every):
        yield f"nothing goes through `{network.name}`"
    for problems in (oracle_problems, probe_problems, normalization_problems, evaluator_problems):
        yield from problems(spec)
