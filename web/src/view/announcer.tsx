// What a screen reader is told: events politely, refusals and the failure of what serves at once.

import { effect, signal } from "@preact/signals";

import { since } from "../state/clock";
import { done } from "../state/ask";
import { items } from "../state/events";
import { staleSeconds } from "../state/live";
import { sentence } from "../words/event";

/** The age up to which an event is announced: older ones were read when the page was opened. */
const FRESH_SECONDS = 15;

const polite = signal("");
const urgent = signal("");
let last = "";

effect(() => {
  const newest = items.value[0];
  if (newest === undefined || newest.key === last) return;
  last = newest.key;
  if (newest.gap !== null || (since(newest.event.at) ?? 0) > FRESH_SECONDS) return;
  const { weight, text, reason } = sentence(newest.event);
  const said = `${newest.event.service ?? newest.event.group ?? "Teal"}: ${text}${reason && `: ${reason.slice(0, 200)}`}`;
  if (weight === "bad") urgent.value = said;
  else polite.value = said;
});

effect(() => {
  if (done.value !== "") polite.value = done.value;
});

let wasStale = false;
effect(() => {
  const stale = staleSeconds.value !== null;
  if (stale !== wasStale) polite.value = stale ? "The connection to Teal is lost" : "Connected to Teal again";
  wasStale = stale;
});

export function Announcer() {
  return (
    <>
      <p class="unseen" aria-live="polite" id="said">
        {polite.value}
      </p>
      <p class="unseen" aria-live="assertive">
        {urgent.value}
      </p>
    </>
  );
}
