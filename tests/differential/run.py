#!/usr/bin/env python3
"""Sends the same requests to etcd and to kvd and compares all they answer. The first difference is shrunk to the fewest
requests that show it, printed as curl commands.

Sequences of requests come from seeds. Between two sequences both stores are emptied, so that a sequence fails alone as
it fails among others. With several kvd endpoints requests go to one after the other, and reads are quorum reads.
"""

import argparse
import random
import sys
import time

from pair import Late, Pair
from rules import RULES, Rules
from shrink import shrink
from steps import Generator, Moment

LENGTH = 250


def report(pair, difference, steps, seed, rules):
    print(f"seed {seed}: {difference.what} differs; shrinking {len(steps)} requests …", flush=True)
    smallest, difference = shrink(pair, steps, difference, rules)
    print(f"\n--- the fewest requests that show it ({len(smallest)}), with URL=http://127.0.0.1:2379 on an empty store:")
    for number, step in enumerate(smallest):
        mark = "  # <- here" if number == difference.position else ""
        print(step.curl(difference.indices.get(number, Moment())) + mark)
    print(f"\n--- etcd\n{difference.etcd}\n--- kvd\n{difference.kvd}")
    print(f"\nagain: tests/blackbox/kvd_differential_test.sh with SEED={seed}, or run.py --seed {seed}")


def run_seed(pair, seed, length, rules):
    """The difference that the seed's sequence shows, and the sequence."""
    expiry = seed % 10 == 0
    steps = Generator(seed, expiry).sequence(36 if expiry else length)
    for _ in range(5):
        try:
            return pair.run(steps, rules), steps
        except Late:
            pass
    sys.exit(f"seed {seed}: this machine is too slow to compare keys that live one second")


def differential(pair, arguments):
    rules = Rules(arguments.without)
    seeds, fresh = list(arguments.seed or []), random.SystemRandom().randrange(10**8, 10**9) * 1000
    begin = time.monotonic()
    number = 0
    while pair.requests < arguments.requests or number < len(seeds):
        # The fixed seeds, and a tenth of fresh ones.
        default = fresh + number // 10 if number % 10 == 8 else number + 1
        seed = seeds[number] if number < len(seeds) else default
        if seeds and number >= len(seeds):
            break
        difference, steps = run_seed(pair, seed, arguments.length, rules)
        if difference:
            report(pair, difference, steps, seed, rules)
            return 1
        number += 1
    print(f"{pair.requests} requests in {number} sequences (fresh seeds from {fresh}), {pair.watches} watches, "
          f"{pair.expired} keys run out: no difference, {time.monotonic() - begin:.0f} s")
    print("differences that are listed:", ", ".join(f"{name} {count}" for name, count in sorted(rules.used.items())))
    return 0


def witnesses(pair, wanted):
    """Each rule is needed, and enough, for the requests that show it."""
    failed = 0
    for rule in RULES:
        if wanted and rule.name not in wanted:
            continue
        pair.patience = 0.4  # a difference is what is waited for
        without = pair.run(rule.witness, Rules(off=[rule.name]))
        pair.patience = 3
        found = pair.run(rule.witness, Rules())
        verdict = "is not needed: both answer the same" if not without else f"is not enough: {found.what} differs" if found else "ok"
        print(f"{rule.name}: {verdict}")
        failed += verdict != "ok"
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--etcd", required=True, metavar="URL")
    parser.add_argument("--kvd", required=True, metavar="URL[,URL…]")
    parser.add_argument("--requests", type=int, default=20000)
    parser.add_argument("--length", type=int, default=LENGTH, help="requests in a sequence")
    parser.add_argument("--seed", type=int, action="append", help="this sequence alone; may be repeated")
    parser.add_argument("--without", action="append", default=[], metavar="RULE", choices=[rule.name for rule in RULES])
    parser.add_argument("--witnesses", nargs="*", metavar="RULE", help="show that each rule is needed, instead")
    parser.add_argument("--rows", action="store_true", help="print the rows of docs/kv.md that the rules stand for")
    arguments = parser.parse_args()
    if arguments.rows:
        print("\n".join(rule.row for rule in RULES))
        return 0
    pair = Pair(arguments.etcd, arguments.kvd.split(","))
    return witnesses(pair, arguments.witnesses) if arguments.witnesses is not None else differential(pair, arguments)


sys.exit(main())
