// Time: a tick for ages, and Teal's wall clock, which may differ from the browser's.

import { computed, signal } from "@preact/signals";

/** The monotonic time, in milliseconds; grows about twice a second while the page is visible. */
export const tick = signal(performance.now());

/** Teal's clock minus the browser's, in milliseconds; `null` until Teal has answered. */
export const offset = signal<number | null>(null);

/** The difference of the clocks in seconds, where it is worth a note; else `null`. */
export const skew = computed(() => {
  const seconds = Math.round((offset.value ?? 0) / 1000);
  return Math.abs(seconds) >= 5 ? seconds : null;
});

/** Notes the time that an answer bears. It has whole seconds, so that small changes are noise. */
export function noteDate(date: number | null): void {
  if (date === null) return;
  const seen = date + 500 - Date.now();
  const before = offset.peek();
  if (before === null || Math.abs(seen - before) > 2000) offset.value = seen;
}

/** Returns the wall-clock time of Teal; that of the browser until Teal has answered. */
export function now(): number {
  return Date.now() + (offset.peek() ?? 0);
}

/** Returns the seconds since an instant of Teal's clock, never negative; `null` if it cannot be read. */
export function since(instant: string | null | undefined): number | null {
  const at = Date.parse(instant ?? "");
  return Number.isNaN(at) ? null : Math.max(0, (now() - at) / 1000);
}

/** Starts the tick. */
export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) tick.value = performance.now();
  }, 500);
}
