// One chart, drawn by uPlot on a canvas. The words beside it say the same: the key with the values under the pointer.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { now } from "../../state/clock";
import { clock } from "../../words/time";
import type { Line, Lines } from "./lines";
import { options, type Switch } from "./options";

interface Props {
  title: string;
  unit: string;
  lines: Lines;
  switches: Switch[];
}

const HEIGHT = 208;

export function Chart({ title, unit, lines, switches }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marks = useRef<Switch[]>(switches);
  const [under, setUnder] = useState<number | null>(null);
  marks.current = switches;

  useEffect(() => {
    const box = place.current;
    if (box === null) return undefined;
    const make = () => {
      plot.current?.destroy();
      const wanted = options({
        width: box.clientWidth,
        height: HEIGHT,
        unit,
        lines: lines.lines,
        switches: () => marks.current,
        onCursor: setUnder,
      });
      plot.current = new uPlot(wanted, data(lines), box);
    };
    make();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", make);
    const sizes = new ResizeObserver(() => {
      if (box.clientWidth > 0) plot.current?.setSize({ width: box.clientWidth, height: HEIGHT });
    });
    sizes.observe(box);
    return () => {
      dark.removeEventListener("change", make);
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);

  useEffect(() => {
    plot.current?.setData(data(lines));
  }, [lines]);

  const at = under ?? lines.times.length - 1;
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="chart-at quiet">
          {under === null ? "" : clock((lines.times[at] ?? 0) * 1000, now())}
        </span>
      </figcaption>
      <ul class="key">
        {lines.lines.map((line) => (
          <Key key={line.name} line={line} at={at} />
        ))}
      </ul>
      <div class="plot" ref={place} aria-hidden="true" />
    </figure>
  );
}

function Key({ line, at }: { line: Line; at: number }) {
  const value = line.values[at] ?? null;
  return (
    <li class={`${line.hue} ${line.look}`}>
      <span class="key-line" aria-hidden="true" />
      {line.name}{" "}
      <span class="key-value">{line.look === "bars" && value === null ? "0" : line.say(value)}</span>
    </li>
  );
}

function data({ times, lines }: Lines): uPlot.AlignedData {
  return [times, ...lines.map((one) => one.values)];
}
