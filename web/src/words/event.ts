// An event as one sentence, in the words of the command line and of notifications.

import type { Event as TealEvent } from "../api/types";
import { actor, capital, running } from "./name";
import { some } from "./number";
import { duration } from "./time";

/** The weight of an event: how it is marked, and how it is announced. */
export type Weight = "good" | "plain" | "warn" | "bad";

export interface Sentence {
  weight: Weight;
  text: string;
  /** The reason, if one was given. */
  reason: string;
}

/** Formats an event. The service is left out: it stands beside the sentence. */
export function sentence(event: TealEvent): Sentence {
  const by = event.actor ? `, by ${actor(event.actor)}` : "";
  const reason = oneLine(event.reason ?? "");
  const say = (weight: Weight, text: string, why = reason): Sentence => ({ weight, text, reason: why });
  const color = event.color ?? "the color";
  switch (event.kind) {
    case "switch":
      return say("good", `Switched from ${event.from} to ${to(event)}${by}`);
    case "rollback":
      return say("good", `Rolled back from ${event.from} to ${to(event)}${by}`);
    case "failover":
      return say(
        "bad",
        `Failed over from ${event.from} to ${to(event)}: every target of ${event.from} was down`,
      );
    case "published":
      return say("plain", `Generation ${event.generation} is published: every worker has applied it`);
    case "drained":
      return drained(event);
    case "waiting":
      return say(
        "plain",
        `${capital(event.verb ?? "a call")}${event.to ? ` to ${event.to}` : ""} waits${by}`,
      );
    case "refused":
      return say("bad", `Refused${by}`);
    case "health":
      return health(event, reason);
    case "hold":
      return say("warn", `New requests are held${by}`);
    case "resume":
      return say("good", `Held requests were released${by}`);
    case "warm_up":
      return say(
        "plain",
        `${capital(color)} was warmed up: ${some(event.warm_up?.requests ?? 0, "request")}`,
      );
    case "maintenance_on":
      return say("warn", `Maintenance is on: new requests get 503${by}`);
    case "maintenance_off":
      return say("good", `Maintenance is off${by}`);
    case "reload":
      return say("plain", "The configuration was reloaded", (event.changes ?? []).join("; "));
    case "shorten": {
      const left = duration(event.deadline_seconds ?? 0);
      return say("warn", `${capital(color)} has at most ${left} left to drain${by}`);
    }
    case "retire":
      return say("plain", `${capital(color)} is retired${by}`);
    case "targets":
      return say("plain", `${capital(color)} has other targets${by}`, (event.targets ?? []).join(", "));
    case "preview_made":
      return say("plain", `A preview of ${color} was made${by}`);
    case "previews_revoked":
      return say("plain", `The preview tokens were revoked${by}`);
    case "deploy":
      return deploy(event, reason);
    case "rollout":
      return rollout(event, reason);
    default:
      return say("plain", capital(event.kind.replaceAll("_", " ")) + by);
  }
}

function to(event: TealEvent): string {
  return event.to ? running(event.to, event.version) : "the other color";
}

function drained(event: TealEvent): Sentence {
  const { drain, target } = event;
  const what = target ? `target ${target}` : (drain?.color ?? "the old color");
  switch (drain?.state) {
    case "cut":
      return {
        weight: "warn",
        text: `The drain of ${what} ended at its deadline: ${some(drain.cut?.total ?? 0, "request")} cut`,
        reason: "",
      };
    case "superseded":
      return {
        weight: "plain",
        text: `The drain of ${what} was superseded by generation ${drain.superseded_by}`,
        reason: "",
      };
    case "stuck":
      return { weight: "bad", text: `The drain of ${what} is stuck`, reason: "" };
    case "interrupted":
      return { weight: "warn", text: `The drain of ${what} was interrupted`, reason: "" };
    default:
      return { weight: "good", text: `${capital(what)} is drained: safe to stop`, reason: "" };
  }
}

function health(event: TealEvent, reason: string): Sentence {
  const target = event.target ?? "a target";
  const address = event.address && !target.includes(event.address) ? ` (${event.address})` : "";
  const subject = `The ${event.color ?? ""} target ${target}${address}`.replace("  ", " ");
  if (event.health === "up") return { weight: "good", text: `${subject} is up`, reason: "" };
  if (event.health === "down")
    return { weight: event.active ? "bad" : "warn", text: `${subject} is down`, reason };
  return { weight: "plain", text: `${subject} has an unknown health`, reason };
}

function rollout(event: TealEvent, reason: string): Sentence {
  const version = event.version ? ` of ${event.version}` : "";
  const say = (weight: Weight, did: string): Sentence => ({
    weight,
    text: `Rollout ${event.rollout}${version} to ${event.color ?? event.to ?? "the other color"} ${did}`,
    reason,
  });
  switch (event.rollout_state) {
    case "done":
      return say("good", "is done: the version stays");
    case "rolled_back":
      return say("bad", "was rolled back: the version failed");
    case "stuck":
      return say("bad", "is stuck: the version failed, and traffic stays");
    case "aborted":
      return say("plain", "was aborted");
    default:
      return say("plain", "has begun: the version is watched");
  }
}

function deploy(event: TealEvent, reason: string): Sentence {
  const version = event.version ? ` of ${event.version}` : "";
  const color = event.color ? ` to ${event.color}` : "";
  const say = (weight: Weight, did: string): Sentence => ({
    weight,
    text: `Deploy ${event.deploy}${version}${color} ${did}`,
    reason,
  });
  switch (event.result) {
    case "succeeded":
      return say("good", "has succeeded");
    case "failed":
      return say("bad", "has failed, and nothing was changed");
    case "reverted":
      return say("bad", "has failed, and traffic was switched back");
    case "unknown":
      return say("bad", "has failed, and it is not known what runs");
    case "abandoned":
      return say("warn", "was abandoned");
    case "swept":
      return say("plain", "has stopped the old environment");
    default:
      if (event.paused) return say("warn", "waits before its switch");
      return say("plain", event.step ? `is at the step ${event.step}` : "has begun");
  }
}

function oneLine(text: string): string {
  return text.replaceAll(":\n", ": ").replaceAll("\n", "; ");
}
