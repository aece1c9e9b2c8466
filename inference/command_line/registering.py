"""`register`: marks are taken into a register, it is searched, and it says what it holds."""

from __future__ import annotations

import sys
from contextlib import closing

from inference.bench import Bench
from inference.casework.searches import make_search_report
from inference.command_line.benches import bench_for
from inference.command_line.choices import crops, grounds
from inference.command_line.issuing import facts_of, print_issued
from inference.command_line.options import AddOptions, InfoOptions, RegisterCommand, RegisterOptions, SearchOptions
from inference.command_line.terminal import told_on_terminal
from inference.command_line.text import json_text, search_text
from inference.intake.grounds import read_laid_on
from inference.records import Refusal
from inference.register.opening import is_register
from inference.register.register import Register, parsed_filters


def register(command: RegisterCommand) -> None:
    """Take marks into a register, search it for those that a mark resembles, or print what it holds."""
    action = command.action
    if isinstance(action, AddOptions):
        _add(action)
    elif isinstance(action, SearchOptions):
        _search(action)
    else:
        _info(action)


def _add(options: AddOptions) -> None:
    with closing(_opened(options)) as opened:
        for source in options.sources:
            found = opened.take_in(source, told_on_terminal)
            for path, why in found.refused:
                print(f"not taken in: {path}: {why}", file=sys.stderr)
            print(f"{source}: {found}.")
        print(_holds(opened))


def _search(options: SearchOptions) -> None:
    (crop,), (ground,) = crops(options.crop, 1), grounds(options.ground, 1)
    exhibit, facts = read_laid_on(options.mark, ground), facts_of(options)
    bench = bench_for(options)
    with closing(_opened(options, bench)) as opened:
        found = opened.search(exhibit, crop, options.most, parsed_filters(options.where))
    print(json_text(found) if options.json else search_text(found))
    if facts is not None:
        card = bench.catalogue.cards[found.provenance.model]
        print_issued(lambda made, case: make_search_report(facts, found, card, made, case), facts, options, options.out)


def _info(options: InfoOptions) -> None:
    with closing(_opened(options)) as opened:
        print(_holds(opened))
        print(f"columns  {', '.join(opened.store.columns) or 'none'}")
        for source, path, why in opened.store.refused():
            print(f"not taken in: {source / path}: {why}")


def _opened(options: RegisterOptions, bench: Bench | None = None) -> Register:
    if not isinstance(options, AddOptions) and not is_register(options.register):
        msg = f"There is no register in {options.register}; make one with python -m inference register add."
        raise Refusal(msg)
    bench = bench or bench_for(options)
    return bench.register(options.register, options.model)


def _holds(opened: Register) -> str:
    return f"{opened.store.place} holds {len(opened.store):,} marks; its content is {opened.store.version[:12]}."
