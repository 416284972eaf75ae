// The open dialog: at most one.

import { signal } from "@preact/signals";

import type { Color, Deploy } from "../api/types";

/** A dialog and what it is about. */
export type Ask =
  | { what: "move"; verb: "switch" | "rollback"; service: string; to: Color }
  | { what: "hold"; service: string }
  | { what: "resume"; service: string }
  | { what: "shorten"; service: string; color: Color }
  | { what: "retire"; service: string; color: Color }
  | { what: "continue"; deploy: Deploy }
  | { what: "abandon"; deploy: Deploy }
  | { what: "receipt"; service: string; generation: number }
  | { what: "sign-in" }
  | { what: "keys" };

export const ask = signal<Ask | null>(null);

/** What was done last, for screen readers. */
export const done = signal("");

export function close(): void {
  ask.value = null;
}
