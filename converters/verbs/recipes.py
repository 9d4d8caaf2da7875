"""``edge-mm-convert recipes``: the recipes that ship, or one of them in full."""

from __future__ import annotations

import argparse
import json

SUMMARY = "list the recipes, or show one"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("name", nargs="?", help="show this one: a name, or a .toml of your own")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = "example: edge-mm-convert recipes int8-qat"


def run(args: argparse.Namespace) -> int:
    """Print them."""
    from converters.recipes import as_table, known_recipes, load_recipe

    names = [args.name] if args.name else known_recipes()
    found = [load_recipe(name) for name in names]
    if args.json:
        print(json.dumps([as_table(recipe) for recipe in found], indent=1))
    elif args.name:
        print(json.dumps(as_table(found[0]), indent=1))
    else:
        for recipe in found:
            print(f"{recipe.name:18s} {recipe.summary}")
    return 0
