// Two operators: a change that another one has made meanwhile, in words: `Mia switched web to green 4 s ago`.

import type { Problem } from "../../api/problem";
import { since } from "../../state/clock";
import { items } from "../../state/events";
import { services } from "../../state/live";
import { actor, capital } from "../../words/name";
import { duration } from "../../words/time";

const VERBS: Record<string, string> = {
  switch: "switched",
  rollback: "rolled back",
  failover: "failed over",
};

/** Returns who came first; `null` if the refusal has another reason. */
export function overtaken(problem: Problem, service: string): string | null {
  return problem.code === "generation_mismatch" ? mover(service) : null;
}

/** Returns who moved a service last. */
export function mover(service: string): string {
  const event = items.value.flatMap((one) =>
    one.gap === null && one.event.service === service && one.event.kind in VERBS ? [one.event] : [],
  )[0];
  if (event !== undefined) {
    return said(actor(event.actor), VERBS[event.kind] ?? "changed", service, event.to ?? "", event.at);
  }
  const changed = services.value.find((one) => one.name === service)?.changed;
  if (!changed) return `${service} was changed meanwhile`;
  return said(actor(changed.actor), VERBS[changed.verb] ?? "changed", service, "", changed.at);
}

function said(who: string, verb: string, service: string, to: string, at: string): string {
  const seconds = since(at);
  const ago = seconds === null ? "" : ` ${duration(seconds)} ago`;
  return `${capital(who || "Somebody")} ${verb} ${service}${to && ` to ${to}`}${ago}`;
}
