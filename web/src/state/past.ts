// What has happened: the history of all services, the deploys and the rollouts of the open one. Read again after each event that
// may have changed it.

import { effect, signal } from "@preact/signals";

import { readDeploys, readHistory, readRollouts } from "../api/calls";
import type { Change, Deploy, Rollout } from "../api/types";
import { changes } from "./events";
import { forgotten, service } from "./live";
import { token } from "./session";

/** The decisions, newest first; `null`: not read yet. */
export const history = signal<Change[] | null>(null);

/** The deploys of a service, newest first. */
export const deploys = signal<{ service: string; list: Deploy[] } | null>(null);

/** The rollouts of a service, newest first. */
export const rollouts = signal<{ service: string; list: Rollout[] } | null>(null);

const SETTLE_MS = 250;

/** Starts to follow the events. */
export function startPast(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  forgotten.subscribe(() => {
    history.value = null;
    deploys.value = null;
    rollouts.value = null;
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
  const watched = await readRollouts(token.peek(), name);
  if (watched.ok) rollouts.value = { service: name, list: watched.value.rollouts };
}
