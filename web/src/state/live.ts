// The status, read again and again: everything while there are few services, else the open one each second and the
// list now and then. It keeps the last answer when Teal is gone, with the time from which on it is stale.

import { computed, signal } from "@preact/signals";

import { readStatus } from "../api/calls";
import type { Service, Status } from "../api/types";
import type { Answer } from "../api/http";
import type { Problem } from "../api/problem";
import { noteDate, tick } from "./clock";
import { chosen } from "./route";
import { noteRefusal, token } from "./session";

/** An answer and when it came, on the monotonic clock. */
export interface Received<T> {
  value: T;
  at: number;
}

const EACH_MS = 1000;
/** The number of services up to which each answer has all of them. */
const FEW = 30;
const LIST_EACH_MS = 5000;
/** The age from which on the newest answer is called stale. */
const STALE_MS = 3500;

/** The newest answer. With many services its list may be older than that of `service`. */
export const status = signal<Received<Status> | null>(null);

/** Why the newest call failed; `null`: it did not. */
export const problem = signal<Problem | null>(null);

/** The version of the Teal that this page came from. */
export const firstVersion = signal("");

/** Grows each time that the page forgets what it knew. */
export const forgotten = signal(0);

const single = signal<Received<Service> | null>(null);
let listAt = Number.NEGATIVE_INFINITY;
let wake: (() => void) | undefined;

/** All services, the open one as new as possible. */
export const services = computed<Service[]>(() => {
  const list = status.value?.value.services ?? [];
  const one = single.value?.value;
  return one === undefined ? list : list.map((service) => (service.name === one.name ? one : service));
});

/** The open service: the one that was chosen, or the only one. */
export const service = computed<Service | null>(() => {
  const all = services.value;
  if (chosen.value === null) return all.length === 1 ? (all[0] ?? null) : null;
  return all.find((one) => one.name === chosen.value) ?? null;
});

/** The time for which the newest answer has been stale, in seconds; `null`: it is not. */
export const staleSeconds = computed(() => {
  const at = status.value?.at;
  if (at === undefined) return null;
  const age = tick.value - at;
  return age > STALE_MS ? age / 1000 : null;
});

/** Reads the status soon, such as after an event. */
export function refresh(): void {
  wake?.();
}

/** Reads the list of all services with the next call. */
export function refreshList(): void {
  listAt = Math.min(listAt, performance.now() - LIST_EACH_MS + EACH_MS);
  wake?.();
}

/** Starts to read, for as long as the page is open. */
export async function startLive(): Promise<void> {
  document.addEventListener("visibilitychange", refresh);
  for (;;) {
    if (!document.hidden) await read();
    await pause();
  }
}

async function read(): Promise<void> {
  const before = status.peek()?.value;
  // While the list is open, any service will do to see that Teal answers.
  const name = service.peek()?.name ?? before?.services[0]?.name;
  const onlyOne =
    name !== undefined && (before?.total ?? 0) > FEW && performance.now() - listAt < LIST_EACH_MS;
  take(await readStatus(token.peek(), onlyOne ? name : undefined), onlyOne);
}

function take(answer: Answer<Status>, onlyOne: boolean): void {
  if (!answer.ok) {
    problem.value = answer.problem;
    noteRefusal(answer.problem);
    if (answer.problem.status === 401 && token.peek() === null) forget();
    // The open service is gone: the list says so.
    if (onlyOne && answer.problem.status === 404) listAt = Number.NEGATIVE_INFINITY;
    return;
  }
  noteDate(answer.date);
  const at = performance.now();
  problem.value = null;
  tick.value = at;
  if (onlyOne) {
    const one = answer.value.services[0];
    single.value = one === undefined ? null : { value: one, at };
    const before = status.peek();
    if (before !== null) status.value = { value: { ...answer.value, ...listOf(before.value) }, at };
    return;
  }
  listAt = at;
  if (firstVersion.peek() === "") firstVersion.value = answer.value.teal.version;
  single.value = null;
  status.value = { value: answer.value, at };
}

/** Forgets what only somebody with a token may see. */
function forget(): void {
  status.value = null;
  single.value = null;
  listAt = Number.NEGATIVE_INFINITY;
  forgotten.value += 1;
}

/** What an answer about one service lacks. */
function listOf({ services: list, groups, deploys }: Status): Partial<Status> & Pick<Status, "services"> {
  return { services: list, ...(groups && { groups }), ...(deploys && { deploys }) };
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, EACH_MS);
    wake = () => {
      clearTimeout(timer);
      // Many events at once are one reason to read.
      setTimeout(resolve, 60);
    };
  });
}
