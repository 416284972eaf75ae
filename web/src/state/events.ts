// The events: the newest ones for the rail, and the reasons to read the rest again. Gaps are shown as gaps.

import { signal } from "@preact/signals";

import type { Message } from "../api/sse";
import { type Listener, OLDEST, type Stream, stream } from "../api/stream";
import type { Event as TealEvent } from "../api/types";
import { now } from "./clock";
import { forgotten, refreshList, status } from "./live";
import { noteRefusal, recall, token } from "./session";

/** An event, or a gap. */
export type Item =
  | { key: string; gap: null; event: TealEvent }
  | { key: string; gap: "missed" | "restarted"; count: number | null; at: string };

const KEPT = 200;

/** The events, newest first. */
export const items = signal<Item[]>([]);

/** True while the stream is open. */
export const streaming = signal(false);

/** Grows with each event that may have changed history, deploys or previews. */
export const changes = signal(0);

/** The time for which a page may be unseen and still hold its stream. */
const UNSEEN_MS = 2000;

const LISTENER: Listener = {
  token: () => token.peek(),
  onOpen() {
    streaming.value = true;
    // What happened while it was closed may have no event.
    refreshList();
    changes.value += 1;
    // Another Teal may know the token differently, or not at all.
    void recall();
  },
  onMessage: take,
  onLost(problem) {
    streaming.value = false;
    noteRefusal(problem);
  },
};

let running: Stream | null = null;
let gaps = 0;

/** Opens the stream. */
export function startEvents(): void {
  let left = OLDEST;
  running = stream(LISTENER, left);
  let timer: ReturnType<typeof setTimeout> | undefined;
  // A browser has six connections to one host: a page that nobody sees gives its stream back.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) {
      running ??= stream(LISTENER, left);
      return;
    }
    timer = setTimeout(() => {
      left = running?.stop() ?? left;
      running = null;
    }, UNSEEN_MS);
  });
  // Another process answers: the stream of the one before may hang instead of ending.
  let process = "";
  status.subscribe((answer) => {
    const next = answer?.value.teal.instance ?? process;
    if (process !== "" && next !== process) running?.restart();
    process = next;
  });
  forgotten.subscribe(() => {
    items.value = [];
  });
  let before = token.peek();
  token.subscribe((next) => {
    if (next !== before) running?.restart();
    before = next;
  });
}

function take(message: Message): void {
  const item = read(message);
  if (item === null) return;
  // What happened before the page was opened is not missed.
  if (item.gap === "missed" && items.peek().length === 0) return;
  items.value = [item, ...items.peek().filter((one) => one.key !== item.key)].slice(0, KEPT);
  if (item.gap !== null || item.event.kind !== "health") changes.value += 1;
  refreshList();
}

function read({ kind, data, id }: Message): Item | null {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  if (kind === "missed" || kind === "restarted") {
    gaps += 1;
    const missed = "missed" in value && typeof value.missed === "number" ? value.missed : null;
    return { key: `gap-${gaps}`, gap: kind, count: missed, at: new Date(now()).toISOString() };
  }
  const event = value as TealEvent;
  if (typeof event.kind !== "string" || typeof event.at !== "string") return null;
  return { key: id === "" ? `${event.id}-${event.at}` : id, gap: null, event };
}
