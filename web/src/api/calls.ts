// The calls that the page makes. Reads first, then changes.

import { type Answer, call } from "./http";
import type {
  Color,
  Deploy,
  Deploys,
  History,
  HoldAnswer,
  Receipt,
  Resumed,
  Retired,
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

/** Brings the deadline of the drain of the other color closer: `active` has the traffic already. */
export function shortenDrain(
  token: Token,
  service: string,
  active: Color,
  drain: string,
): Promise<Answer<SwitchAnswer>> {
  return call({
    method: "POST",
    path: "/admin/switch",
    query: { service, to: active, drain, wait: "published" },
    token,
  });
}

export function hold(token: Token, service: string, maxWait: string): Promise<Answer<HoldAnswer>> {
  return call({
    method: "POST",
    path: "/admin/hold",
    query: { service, max_wait: maxWait, wait: "published" },
    token,
    timeoutMs: MOVE_MS,
  });
}

export function resume(token: Token, service: string): Promise<Answer<Resumed>> {
  return call({ method: "POST", path: "/admin/resume", query: { service }, token });
}

export function retire(token: Token, service: string, color: Color): Promise<Answer<Retired>> {
  return call({
    method: "POST",
    path: "/admin/retire",
    query: { service, color },
    token,
    timeoutMs: MOVE_MS,
  });
}

/** Takes a deploy over from its command line. The answer has the claim for the next report. */
export function takeDeploy(token: Token, id: number): Promise<Answer<Deploy>> {
  return call({
    method: "PATCH",
    path: `/admin/deploys/${id}`,
    body: { take: true, by: "the console" },
    token,
  });
}

/** Ends a deploy that was taken over. */
export function endDeploy(token: Token, deploy: Deploy, detail: string): Promise<Answer<Deploy>> {
  return call({
    method: "PATCH",
    path: `/admin/deploys/${deploy.id}`,
    body: { claim: deploy.claim, result: "abandoned", detail },
    token,
  });
}
