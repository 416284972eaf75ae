// What has happened: the history of all services, and the deploys of the open one. Read again after each event that
// may have changed it.

import { effect, signal } from "@preact/signals";

import { readDeploys, readHistory } from "../api/calls";
import type { Change, Deploy } from "../api/types";
import { changes } from "./events";
import { forgotten, service } from "./live";
import { token } from "./session";

/** The decisions, newest first; `null`: not read yet. */
export const history = signal<Change[] | null>(null);

/** The deploys of a service, newest first. */
export const deploys = signal<{ service: string; list: Deploy[] } | null>(null);

const SETTLE_MS = 250;

/** Starts to follow the events. */
export function startPast(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  forgotten.subscribe(() => {
    history.value = null;
    deploys.value = null;
  });
  effect(() => {
    const name = service.value?.name;
    const followed = [changes.value, token.value];
    clearTimeout(timer);
    if (followed.length > 0) timer = setTimeout(() => void read(name), SETTLE_MS);
  });
}

async function read(name: string | undefined): Promise<void> {
  const past = await readHistory(token.peek());
  if (past.ok) history.value = past.value.changes;
  if (name === undefined) return;
  const found = await readDeploys(token.peek(), name);
  if (found.ok) deploys.value = { service: name, list: found.value.deploys };
}
