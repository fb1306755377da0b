#!/usr/bin/env python3
"""Finds files of a folder that name each other in a circle.

    scripts/lib/circles.py FOLDER [--allow A.swift,B.swift]... [--floors]

A file names another when it mentions a type the other declares, comments and strings aside. An extension belongs to
the file it stands in; what it adds to a type is counted for the type's own file.

--allow   a circle that is defended in docs/ARCHITECTURE.md; it must still exist
--floors  prints the files from the ground up: each names only files of lower floors

Exit code 1: there is a circle that is not allowed, or an allowed one that is gone.
"""
import argparse
import pathlib
import re
import sys

DECLARATION = re.compile(
    r"^(?:(?:public|package|internal|fileprivate|private|final|indirect|@\w+)\s+)*"
    r"(?:struct|class|enum|actor|protocol|typealias)\s+(\w+)", re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
STRING = re.compile(r'"""(?:.*?)"""|"(?:\\.|[^"\\\n])*"', re.DOTALL)
INTERPOLATION = re.compile(r"\\\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


def code(text):
    """The text without comments, of strings only what is interpolated."""
    text = STRING.sub(lambda found: " ".join(INTERPOLATION.findall(found.group())), COMMENT.sub("", text))
    return text


def circles(edges):
    """Strongly connected parts with more than one file (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = set()
            while True:
                part.add(stack.pop())
                if node in part:
                    break
            found.append(part)

    for node in edges:
        if node not in index:
            visit(node)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--allow", action="append", default=[])
    parser.add_argument("--floors", action="store_true")
    arguments = parser.parse_args()
    sys.setrecursionlimit(10_000)
    texts = {path.relative_to(arguments.folder).as_posix(): code(path.read_text())
             for path in sorted(arguments.folder.rglob("*.swift"))}
    homes = {}
    for file, text in texts.items():
        for name in DECLARATION.findall(text):
            homes.setdefault(name, file)
    edges = {file: set() for file in texts}
    for file, text in texts.items():
        own = set(DECLARATION.findall(text))
        for word in set(re.findall(r"\b[A-Z]\w*", text)) - own:
            if homes.get(word, file) != file:
                edges[file].add(homes[word])
    parts = circles(edges)
    if arguments.floors:
        floor = {}
        for part in parts:  # what a part names has been found before it
            below = {floor[other] for file in part for other in edges[file] if other not in part}
            for file in part:
                floor[file] = max(below, default=-1) + 1
        for number in range(max(floor.values()) + 1):
            print(f"{number:2}  " + "  ".join(sorted(file for file in floor if floor[file] == number)))
    allowed = [frozenset(pair.split(",")) for pair in arguments.allow]
    failed = False
    for part in parts:
        if len(part) > 1 and not any(part == pair for pair in allowed):
            failed = True
            print(f"error: {len(part)} files of {arguments.folder} name each other in a circle:", file=sys.stderr)
            for file in sorted(part):
                print(f"    {file} names {', '.join(sorted(edges[file] & part))}", file=sys.stderr)
    for pair in allowed:
        if pair not in [frozenset(part) for part in parts]:
            failed = True
            print(f"error: {', '.join(sorted(pair))} are no circle any more: remove --allow", file=sys.stderr)
    return 1 if failed else 0


sys.exit(main())
