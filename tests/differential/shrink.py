"""From a sequence that shows a difference to the smallest part of it that still shows one (delta debugging)."""

import dataclasses

from pair import Late
from steps import FORM, Settle


# etcd lists in an order that it draws anew each time, so of two keys every other try shows nothing.
CHANCES = 16


def shrink(pair, steps, difference, rules):
    def shows(candidate):
        try:
            for _ in range(CHANCES):
                found = pair.run(candidate, rules)
                if found:
                    return found
        except Late:
            pass
        return None

    pair.patience = 0.2  # what is missing was waited for already
    # Nothing behind a difference matters; a watch differs at the end.
    found = shows(steps[:difference.position + 1])
    if found:
        steps, difference = steps[:difference.position + 1], found
    steps, difference = fewer(list(steps), difference, shows)
    return simpler(steps, difference, shows)


def fewer(steps, difference, shows):
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            candidate = steps[:at] + steps[at + size:]
            found = shows(candidate) if candidate else None
            if found:
                steps, difference = candidate, found
            else:
                at += size
        size //= 2
    return steps, difference


def simpler(steps, difference, shows):
    changed = True
    while changed:
        changed = False
        for at, step in enumerate(steps):
            for candidate in [] if isinstance(step, Settle) else variants(step):
                found = shows(steps[:at] + [candidate] + steps[at + 1:])
                if found:
                    steps[at], difference, changed = candidate, found, True
                    break
    return steps, difference


def variants(step):
    """The step with one thing less."""
    for name in ("query", "body"):
        pieces = getattr(step, name) or ()
        for at in range(len(pieces)):
            yield dataclasses.replace(step, **{name: pieces[:at] + pieces[at + 1:]})
    if step.body is not None:
        yield dataclasses.replace(step, body=None)
    if step.chunked:
        yield dataclasses.replace(step, chunked=False)
    if step.content_type != FORM:
        yield dataclasses.replace(step, content_type=FORM)
    if step.path.count("/") > 3:
        yield dataclasses.replace(step, path=step.path.rpartition("/")[0])
