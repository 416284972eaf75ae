// What the charts draw, from the series of a service. Pure.

import type { Color } from "../../api/types";
import type { Kept } from "../../state/join";
import { rate } from "../../words/number";
import { milliseconds } from "../../words/time";

export interface Line {
  /** The name in the key: `Blue`, `Green p99`, `Errors`. */
  name: string;
  hue: Color | "bad";
  /** `strong`: a line; `fine`: a thin line; `bars`: a bar for each step. */
  look: "strong" | "fine" | "bars";
  values: (number | null)[];
  /** Formats one value. */
  say: (value: number | null | undefined) => string;
}

export interface Lines {
  /** The end of each step, in Unix seconds. */
  times: number[];
  lines: Line[];
}

/** Requests of both colors per second, and what failed of them. */
export function requestLines(kept: Kept): Lines {
  const per = (values: number[]) => values.map((one) => one / kept.step);
  const { blue, green } = kept.of;
  const errors = blue.server_errors.map((one, at) => {
    const sum = one + (blue.failed[at] ?? 0) + (green.server_errors[at] ?? 0) + (green.failed[at] ?? 0);
    return sum === 0 ? null : sum / kept.step;
  });
  return {
    times: times(kept),
    lines: [
      { name: "Errors", hue: "bad", look: "bars", values: errors, say: rate },
      { name: "Blue", hue: "blue", look: "strong", values: quiet(per(blue.requests)), say: rate },
      { name: "Green", hue: "green", look: "strong", values: quiet(per(green.requests)), say: rate },
    ],
  };
}

/** The median and the 99th percentile of both colors. */
export function timeLines(kept: Kept): Lines {
  const { blue, green } = kept.of;
  return {
    times: times(kept),
    lines: [
      { name: "Blue p99", hue: "blue", look: "fine", values: blue.p99_ms, say: milliseconds },
      { name: "Green p99", hue: "green", look: "fine", values: green.p99_ms, say: milliseconds },
      { name: "Blue median", hue: "blue", look: "strong", values: blue.p50_ms, say: milliseconds },
      { name: "Green median", hue: "green", look: "strong", values: green.p50_ms, say: milliseconds },
    ],
  };
}

function times({ end, step, of }: Kept): number[] {
  const { length } = of.teal;
  return of.teal.map((_, at) => end - (length - 1 - at) * step);
}

/** Leaves out zeros between zeros, so that an idle color is no line on the axis. */
function quiet(values: number[]): (number | null)[] {
  return values.map((one, at) => (one === 0 && !values[at - 1] && !values[at + 1] ? null : one));
}
