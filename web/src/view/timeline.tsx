// During a switch, and for a moment after it: its stages, with the one under way marked.

import type { Receipt, Service } from "../api/types";
import { since, tick } from "../state/clock";
import { status } from "../state/live";
import { history } from "../state/past";
import { count } from "../words/number";
import { duration } from "../words/time";
import { pendingStages, type Stage, stages } from "../words/timeline";
import { Mark, type Shape } from "./mark";

/** The time for which the end of a switch stays. */
const LINGER_SECONDS = 60;
const SHAPES: Record<Stage["state"], Shape> = { past: "active", now: "draining", ahead: "idle", bad: "warn" };

export function Timeline({ service }: { service: Service }) {
  const list = found(service);
  if (list === null) return null;
  return (
    <ol class="timeline" aria-label="The switch, step by step">
      {list.map((one) => (
        <li key={one.name} class={one.state} aria-current={one.state === "now" ? "step" : undefined}>
          <Mark shape={SHAPES[one.state]} /> <b>{one.name}</b> <span class="quiet">{one.text}</span>
        </li>
      ))}
    </ol>
  );
}

function found(service: Service): Stage[] | null {
  void tick.value;
  const call = (status.value?.value.waits ?? []).find(
    (one) =>
      !one.dry_run &&
      (one.services.includes(service.name) || one.services.length === 0) &&
      one.verb !== "reload",
  );
  if (call) return pendingStages(call);
  const receipt = newest(service);
  if (receipt === null) return null;
  const old = service.colors[receipt.from];
  const over = receipt.ended
    ? (since(receipt.ended) ?? LINGER_SECONDS) > LINGER_SECONDS
    : old.role !== "draining";
  return over ? null : stages(receipt, leftWords(old));
}

/** The receipt of the change that made the present state. */
function newest(service: Service): Receipt | null {
  const change = (history.value ?? []).find((one) => one.kind === "switch" && one.service === service.name);
  return change?.kind === "switch" && change.to === service.active ? change : null;
}

function leftWords({ in_flight: left, deadline_seconds: seconds }: Service["colors"]["blue"]): string {
  const time = typeof seconds === "number" ? `, ${duration(seconds)} to the deadline` : "";
  return `${count(left)} left${time}`;
}
