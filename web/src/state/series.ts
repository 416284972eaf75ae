// The series of the open service, for the charts, and the newest rates of all services, for the list. Only what is
// seen is read: the charts ask for what they lack, the list for the last seconds.

import { computed, effect, signal } from "@preact/signals";

import { readSeries } from "../api/calls";
import type { ServiceSeries } from "../api/types";
import { join, type Kept, rates as ratesOf } from "./join";
import { forgotten, service, services, status } from "./live";
import { chosen } from "./route";
import { token } from "./session";

/** What the charts show: the last minutes by seconds, or an hour by tens of seconds. */
export type Span = "5 min" | "15 min" | "1 h";

export const SPANS: Record<Span, { step: number; last: number }> = {
  "5 min": { step: 1, last: 300 },
  "15 min": { step: 1, last: 900 },
  "1 h": { step: 10, last: 3600 },
};

export const span = signal<Span>("5 min");

/** The series of the open service; `null`: not read yet, or this Teal has none. */
export const series = signal<Kept | null>(null);

/** False once a Teal has answered that it has no series. */
export const hasSeries = signal(true);

/** The newest rates by service. */
export const rates = signal<Map<string, { blue: number; green: number }>>(new Map());

/** The figures of the last 10 seconds of the open service. */
export const recent = computed(() => ofOpen(10));

/** The same of the last seconds: the flow moves at once. */
export const newest = computed(() => ofOpen(2));

const LIST_LAST = 5;
/** The time after which a Teal that had no series is asked again: it may have been upgraded. */
const AGAIN_MS = 15_000;

/** Starts to read. */
export async function startSeries(): Promise<void> {
  let listAt = Number.NEGATIVE_INFINITY;
  let wake: (() => void) | undefined;
  forgotten.subscribe(() => {
    series.value = null;
    rates.value = new Map();
  });
  // What is wanted now is read at once.
  effect(() => {
    const wanted = [span.value, service.value?.name, chosen.value];
    if (wanted.length > 0) wake?.();
  });
  for (;;) {
    if (!document.hidden && status.peek() !== null) {
      const open = service.peek()?.name;
      if (open !== undefined) await readOpen(open);
      const many = services.peek().length;
      if (many > 1 && chosen.peek() === null && performance.now() - listAt > (many > 30 ? 5000 : 2000)) {
        await readList();
        listAt = performance.now();
      }
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, hasSeries.peek() ? 1000 : AGAIN_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function readOpen(name: string): Promise<void> {
  const wanted = SPANS[span.peek()];
  const before = series.peek();
  const fits = before !== null && before.step === wanted.step && before.of.service === name;
  const complete = fits && before.asked >= wanted.last;
  const answer = await readSeries(token.peek(), {
    service: name,
    step: wanted.step,
    ...(complete ? { after: before.end } : { last: wanted.last }),
  });
  if (!answer.ok) {
    // Without an answer the charts keep what they have; the head of the page says that it is stale.
    if (answer.problem.status >= 400) hasSeries.value = false;
    return;
  }
  hasSeries.value = true;
  const joined = join(complete ? before : null, answer.value, wanted.last);
  if (service.peek()?.name === name) series.value = joined;
}

async function readList(): Promise<void> {
  const answer = await readSeries(token.peek(), { step: 1, last: LIST_LAST });
  if (!answer.ok) return;
  rates.value = new Map(
    answer.value.services.map((one) => [
      one.service,
      { blue: mean(one.blue.requests), green: mean(one.green.requests) },
    ]),
  );
}

/** The newest seconds of the open service; what is kept may still be that of the one before. */
function ofOpen(seconds: number): { seconds: number; of: ServiceSeries } | null {
  const kept = series.value;
  return kept !== null && kept.of.service === service.value?.name ? ratesOf(kept, seconds) : null;
}

function mean(values: number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}
