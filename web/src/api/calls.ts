// The calls that the page makes. Reads first, then changes.

import { type Answer, call } from "./http";
import type {
  Color,
  Deploy,
  Deploys,
  DryRun,
  History,
  HoldAnswer,
  Receipt,
  Resumed,
  Retired,
  Rollouts,
  Series,
  Status,
  SwitchAnswer,
  Whoami,
} from "./types";

type Token = string | null;

export function readStatus(token: Token, service?: string): Promise<Answer<Status>> {
  return call({ path: "/admin/status", query: { service }, token });
}

export function readSeries(
  token: Token,
  wanted: { service?: string; step?: number; last?: number; after?: number },
): Promise<Answer<Series>> {
  return call({ path: "/admin/series", query: wanted, token });
}

export function readHistory(token: Token): Promise<Answer<History>> {
  return call({ path: "/admin/history", token });
}

export function readReceipt(token: Token, generation: number, service: string): Promise<Answer<Receipt>> {
  return call({ path: `/admin/receipts/${generation}`, query: { service }, token });
}

/** Reads a receipt in the words of the command line. */
export function readReceiptText(token: Token, generation: number, service: string): Promise<Answer<string>> {
  return call({ path: `/admin/receipts/${generation}`, query: { service }, token, as: "text" });
}

export function readDeploys(token: Token, service: string): Promise<Answer<Deploys>> {
  return call({ path: "/admin/deploys", query: { service }, token });
}

export function readRollouts(token: Token, service: string): Promise<Answer<Rollouts>> {
  return call({ path: "/admin/rollouts", query: { service }, token });
}

export function readWhoami(token: Token): Promise<Answer<Whoami>> {
  return call({ path: "/admin/whoami", token });
}

/** A switch or a rollback. */
export interface Move {
  verb: "switch" | "rollback";
  service: string;
  to: Color;
  generation: number;
  dryRun: boolean;
  reason?: string;
  drain?: string;
}

/** The time for the answer of a move: its gate may need several probes. */
const MOVE_MS = 60_000;

export function move(token: Token, wanted: Move): Promise<Answer<SwitchAnswer>> {
  const { verb, service, to, reason, drain } = wanted;
  return call({
    method: "POST",
    path: `/admin/${verb}`,
    query: {
      service,
      to: verb === "switch" ? to : undefined,
      dry_run: wanted.dryRun || undefined,
      wait: wanted.dryRun ? undefined : "published",
      reason,
      drain,
    },
    token,
    ifMatch: wanted.generation,
    timeoutMs: MOVE_MS,
  });
}

/** The call that brings the deadline of the drain of the other color closer: `to` has the traffic already. */
function closer(token: Token, service: string, to: Color, drain: string) {
  return { method: "POST", path: "/admin/switch", query: { service, to, drain }, token } as const;
}

export function wouldShortenDrain(
  token: Token,
  service: string,
  active: Color,
  drain: string,
): Promise<Answer<SwitchAnswer>> {
  return call(dry(closer(token, service, active, drain)));
}

/** Leaves the drain alone if the service has another generation; the answer tells it. */
export function shortenDrain(
  token: Token,
  service: string,
  active: Color,
  drain: string,
  ifMatch: number,
): Promise<Answer<SwitchAnswer>> {
  const wanted = closer(token, service, active, drain);
  return call({ ...wanted, query: { ...wanted.query, wait: "published" }, ifMatch });
}

function holding(token: Token, service: string, maxWait: string) {
  const query = { service, max_wait: maxWait, wait: "published" };
  return { method: "POST", path: "/admin/hold", query, token, timeoutMs: MOVE_MS } as const;
}

export function wouldHold(token: Token, service: string, maxWait: string): Promise<Answer<DryRun>> {
  return call(dry(holding(token, service, maxWait)));
}

export function hold(
  token: Token,
  service: string,
  maxWait: string,
  ifMatch: number,
): Promise<Answer<HoldAnswer>> {
  return call({ ...holding(token, service, maxWait), ifMatch });
}

function resuming(token: Token, service: string) {
  return { method: "POST", path: "/admin/resume", query: { service }, token } as const;
}

export function wouldResume(token: Token, service: string): Promise<Answer<DryRun>> {
  return call(dry(resuming(token, service)));
}

export function resume(token: Token, service: string, ifMatch: number): Promise<Answer<Resumed>> {
  return call({ ...resuming(token, service), ifMatch });
}

function retiring(token: Token, service: string, color: Color) {
  const query = { service, color };
  return { method: "POST", path: "/admin/retire", query, token, timeoutMs: MOVE_MS } as const;
}

export function wouldRetire(token: Token, service: string, color: Color): Promise<Answer<DryRun>> {
  return call(dry(retiring(token, service, color)));
}

export function retire(
  token: Token,
  service: string,
  color: Color,
  ifMatch: number,
): Promise<Answer<Retired>> {
  return call({ ...retiring(token, service, color), ifMatch });
}

/** The call that takes a deploy over from its command line, and ends it: all of it or nothing. */
function abandoning(token: Token, id: number, more: object) {
  const body = { take: true, by: "the console", result: "abandoned", ...more };
  return { method: "PATCH", path: `/admin/deploys/${id}`, body, token } as const;
}

export function wouldAbandonDeploy(token: Token, id: number): Promise<Answer<DryRun>> {
  return call(abandoning(token, id, { dry_run: true }));
}

export function abandonDeploy(token: Token, id: number, detail: string): Promise<Answer<Deploy>> {
  return call(abandoning(token, id, { detail }));
}

/** The dry run of a call. */
function dry<C extends { query: object }>(wanted: C): C {
  return { ...wanted, query: { ...wanted.query, dry_run: true } };
}
