#!/usr/bin/env python3
"""Draws the life of a request and the life of a switch as SVG, beside this file: diagrams.py"""

from html import escape
from pathlib import Path

HERE = Path(__file__).parent
INK, QUIET, LINE = "#1d2733", "#5b6b7c", "#9aa7b4"
PLAIN, BLUE, GREEN, TEAL, YELLOW = "#ffffff", "#d6e6ff", "#d5f2dc", "#cdeeee", "#fff3cf"


class Drawing:
    """Boxes, arrows and words on a white sheet, readable on light and dark pages."""

    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="system-ui, sans-serif" font-size="13" role="img">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{INK}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" rx="8" fill="#fbfcfd"/>',
        ]

    def text(self, x, y, words, size=13, color=INK, anchor="middle", weight="normal"):
        for index, line in enumerate(words.split("\n")):
            self.parts.append(
                f'<text x="{x}" y="{y + index * (size + 4)}" font-size="{size}" fill="{color}" '
                f'text-anchor="{anchor}" font-weight="{weight}">{escape(line)}</text>'
            )

    def box(self, x, y, width, height, name, words="", fill=PLAIN):
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}" stroke="{LINE}"/>'
        )
        self.text(x + width / 2, y + 21, name, weight="600")
        if words:
            self.text(x + width / 2, y + 40, words, size=11, color=QUIET)

    def arrow(self, x1, y1, x2, y2, words="", dashed=False, above=6, anchor="middle"):
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{INK}" stroke-width="1.3"{dash} '
            'marker-end="url(#tip)"/>'
        )
        if words:
            self.text((x1 + x2) / 2, (y1 + y2) / 2 - above, words, size=11, color=QUIET, anchor=anchor)

    def line(self, x1, y1, x2, y2):
        self.parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{LINE}" stroke-dasharray="2 4"/>')

    def save(self, name):
        (HERE / name).write_text("\n".join([*self.parts, "</svg>", ""]))


def request():
    drawing = Drawing(960, 392, "The life of a request")
    drawing.text(24, 32, "The life of a request, on one worker", size=16, anchor="start", weight="600")
    drawing.box(24, 60, 100, 74, "client")
    steps = [
        ("listener", "accepts; TLS", PLAIN),
        ("http", "finds the head,\nwithin a deadline", PLAIN),
        ("route", "host and path\nselect a service", PLAIN),
        ("pick", "active color and\nlease: one step", TEAL),
        ("upstream", "connects, sends;\nretries if safe", PLAIN),
    ]
    x = 164
    for name, words, fill in steps:
        drawing.box(x, 60, 124, 74, name, words, fill)
        drawing.arrow(x - (40 if x == 164 else 20), 97, x - 2, 97)
        x += 144
    drawing.box(596, 166, 124, 50, "hold", "waits at Teal", YELLOW)
    drawing.arrow(658, 134, 658, 162, dashed=True)
    drawing.text(586, 186, "while the service is held,", size=11, color=QUIET, anchor="end")
    drawing.text(586, 202, "or parked for a failover", size=11, color=QUIET, anchor="end")
    drawing.box(740, 246, 94, 54, "blue", "active", BLUE)
    drawing.box(846, 246, 94, 54, "green", "idle", GREEN)
    drawing.arrow(794, 134, 788, 242)
    drawing.arrow(814, 134, 886, 242, dashed=True)
    drawing.text(948, 180, "after a switch", size=11, color=QUIET, anchor="end")
    drawing.box(452, 246, 124, 54, "response", "relayed as it arrives")
    drawing.arrow(738, 273, 578, 273)
    drawing.arrow(450, 273, 74, 273)
    drawing.arrow(74, 273, 74, 138)
    drawing.text(262, 265, "at the speed of the slower side", size=11, color=QUIET)
    drawing.text(24, 326, "L1  no request is on a color that does not know of it", size=12, anchor="start")
    drawing.text(24, 348, "L5  sent again only where it cannot be acted on twice", size=12, anchor="start")
    drawing.text(24, 370, "L8  each request ends once: answered, or aborted with a cause", size=12, anchor="start")
    drawing.save("request.svg")


def switch():
    drawing = Drawing(960, 560, "The life of a switch")
    drawing.text(24, 32, "The life of a switch: teal switch green", size=16, anchor="start", weight="600")
    lanes = [
        (90, "operator", PLAIN),
        (270, "control", TEAL),
        (450, "journal", PLAIN),
        (620, "workers", TEAL),
        (760, "blue", BLUE),
        (880, "green", GREEN),
    ]
    for x, name, fill in lanes:
        drawing.box(x - 54, 52, 108, 36, name, fill=fill)
        drawing.line(x, 88, x, 536)
    at = {name: x for x, name, _ in lanes}

    def step(y, number, one, other, words, dashed=False):
        left = min(at[one], at[other])
        drawing.arrow(at[one], y, at[other], y, dashed=dashed)
        drawing.text(left + 8, y - 7, f"{number}  {words}" if number else words, size=11, color=QUIET, anchor="start")

    step(120, "1", "operator", "control", "switch to green")
    step(158, "2", "control", "green", "gate: every target has passed its newest probes (L9)")
    step(180, "", "green", "control", "healthy; else refused, and nothing has changed", dashed=True)
    step(218, "3", "control", "journal", "the decision, synced to disk (L6)")
    step(240, "", "journal", "control", "durable", dashed=True)
    step(278, "4", "control", "workers", "publish: the new table")
    step(300, "", "workers", "control", "every worker acknowledged: published (L2)", dashed=True)
    step(326, "", "workers", "green", "new requests")
    drawing.parts.append(
        f'<rect x="{at["workers"] + 12}" y="346" width="{at["blue"] - at["workers"] - 24}" height="76" rx="6" '
        f'fill="{BLUE}" stroke="{LINE}"/>'
    )
    drawing.text((at["workers"] + at["blue"]) / 2, 366, "5  drain", weight="600")
    drawing.text((at["workers"] + at["blue"]) / 2, 384, "requests on blue\nend there", size=11, color=QUIET)
    step(446, "", "workers", "control", "no lease and no connection left: drained (L4)", dashed=True)
    step(484, "6", "control", "journal", "the receipt is complete")
    step(518, "", "control", "operator", "blue is drained: safe to stop", dashed=True)
    drawing.save("switch.svg")


request()
switch()
