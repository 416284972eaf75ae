// The keys. Each opens something; none acts by itself.

import { mayHold, mayMove, mayRollBack } from "../act/allowed";
import { ask } from "../state/ask";
import { service, services } from "../state/live";
import { open } from "../state/route";
import { other } from "../words/name";

/** The keys and what they open, as the help shows them. */
export const KEYS: [string, string][] = [
  ["s", "Switch to the other color: opens the dry run"],
  ["r", "Roll back: opens the dry run"],
  ["h", "Hold new requests, or resume"],
  ["g then h", "Go to the history"],
  ["g then e", "Go to the events"],
  ["/", "Find a service"],
  ["?", "This help"],
  ["Esc", "Close a dialog"],
];

/** The time within which the second key after `g` must come. */
const PAIR_MS = 1500;

const SHOWN_MS = 60;

export function startKeys(): void {
  let goAt = Number.NEGATIVE_INFINITY;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (ask.peek() !== null || typing(event.target)) return;
    const going = performance.now() - goAt < PAIR_MS;
    goAt = Number.NEGATIVE_INFINITY;
    if (event.key === "g") {
      goAt = performance.now();
      return;
    }
    const handled = going ? go(event.key) : press(event.key);
    if (handled) event.preventDefault();
  });
}

function go(key: string): boolean {
  const id = key === "h" ? "history" : key === "e" ? "events" : null;
  if (id === null) return false;
  const part = document.getElementById(id);
  part?.scrollIntoView({ block: "start" });
  part?.focus({ preventScroll: true });
  return true;
}

function press(key: string): boolean {
  const one = service.peek();
  switch (key) {
    case "/":
      if (services.peek().length > 1) {
        open(null);
        // After the list has been shown, and after the focus has gone to its begin.
        setTimeout(() => document.getElementById("find")?.focus(), SHOWN_MS);
      }
      return true;
    case "?":
      ask.value = { what: "keys" };
      return true;
    case "s":
      if (one === null || mayMove(one).disabled) return false;
      ask.value = { what: "move", verb: "switch", service: one.name, to: other(one.active) };
      return true;
    case "r":
      if (one === null || mayRollBack(one).disabled) return false;
      ask.value = {
        what: "move",
        verb: "rollback",
        service: one.name,
        to: one.rollback?.to ?? other(one.active),
      };
      return true;
    case "h":
      if (one === null || mayHold(one).disabled) return false;
      ask.value = { what: one.held ? "resume" : "hold", service: one.name };
      return true;
    default:
      return false;
  }
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, dialog") !== null;
}
