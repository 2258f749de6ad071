"""Draw the map of the modules from the code, so that it stays true.

python website/module_map.py            # writes website/docs/diagrams/module-map.svg
python website/module_map.py --check    # fails if it is out of date
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "autogen"
TARGET = ROOT / "website" / "docs" / "diagrams" / "module-map.svg"

# The layers with their purposes, from the top. Their imports are read from the code.
LAYERS: dict[str, str] = {
    "_cli": "the command line",
    "testing": "scripted models",
    "agentchat": "agents and chats",
    "oai": "models and providers",
    "coding": "running code",
    "cache": "caches of responses",
    "io": "consoles, queues, websockets",
}
BASE = "the rest"  # the modules of the package itself
ABOUT_BASE = "the driver, events, control, recording"
WIDTH, ROW, BOX, LEFT = 480, 62, 250, 20


def get_layer(path: Path) -> str:
    """Return the layer of a file."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 and parts[0] in LAYERS else BASE


def find_imports(path: Path) -> set[str]:
    """Return the layers that a file imports from."""
    package = ("autogen", *path.relative_to(PACKAGE).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) - node.level + 1] if node.level else ()
        module = (*base, *(node.module.split(".") if node.module else ()))
        if module[:1] != ("autogen",):
            continue
        names = [module[1]] if len(module) > 1 else [alias.name for alias in node.names]
        found.update(name if name in LAYERS else BASE for name in names)
    return found


def find_arrows() -> dict[str, set[str]]:
    """Return for each layer the layers that it imports from."""
    arrows: dict[str, set[str]] = {name: set() for name in [*LAYERS, BASE]}
    for path in sorted(PACKAGE.rglob("*.py")):
        layer = get_layer(path)
        # generated code may run in a folder of the package
        if layer == BASE and len(path.relative_to(PACKAGE).parts) > 2:
            continue
        arrows[layer] |= find_imports(path) - {layer}
    return arrows


def draw() -> str:
    """Return the map as SVG. Its colours are those of the page around it."""
    arrows = find_arrows()
    order = [*LAYERS, BASE]
    top = {name: 10 + index * ROW for index, name in enumerate(order)}
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {10 + len(order) * ROW}" role="img" aria-label="Map of the modules">',
        '<defs><marker id="map-head" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="10" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    ]
    lanes = 0
    for index, name in enumerate(order):
        for other in order[index + 1 :]:
            # every layer imports from the base
            if other not in arrows[name] or other == BASE:
                continue
            start, end = top[name] + 30, top[other] + 18
            if order.index(other) == index + 1:
                x = LEFT + BOX / 2
                lines.append(f'<path d="M{x:g},{top[name] + 44} V{top[other] - 1}" marker-end="url(#map-head)"/>')
                continue
            right, lane = LEFT + BOX, LEFT + BOX + 16 + lanes * 16
            lanes += 1
            lines.append(f'<path d="M{right},{start} H{lane} V{end} H{right + 2}" marker-end="url(#map-head)"/>')
    for name in order:
        y, title = top[name], "autogen" if name == BASE else f"autogen.{name}"
        about = ABOUT_BASE if name == BASE else LAYERS[name]
        lines += [
            f'<rect x="{LEFT}" y="{y}" width="{BOX}" height="44"{_key(name)}/>',
            f'<text x="{LEFT + BOX / 2:g}" y="{y + 19}" class="strong">{title}</text>',
            f'<text x="{LEFT + BOX / 2:g}" y="{y + 36}" class="small">{about}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _key(name: str) -> str:
    return ' class="key"' if name == "agentchat" else ""


def main(arguments: list[str]) -> int:
    """Write the map, or with `--check` say that it is out of date."""
    text = draw()
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    if "--check" in arguments:
        print(f"{TARGET.relative_to(ROOT)} is out of date: run python website/module_map.py")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
