// A switch as a line of stages: the gate, the decision, the publish, the drain. Pure.

import type { PendingCall, Receipt } from "../api/types";
import { actor } from "./name";
import { between, duration, milliseconds, took } from "./time";

export interface Stage {
  name: string;
  state: "past" | "now" | "ahead" | "bad";
  /** What is known of it; empty: nothing yet. */
  text: string;
}

/** What a call does that is not decided yet. */
const WAITS: Record<string, string> = {
  gate: "waits for healthy probes",
  "warm-up": "warms the color up",
  queued: "waits for another change",
};

/** The stages of a call that has not been decided yet. */
export function pendingStages(call: PendingCall): Stage[] {
  const decided = call.stage === "writing";
  const to = call.to ? ` to ${call.to}` : "";
  const waits = `${call.verb}${to} by ${actor(call.actor)} ${WAITS[call.stage] ?? call.stage}`;
  const reason = call.reason ? `: ${call.reason}` : "";
  return [
    {
      name: "Gate",
      state: decided ? "past" : "now",
      text: decided ? "" : `${waits}, ${duration(call.age_seconds)}${reason}`,
    },
    { name: "Published", state: decided ? "now" : "ahead", text: decided ? "writing to the journal" : "" },
    { name: "Drained", state: "ahead", text: "" },
  ];
}

/** The stages of a switch. */
export function stages(receipt: Receipt, left: string): Stage[] {
  const { evidence, drain } = receipt;
  const published = between(receipt.decided, receipt.published);
  const drained = between(receipt.published, receipt.ended);
  const probes = evidence.length === 1 ? "1 probe passed" : `${evidence.length} probes passed`;
  const gate: Stage = { name: "Gate", state: "past", text: evidence.length === 0 ? "passed" : probes };
  const publish: Stage =
    published === null
      ? { name: "Published", state: "now", text: "waiting for the workers" }
      : {
          name: "Published",
          state: "past",
          text: `${milliseconds(Math.max(0, published) * 1000)} after the decision`,
        };
  switch (drain?.state) {
    case "drained":
      return [gate, publish, { name: "Drained", state: "past", text: `in ${took(drained)}, nothing cut` }];
    case "cut":
      return [gate, publish, { name: "Cut", state: "bad", text: `${drain.cut?.total ?? 0} at the deadline` }];
    case "superseded":
      return [
        gate,
        publish,
        { name: "Superseded", state: "past", text: `by generation ${drain.superseded_by}` },
      ];
    case "stuck":
    case "interrupted":
      return [gate, publish, { name: "Drain", state: "bad", text: drain.state }];
    default:
      return [gate, publish, { name: "Draining", state: published === null ? "ahead" : "now", text: left }];
  }
}
