"""``ardsl explain``, ``ardsl networks`` and ``ardsl families``: reference pages."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ardsl.cli.output import print_text, say, spelled

if TYPE_CHECKING:
    from ardsl.networks.context import ContextNetwork
    from ardsl.networks.network import Network


@click.command("explain")
@click.argument("code", metavar="[CODE]", required=False)
def explain_command(code: str | None) -> None:
    """Explain a diagnostic's code, with a wrong and a right example; without one, list them all."""
    if code is None:
        from ardsl.diagnostics.rules import RULES

        for rule in sorted(RULES.values(), key=lambda r: r.code):
            say(f"{rule.code}  {rule.severity:<7}  {rule.title}")
        return
    from ardsl.diagnostics.explain import explain

    print_text(explain(code))


@click.command("networks")
@click.argument("name", metavar="[NAME]", required=False)
def networks_command(name: str | None) -> None:
    """List the registered networks with their options, or one of them."""
    from ardsl.diagnostics.suggest import did_you_mean
    from ardsl.errors import ArdslError
    from ardsl.networks.registry import LATER, context_network, context_network_names, network, network_names

    pages = {network_name: _page(network_name, network) for network_name in network_names()}
    for network_name in context_network_names():
        page = _page(network_name, context_network, "of a context" if network_name in pages else "contexts only")
        pages[network_name] = f"{pages[network_name]}\n\n{page}" if network_name in pages else page
    known = tuple(pages)
    if name in LATER and name not in known:
        raise ArdslError(f"the network `{name}` is reserved for {LATER[name]}, and not built yet")
    if name is not None and name not in known:
        hint = did_you_mean(name, known)
        raise ArdslError(f"there is no network `{name}`" + (f": {hint}" if hint else ""))
    print_text("\n\n".join(pages[network_name] for network_name in ([name] if name else known)))
    if name is None:
        later = [network_name for network_name in LATER if network_name not in known]
        if later:
            print_text("\n" + textwrap.fill(f"Reserved, and not built yet: {', '.join(later)}.", 100))


def _page(name: str, registered: Callable[[str], Network | ContextNetwork], use: str = "") -> str:
    """The page of a registered network, or a line that says why it has none."""
    from ardsl.errors import ArdslError

    try:
        return network_page(registered(name), use)
    except ArdslError as error:
        return f"{name}: cannot be used: {error}"


def network_page(network: Network | ContextNetwork, use: str = "") -> str:
    lines = [f"{network.name}: {network.doc}" + (f" ({use})" if use else "")]
    if network.paper:
        lines.append(f"  {network.paper}")
    for option in network.options:
        default = "" if option.default is None else f" = {spelled(option.default)}"
        lines.append(f"    {option.name}{default}".ljust(28) + f"  {option.doc} ({option.range})")
    return "\n".join(lines)


@click.command("families")
@click.argument("name", metavar="[NAME]", required=False)
def families_command(name: str | None) -> None:
    """List the families of distributions with the domains they fit, or one with its parameters and links."""
    from ardsl.diagnostics.suggest import did_you_mean
    from ardsl.errors import ArdslError
    from ardsl.families.catalogue import CATALOGUE
    from ardsl.families.page import families_page, family_page

    if name is not None and name not in CATALOGUE:
        hint = did_you_mean(name, tuple(CATALOGUE))
        raise ArdslError(f"there is no family `{name}` in the catalogue" + (f": {hint}" if hint else ""))
    print_text((families_page() if name is None else family_page(name)).rstrip())
