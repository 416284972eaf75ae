// How uPlot draws: hairlines, no box, no legend of its own, a line at each switch, the name of a color at its end.

import type uPlot from "uplot";

import type { Color } from "../../api/types";
import { capital } from "../../words/name";
import type { Line } from "./lines";

/** A switch: the second at which it was published, and the color that it moved to. */
export interface Switch {
  at: number;
  to: Color;
}

interface Wanted {
  width: number;
  height: number;
  unit: string;
  lines: Line[];
  switches: () => Switch[];
  onCursor: (index: number | null) => void;
}

interface Ink {
  text: string;
  line: string;
  strong: string;
  font: string;
  of: Record<Line["hue"], string>;
}

/** Returns the options of a chart. Colors come from the style sheet, so that both themes have theirs. */
export function options(wanted: Wanted): uPlot.Options {
  const ink = inks();
  const axis = { font: ink.font, stroke: ink.text, ticks: { show: false } };
  return {
    width: wanted.width,
    height: wanted.height,
    padding: [18, 52, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "teal" }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
    scales: { y: { range: (_, __, most) => [0, roof(most)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 72,
        values: (_, splits) => splits.map(minute),
        size: 28,
      },
      {
        ...axis,
        grid: { stroke: ink.line, width: 1 },
        space: 44,
        size: wanted.unit === "" ? 44 : 64,
        gap: 8,
        values: (_, splits) => splits.map((one) => label(one, wanted.unit)),
      },
    ],
    series: [{}, ...wanted.lines.map((line) => strokes(line, ink))],
    hooks: {
      drawClear: [(plot) => drawSwitches(plot, wanted.switches(), ink)],
      draw: [(plot) => drawNames(plot, wanted.lines, ink)],
      setCursor: [(plot) => wanted.onCursor(plot.cursor.idx ?? null)],
    },
  };
}

function strokes(line: Line, ink: Ink): uPlot.Series {
  const hue = ink.of[line.hue];
  if (line.look === "bars") {
    return { stroke: hue, fill: hue, width: 0, points: { show: false }, paths: bars };
  }
  return {
    stroke: hue,
    width: line.look === "fine" ? 1 : 2,
    alpha: line.look === "fine" ? 0.75 : 1,
    points: { show: false },
  };
}

/** Bars of at least 2 px from the axis. */
const bars: uPlot.Series.PathBuilder = (plot, series, from, to) => {
  const path = new Path2D();
  const values = plot.data[series] ?? [];
  const floor = plot.valToPos(0, "y", true);
  const wide = Math.max(2, plot.bbox.width / Math.max(1, to - from) - 1);
  for (let at = from; at <= to; at += 1) {
    const value = values[at];
    if (value === null || value === undefined) continue;
    const x = plot.valToPos(plot.data[0][at] ?? 0, "x", true);
    const y = Math.min(floor - 3, plot.valToPos(value, "y", true));
    path.rect(Math.round(x - wide / 2), y, wide, floor - y);
  }
  return { fill: path };
};

function drawSwitches(plot: uPlot, switches: Switch[], ink: Ink): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const { min = null, max = null } = plot.scales["x"] ?? {};
  if (min === null || max === null) return;
  ctx.save();
  ctx.font = ink.font.replace(/(\d+)px/, (_, size: string) => `${Number(size) * ratio}px`);
  ctx.textBaseline = "top";
  const shown = switches.filter(({ at }) => at >= min && at <= max).sort((a, b) => b.at - a.at);
  const place = ({ at }: Switch) => Math.round(plot.valToPos(at, "x", true));
  ctx.strokeStyle = ink.strong;
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  for (const one of shown) {
    ctx.beginPath();
    ctx.moveTo(place(one), 14 * ratio);
    ctx.lineTo(place(one), bbox.top + bbox.height);
    ctx.stroke();
  }
  // Where switches are close together, only the newest one has its name.
  let free = Number.POSITIVE_INFINITY;
  for (const one of shown) {
    const x = place(one);
    if (free - x < 64 * ratio) continue;
    free = x;
    ctx.fillStyle = ink.of[one.to];
    ctx.textAlign = x > bbox.left + bbox.width - 32 * ratio ? "right" : "center";
    ctx.fillText(`→ ${one.to}`, x, 0);
  }
  ctx.restore();
}

/** Writes the name of a color at the end of its line, where it has one: nobody must tell the hues apart. */
function drawNames(plot: uPlot, lines: Line[], ink: Ink): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const taken: number[] = [];
  ctx.save();
  ctx.font = ink.font.replace(/(\d+)px/, (_, size: string) => `${Number(size) * ratio}px`);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  lines.forEach((line, index) => {
    if (line.look !== "strong" || line.hue === "bad") return;
    const values = plot.data[index + 1] ?? [];
    const value = values.at(-1);
    if (value === null || value === undefined) return;
    let y = plot.valToPos(value, "y", true);
    while (taken.some((one) => Math.abs(one - y) < 13 * ratio)) y -= 13 * ratio;
    taken.push(y);
    ctx.fillStyle = ink.of[line.hue];
    ctx.fillText(capital(line.hue), bbox.left + bbox.width + 8 * ratio, y);
  });
  ctx.restore();
}

function inks(): Ink {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read("--quiet"),
    line: read("--hairline"),
    strong: read("--quiet"),
    font: `12px ${getComputedStyle(document.body).fontFamily || "sans-serif"}`,
    of: { blue: read("--blue"), green: read("--green"), bad: read("--bad") },
  };
}

/** The top of the axis: a little above the highest value, and never nothing. */
function roof(most: number | null): number {
  return most === null || most <= 0 ? 1 : most * 1.12;
}

function minute(seconds: number): string {
  const date = new Date(seconds * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return date.getSeconds() === 0 ? time : `${time}:${two(date.getSeconds())}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function label(value: number, unit: string): string {
  const number = value >= 10_000 ? `${Math.round(value / 1000)}k` : String(Math.round(value * 100) / 100);
  return unit === "" ? number : `${number} ${unit}`;
}
