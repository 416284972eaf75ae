// Joins series: what the page has, and the newer steps that Teal has answered. Pure.

import type { ColorSeries, Series, ServiceSeries } from "../api/types";

/** The steps that the page keeps of one service. */
export interface Kept {
  end: number;
  step: number;
  /** The seconds that were asked for: a young Teal has fewer. */
  asked: number;
  of: ServiceSeries;
}

/** Appends an answer to what is kept, at most `last` seconds. Returns `null` where they do not fit: read all again. */
export function join(before: Kept | null, answer: Series, last: number): Kept | null {
  const [newer] = answer.services;
  if (newer === undefined) return before;
  const step = answer.step_seconds;
  const length = newer.teal.length;
  if (before === null) return cut({ end: answer.end, step, asked: last, of: newer }, last);
  if (length === 0) return answer.end < before.end ? null : before;
  // A gap, or another Teal's time: the answer does not begin where the kept steps end.
  if (answer.end - length * step !== before.end || before.step !== step) return null;
  return cut({ end: answer.end, step, asked: before.asked, of: append(before.of, newer) }, last);
}

/** Sums the newest `seconds` of all counts; quantiles and levels are those of the newest step that has one. */
export function rates(kept: Kept, seconds: number): { seconds: number; of: ServiceSeries } | null {
  const length = kept.of.teal.length;
  const steps = Math.min(length, Math.max(1, Math.round(seconds / kept.step)));
  if (steps === 0) return null;
  const total = (values: number[]) => [values.slice(-steps).reduce((a, b) => a + b, 0)];
  const quantile = (values: (number | null)[]) => [
    values.slice(-steps).findLast((one) => one !== null) ?? null,
  ];
  const color = (one: ColorSeries): ColorSeries => ({
    requests: total(one.requests),
    client_errors: total(one.client_errors),
    server_errors: total(one.server_errors),
    failed: total(one.failed),
    p50_ms: quantile(one.p50_ms),
    p99_ms: quantile(one.p99_ms),
    in_flight: newest(one.in_flight),
    streams: newest(one.streams),
  });
  const { service, blue, green, teal, aborted } = kept.of;
  const of = {
    service,
    blue: color(blue),
    green: color(green),
    teal: total(teal),
    aborted: total(aborted),
  };
  return { seconds: steps * kept.step, of };
}

function newest(values: number[]): number[] {
  return values.slice(-1);
}

function append(a: ServiceSeries, b: ServiceSeries): ServiceSeries {
  return {
    service: b.service,
    blue: appendColor(a.blue, b.blue),
    green: appendColor(a.green, b.green),
    teal: [...a.teal, ...b.teal],
    aborted: [...a.aborted, ...b.aborted],
  };
}

function appendColor(a: ColorSeries, b: ColorSeries): ColorSeries {
  return mapColor(b, (key) => [...(a[key] as number[]), ...(b[key] as number[])]);
}

function cut(kept: Kept, last: number): Kept {
  const most = Math.ceil(last / kept.step);
  if (kept.of.teal.length <= most) return kept;
  const { service, blue, green, teal, aborted } = kept.of;
  const cutColor = (one: ColorSeries) => mapColor(one, (key) => (one[key] as number[]).slice(-most));
  const of = {
    service,
    blue: cutColor(blue),
    green: cutColor(green),
    teal: teal.slice(-most),
    aborted: aborted.slice(-most),
  };
  return { ...kept, of };
}

function mapColor(like: ColorSeries, values: (key: keyof ColorSeries) => number[]): ColorSeries {
  const keys = Object.keys(like) as (keyof ColorSeries)[];
  return Object.fromEntries(keys.map((key) => [key, values(key)])) as unknown as ColorSeries;
}
