"""Execution of the syntax tree (XCU 2.9): compound commands, lists, pipelines, subshells."""

from collections.abc import Callable
from typing import Any

from tools.sysimage.scripts import bash_test, redirect, simple
from tools.sysimage.scripts.failures import ShellError, ShellExit
from tools.sysimage.scripts.machine import PROCESS, Machine
from tools.sysimage.scripts.patterns import cost, matches
from tools.sysimage.scripts.streams import Null, Sink, Stream
from tools.sysimage.scripts.syntax import (
    AndOr,
    Background,
    Case,
    Conditional,
    For,
    Function,
    If,
    Loop,
    Node,
    Not,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Subshell,
)


def evaluate(machine: Machine, node: Node | None, tested: bool) -> int:
    """Executes commands and returns their status.

    `tested` is whether `set -e` lets them fail, as it does in the condition of `if` (XCU 2.14 set).
    """
    if node is None or "n" in machine.options:
        return machine.status
    machine.depth += 1
    machine.meter.nest(machine.depth)
    machine.meter.step()
    kind = type(node)
    try:
        status = _EVALUATORS[kind](machine, node, tested)
    except ShellError as error:
        machine.report(error)
        raise
    finally:
        machine.depth -= 1
    machine.status = status
    if status and kind in _CHECKED and not tested and machine.option("e"):
        raise ShellExit(False)
    return status


def _simple(machine: Machine, node: Simple, tested: bool) -> int:
    return simple.run(machine, node, tested)


def _not(machine: Machine, node: Not, _tested: bool) -> int:
    status = machine.evaluate(node.body, True)
    return status if machine.flow.skip else int(not status)


def _and_or(machine: Machine, node: AndOr, tested: bool) -> int:
    status = machine.evaluate(node.first, True)
    last = len(node.rest) - 1
    for index, (operator, command) in enumerate(node.rest):
        if machine.flow.skip:
            break
        if (status == 0) == (operator == "&&"):
            status = machine.evaluate(command, tested or index < last)
    return status


def _sequence(machine: Machine, node: Sequence, tested: bool) -> int:
    status = 0
    for item in node.items:
        status = machine.evaluate(item, tested)
        if machine.flow.skip:
            break
    return status


def _if(machine: Machine, node: If, tested: bool) -> int:
    branch: Node | None = node
    while isinstance(branch, If):
        status = machine.evaluate(branch.test, True)
        if machine.flow.skip:
            return status
        if status == 0:
            return machine.evaluate(branch.then, tested)
        branch = branch.otherwise
    return machine.evaluate(branch, tested) if branch is not None else 0


def _skip_loop(machine: Machine) -> str:
    """Counts a loop that `break` or `continue` leaves. Returns what is still to be skipped."""
    flow = machine.flow
    skip = flow.skip
    if skip in ("break", "continue"):
        flow.count -= 1
        if flow.count <= 0:
            flow.skip = ""
        else:
            skip = "break"
    return skip


def _loop(machine: Machine, node: Loop, tested: bool) -> int:
    machine.flow.loops += 1
    status = 0
    skip = ""
    while skip in ("", "continue"):
        machine.meter.step()
        result = machine.evaluate(node.test, True)
        skip = _skip_loop(machine)
        if skip == "return status":
            status = result
        if skip:
            continue
        if (result != 0) != node.until:
            break
        status = machine.evaluate(node.body, tested)
        skip = _skip_loop(machine)
    machine.flow.loops -= 1
    return status


def _for(machine: Machine, node: For, tested: bool) -> int:
    machine.meter.line = node.line
    words = [field for word in node.words for field in machine.expander.fields(word)]
    status = 0
    machine.flow.loops += 1
    for word in words:
        machine.meter.step()
        machine.assign(node.name, word)
        status = machine.evaluate(node.body, tested)
        if _skip_loop(machine) not in ("", "continue"):
            break
    machine.flow.loops -= 1
    return status


def _case(machine: Machine, node: Case, tested: bool) -> int:
    machine.meter.line = node.line
    machine.substituted = 0
    text = machine.expander.text(node.word)
    for choice in node.choices:
        for word in choice.patterns:
            glob = machine.expander.pattern(word)
            machine.meter.step(1 + cost(glob, text))
            if matches(glob, text):
                return machine.evaluate(choice.body, tested) if choice.body is not None else 0
    return 0


def _function(machine: Machine, node: Function, _tested: bool) -> int:
    machine.functions[node.name] = node
    return 0


def _redirected(machine: Machine, node: Redirected, tested: bool) -> int:
    machine.meter.line = node.line
    depth = len(machine.redirections)
    targets = redirect.expand(machine, node.redirects)
    try:
        redirect.apply(machine, targets)
    except ShellError as error:
        machine.report(error)
        status = machine.status = error.status
        if not tested and machine.option("e"):
            raise ShellExit(False) from None
    else:
        status = machine.evaluate(node.body, tested)
    machine.undo_redirections(depth)
    return status


def _in_child(child: Machine, body: Node | None, redirects: tuple[Redirect, ...], tested: bool) -> int:
    """Runs a subshell with redirections of its own; a failure of them is its end."""

    def action() -> int:
        redirect.apply(child, redirect.expand(child, redirects))
        child.redirections.clear()  # they last until the subshell ends
        return child.evaluate(body, tested)

    child.depth += 1
    child.meter.nest(child.depth)
    child.conclude(action)
    child.variables.forget()
    return child.status


def _subshell(machine: Machine, node: Subshell, tested: bool) -> int:
    machine.meter.line = node.line
    return _in_child(machine.subshell(), node.body, node.redirects, tested)


def _background(machine: Machine, node: Background, _tested: bool) -> int:
    child = machine.subshell()
    child.descriptors[0] = Null()
    jobs = machine.jobs
    status = _in_child(child, node.body, node.redirects, False)
    jobs.last = PROCESS + 1 + len(jobs.statuses)
    jobs.statuses[jobs.last] = status
    return 0


def _pipeline(machine: Machine, node: Pipeline, tested: bool) -> int:
    """Runs the stages one after the other; each reads what the one before has written."""
    status = 0
    source: Stream | None = None
    for index, stage in enumerate(node.stages):
        child = machine.subshell()
        if source is not None:
            child.descriptors[0] = source
        sink = Sink(machine.meter, piped=True)
        if index + 1 < len(node.stages):
            child.descriptors[1] = sink
        result = child.run(stage, tested=tested)
        status = result or (status if "pipefail" in machine.options else 0)
        source = sink.source()
    return status


def _conditional(machine: Machine, node: Conditional, _tested: bool) -> int:
    return bash_test.evaluate(machine, node)


_CHECKED = frozenset([Simple, Subshell, Background, Pipeline, Conditional])
# Each takes the node that is its key: what a dictionary's type can't say.
_EVALUATORS: dict[type, Callable[[Machine, Any, bool], int]] = {
    Simple: _simple,
    Not: _not,
    AndOr: _and_or,
    Sequence: _sequence,
    If: _if,
    Loop: _loop,
    For: _for,
    Case: _case,
    Conditional: _conditional,
    Function: _function,
    Redirected: _redirected,
    Subshell: _subshell,
    Background: _background,
    Pipeline: _pipeline,
}
