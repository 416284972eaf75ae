#!/usr/bin/env python3
"""Draws what a terminal shows as SVG: tmux capture-pane -e -p | terminal.py TITLE >picture.svg"""

import re
import sys
from html import escape

CELL, LINE, TOP, LEFT = 8.43, 19, 46, 16
PAPER, INK = "#10161d", "#d7dee6"
COLORS = {
    30: "#5b6b7c", 31: "#ff7b72", 32: "#56d364", 33: "#e3b341", 34: "#79b8ff", 35: "#d2a8ff", 36: "#39c5cf", 37: "#e6edf3",
    90: "#6e7b88", 91: "#ffa198", 92: "#7ee787", 93: "#f2cc60", 94: "#a5d6ff", 95: "#e2c5ff", 96: "#76e3ea", 97: "#ffffff",
}
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|[\x0e\x0f]")


def palette(index):
    """The color of the 256 that terminals have."""
    if index < 8:
        return COLORS[30 + index]
    if index < 16:
        return COLORS[82 + index]
    if index >= 232:
        level = 8 + (index - 232) * 10
        return f"#{level:02x}{level:02x}{level:02x}"
    index -= 16
    return "#" + "".join(f"{0 if part == 0 else 55 + part * 40:02x}" for part in (index // 36, index // 6 % 6, index % 6))


def styled(style, codes):
    """The style after a control sequence."""
    codes = [int(code or 0) for code in codes.split(";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = {}
        elif code == 1:
            style = {**style, "weight": "700"}
        elif code == 2:
            style = {**style, "dim": True}
        elif code == 22:
            style = {key: value for key, value in style.items() if key not in ("weight", "dim")}
        elif code in COLORS:
            style = {**style, "fill": COLORS[code]}
        elif code == 39:
            style = {key: value for key, value in style.items() if key != "fill"}
        elif code == 38 and codes[:1] == [5]:
            style, codes = {**style, "fill": palette(codes[1])}, codes[2:]
        elif code == 38 and codes[:1] == [2]:
            style, codes = {**style, "fill": "#{:02x}{:02x}{:02x}".format(*codes[1:4])}, codes[4:]
    return style


def spans(line, style):
    """The parts of a line, each with its column and style, and the style at its end."""
    parts, column, last = [], 0, 0
    for found in SEQUENCE.finditer(line):
        text = line[last : found.start()]
        if text:
            parts.append((column, text, style))
        column, last = column + len(text), found.end()
        if found.group(1) is not None:
            style = styled(style, found.group(1))
    if line[last:]:
        parts.append((column, line[last:], style))
    return parts, style


def main():
    lines = sys.stdin.read().rstrip().split("\n")
    drawn, style, columns = [], {}, 60
    for row, line in enumerate(lines):
        parts, style = spans(line, style)
        for column, text, look in parts:
            text = text.rstrip()
            columns = max(columns, column + len(text))
            if text:
                column, text = column + len(text) - len(text.lstrip()), text.lstrip().replace(" ", "\u00a0")
                attributes = f' fill="{look["fill"]}"' if "fill" in look else ""
                attributes += f' font-weight="{look["weight"]}"' if "weight" in look else ""
                attributes += ' opacity="0.65"' if look.get("dim") else ""
                drawn.append(
                    f'<text x="{LEFT + column * CELL:.1f}" y="{TOP + row * LINE}" '
                    f'textLength="{len(text) * CELL:.1f}"{attributes}>{escape(text)}</text>'
                )
    width, height = 2 * LEFT + columns * CELL, TOP + len(lines) * LINE
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14" '
        f'fill="{INK}" role="img">\n<title>{escape(sys.argv[1])}</title>\n'
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="{PAPER}"/>'
    )
    for index, color in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        print(f'<circle cx="{18 + index * 18}" cy="16" r="5.5" fill="{color}"/>')
    print("\n".join(drawn))
    print("</svg>")


main()
