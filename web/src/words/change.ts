// A decision of the history as one sentence.

import type { Change } from "../api/types";
import { actor, capital, running } from "./name";
import { some } from "./number";
import { between, duration, took } from "./time";

export interface Line {
  at: string;
  text: string;
  who: string;
  /** How it ended; empty: there is nothing to say. */
  outcome: string;
  tone: "" | "warn" | "bad";
  /** The generation of the receipt; `null`: it has none. */
  receipt: number | null;
}

/** Formats a decision. */
export function line(change: Change): Line {
  const plain = (at: string, text: string, outcome = ""): Line => ({
    at,
    text,
    who: actor(change.actor),
    outcome,
    tone: "",
    receipt: null,
  });
  switch (change.kind) {
    case "switch": {
      const verb = { rollback: "Rolled back", failover: "Failed over" }[change.cause] ?? "Switched";
      const text = `${verb} from ${running(change.from, change.from_version)} to ${running(change.to, change.version)}`;
      return { ...plain(change.decided, text), ...drain(change), receipt: change.generation };
    }
    case "hold":
      return plain(change.at, `Held new requests, up to ${duration(change.max_wait_seconds)} each`);
    case "resume":
      return plain(change.at, "Released the held requests");
    case "retire":
      return plain(change.at, `Retired ${change.color}`);
    case "targets":
      return plain(change.at, `Gave ${change.color} other targets: ${change.targets.join(", ") || "none"}`);
    case "reload":
      return plain(
        change.at,
        `${change.generation === 0 ? "First start with" : "Reloaded the configuration:"} ${few(change.services)}`,
      );
    case "maintenance":
      return plain(change.at, change.on ? "Began a maintenance" : "Ended the maintenance");
    case "deploy": {
      const version = change.version ? ` of ${change.version}` : "";
      const text = `Deploy ${change.id}${version} to ${change.color} ${change.result ?? "began"}`;
      return plain(change.at, text, change.detail ?? "");
    }
    case "wait":
      return plain(
        change.at,
        `${capital(change.verb)} was still waiting when it ended: ${change.end}`,
        change.by ?? "",
      );
    default:
      return plain("", "Another change");
  }
}

/** Formats a list that may be long: `web, api, shop and 497 more`. */
function few(names: string[]): string {
  const first = names.slice(0, 3).join(", ");
  return names.length > 4 ? `${first} and ${names.length - 3} more` : names.join(", ");
}

/** Returns the services that a decision concerns; empty: all. */
export function about(change: Change): string[] {
  return "services" in change ? change.services : [change.service];
}

function drain(change: Extract<Change, { kind: "switch" }>): Pick<Line, "outcome" | "tone"> {
  const time = took(between(change.published, change.ended));
  switch (change.drain?.state) {
    case "drained":
      return { outcome: `drained in ${time}, nothing cut`, tone: "" };
    case "cut":
      return {
        outcome: `${some(change.drain.cut?.total ?? 0, "request")} cut after ${time}`,
        tone: "warn",
      };
    case "draining":
      return { outcome: "draining", tone: "" };
    case "stuck":
      return { outcome: "the drain is stuck", tone: "bad" };
    case "superseded":
      return { outcome: `superseded by generation ${change.drain.superseded_by}`, tone: "" };
    case "interrupted":
      return { outcome: "the drain was interrupted", tone: "warn" };
    default:
      return { outcome: "", tone: "" };
  }
}
