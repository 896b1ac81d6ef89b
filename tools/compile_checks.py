#!/usr/bin/env python3
"""The two checks of `./dev lint` that need a compiler, each file checked once for each content.

  compile_checks.py tidy    BUILD CACHE [FILE...]   clang-tidy on every *.cc but the tests
  compile_checks.py headers BUILD CACHE [FILE...]   every *.h compiles alone, twice in a row (so its guard works)

BUILD has a compile_commands.json. CACHE is a folder with an empty file for each check that passed, named after the
hash of all it depends on: the files, our headers that they include (and theirs), the flags, the tool, its settings.
What the SDK brings is in $CLUSTEROS_SDK's name. What passes is remembered, failures are looked at again.

clang-tidy spends nearly all its time on the system's headers, again for every file. So the files of a folder are given
to it together, as one file that includes them. Where that does not compile (two files with the same name in an
anonymous namespace) the halves are tried, down to single files.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time

# Files of one clang-tidy run. More saves more headers, and makes the smallest piece of work larger.
GROUP = 8
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.M)
# Flags that clang does not know, or that name the other compiler's precompiled headers.
DROP_ALONE = re.compile(r"^(-c|-Winvalid-pch|-fno-sanitize-recover=.*|-fmodule.*|-fdeps-.*|-fpch-.*|-fsanitize=.*|-fmax-.*|-g\d?|-O\w?)$")
# GCC's name, clang's name.
RENAMED = {"-fconstexpr-ops-limit=": "-fconstexpr-steps="}
DROP_WITH_VALUE = {"-o", "-include", "-MF", "-MT", "-MQ"}


def flags_of(entry):
    """The compiler's flags of a compile command, without compiler, input, output and precompiled headers."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    flags, skip = [], True
    while words:
        word = words.pop(0)
        if skip:  # ccache and the compiler itself
            skip = not word.startswith("-") and bool(words) and not words[0].startswith("-")
            continue
        if word in DROP_WITH_VALUE:
            words.pop(0)
        elif not DROP_ALONE.match(word) and word != entry["file"]:
            for theirs, ours in RENAMED.items():
                word = word.replace(theirs, ours)
            flags.append(word)
    return flags


def portable(flags, sources):
    """The flags without the place of the checkout, so that every clone knows what passed in another."""
    return [flag.replace(str(sources.root), ".") for flag in flags]


def hash_of(*parts):
    digest = hashlib.sha256()
    for part in parts:
        part = part if isinstance(part, bytes) else str(part).encode()
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()


class Sources:
    """What a file's text and that of our headers below it are, read once."""

    def __init__(self, root):
        self.root = root
        self.texts = {}

    def text(self, path):
        if path not in self.texts:
            try:
                self.texts[path] = (self.root / path).read_bytes()
            except OSError:
                self.texts[path] = None  # not ours: a system header, or made by the build
        return self.texts[path]

    def closure(self, path):
        seen, unread = {}, [path]
        while unread:
            name = unread.pop()
            if name in seen:
                continue
            text = self.text(name)
            if text is None:
                continue
            seen[name] = text
            for include in INCLUDE.findall(text):
                include = include.decode(errors="replace")
                unread += [include, os.path.normpath(os.path.join(os.path.dirname(name), include))]
        return b"".join(hash_of(name, seen[name]).encode() for name in sorted(seen))


def tracked(suffix):
    out = subprocess.run(["bash", "-c", ". tools/sources.sh; cxx_sources"], capture_output=True, text=True, check=True)
    return [line for line in out.stdout.splitlines() if line.endswith(suffix)]


class Check:
    """A check of a group of files: the hash of all it depends on, and the command. halves() may be empty."""

    def __init__(self, files, key, command):
        self.files, self.key, self.command = files, key, command
        self.halves = lambda: []


def tidy_checks(build, wanted, sources, scratch):
    entries = json.loads((build / "compile_commands.json").read_text())
    settings = pathlib.Path(".clang-tidy").read_bytes()
    rooms = "|".join(sorted({f.split("/")[0] for f in tracked(".cc")}))
    wanted = wanted or [f for f in tracked(".cc") if not f.endswith("_test.cc") and not f.startswith("cmake/")]
    flags = {}
    for entry in entries:
        path = os.path.relpath(os.path.realpath(os.path.join(entry["directory"], entry["file"])), sources.root)
        flags.setdefault(path, flags_of(entry) + ["-Wno-everything"])
    missing = [f for f in wanted if f not in flags]
    if missing:
        sys.exit(f"not part of the build, so not checked: {' '.join(missing)}")

    def check(files):
        main = files[0]
        command = ["clang-tidy", "--quiet"]
        if len(files) > 1:
            text = "".join(f'#include "{f}"\n' for f in files)
            main = str(scratch / f"{hash_of(text)[:16]}.cc")
            pathlib.Path(main).write_text(text)
            command.append(f"--header-filter={re.escape(str(sources.root))}/({rooms})/.*")
            command.append(f"--config-file={sources.root}/.clang-tidy")
        command += [main, "--", *flags[files[0]]]
        result = Check(files, hash_of("tidy", *map(sources.closure, files), settings, *portable(flags[files[0]], sources), len(files) > 1), command)
        if len(files) > 1:
            middle = len(files) // 2
            result.halves = lambda: [check(files[:middle]), check(files[middle:])]
        return result

    groups = {}
    for path in sorted(wanted):
        groups.setdefault((os.path.dirname(path), tuple(flags[path])), []).append(path)
    for files in groups.values():
        for i in range(0, len(files), GROUP):
            yield check(files[i : i + GROUP])


def header_checks(build, wanted, sources, scratch):
    entries = json.loads((build / "compile_commands.json").read_text())
    flags = [f for f in flags_of(next(e for e in entries if e["file"].endswith(".cc"))) if not f.startswith("-D")]
    flags.append('-DCLUSTEROS_VERSION="0"')
    for path in sorted(wanted or tracked(".h")):
        text = f'#include "{path}"\n#include "{path}"\n'
        command = ["bash", "-c", 'printf %s "$0" | g++ "$@" -fsyntax-only -x c++ -', text, *flags]
        yield Check([path], hash_of("headers", sources.closure(path), *portable(flags, sources)), command)


class Runner:
    def __init__(self, cache):
        self.cache = cache
        self.sdk = os.path.basename(os.environ.get("CLUSTEROS_SDK", ""))
        self.lock = threading.Lock()
        self.done = self.total = self.known = 0
        self.failed = []

    def mark(self, check, verdict):
        return self.cache / hash_of(check.key, self.sdk, verdict)

    def remembered(self, check, verdict):
        mark = self.mark(check, verdict)
        if mark.exists():
            os.utime(mark)
            return True
        return False

    def run(self, check):
        """Does one check; returns the checks to do in its place."""
        if self.remembered(check, "passes"):
            self.known += len(check.files)
            return []
        if self.remembered(check, "in halves"):
            return check.halves()
        result = subprocess.run(check.command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        output = result.stdout + result.stderr
        # A finding of a file that compiles is one; what does not compile together may do so apart.
        halves = check.halves() if result.returncode != 0 and "[clang-diagnostic-error]" in output else []
        with self.lock:
            if result.returncode == 0:
                self.mark(check, "passes").touch()
            elif halves:
                self.mark(check, "in halves").touch()
                return halves
            else:
                blamed = [f for f in check.files if re.search(rf"(^|/){re.escape(f)}:\d+", output, re.M)] or check.files
                self.failed += blamed
                print(f"--- {' '.join(blamed)}\n{output}".rstrip())
            self.done += len(check.files)
            print(f"[{self.known + self.done}/{self.total}] {check.files[-1]}", flush=True)
        return []

    def run_all(self, checks):
        checks = list(checks)
        self.total = sum(len(check.files) for check in checks)
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS") or len(os.sched_getaffinity(0)))) as pool:
            running = {pool.submit(self.run, check) for check in checks}
            while running:
                ended, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in ended:
                    running |= {pool.submit(self.run, check) for check in future.result()}
        return 1 if self.failed else 0

    def forget_old(self):
        """What nobody asked for in two months is of a text that is gone."""
        for mark in self.cache.iterdir():
            if mark.stat().st_mtime < time.time() - 60 * 86400:
                mark.unlink()


def main():
    kinds = {"tidy": tidy_checks, "headers": header_checks}
    if len(sys.argv) < 4 or sys.argv[1] not in kinds:
        print(__doc__, file=sys.stderr)
        return 2
    build, cache = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    cache.mkdir(parents=True, exist_ok=True)
    runner = Runner(cache)
    with tempfile.TemporaryDirectory() as scratch:
        sources = Sources(pathlib.Path.cwd().resolve())
        status = runner.run_all(kinds[sys.argv[1]](build, sys.argv[4:], sources, pathlib.Path(scratch)))
    runner.forget_old()
    failed = f"{len(runner.failed)} failed{': ' if runner.failed else ''}{' '.join(sorted(runner.failed))}"
    print(f"{runner.done} checked, {runner.known} known to pass, {failed}")
    return status


if __name__ == "__main__":
    sys.exit(main())
