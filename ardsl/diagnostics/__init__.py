"""Diagnostics: the one object for errors and warnings, the rules that make it, and did-you-mean."""

from ardsl.diagnostics.diagnostic import Diagnostic, Label, Rule, Severity, Sink
from ardsl.diagnostics.source import Source, Span
from ardsl.diagnostics.suggest import did_you_mean, nearest

__all__ = ["Diagnostic", "Label", "Rule", "Severity", "Sink", "Source", "Span", "did_you_mean", "nearest"]
