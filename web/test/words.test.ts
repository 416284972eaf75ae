// Numbers, times, events and decisions in words.

import { describe, expect, it } from "vitest";

import { line } from "../src/words/change";
import { sentence } from "../src/words/event";
import { actor } from "../src/words/name";
import { count, percent, rate, some } from "../src/words/number";
import { between, clock, duration, milliseconds, took } from "../src/words/time";
import { pendingStages, stages } from "../src/words/timeline";
import { event, receipt } from "./fixtures";

describe("numbers", () => {
  it("are never invented", () => {
    for (const say of [count, rate, percent, milliseconds, duration]) {
      expect(say(null)).toBe("–");
      expect(say(undefined)).toBe("–");
      expect(say(Number.NaN)).toBe("–");
    }
  });

  it("have as many digits as help", () => {
    expect([0, 0.04, 0.4, 9.5, 412, 1240].map(rate)).toEqual(["0", "< 0.1", "0.4", "9.5", "412", "1,240"]);
    expect([0, 0.000_01, 0.0003, 0.011, 0.12, 1].map(percent)).toEqual([
      "0 %",
      "< 0.01 %",
      "0.03 %",
      "1.1 %",
      "12 %",
      "100 %",
    ]);
    expect([0.664, 8.24, 412.4, 1240].map(milliseconds)).toEqual(["0.66 ms", "8.2 ms", "412 ms", "1.24 s"]);
    expect(some(1, "request")).toBe("1 request");
    expect(some(1240, "request")).toBe("1,240 requests");
  });
});

describe("times", () => {
  it("are short", () => {
    expect([0, 0.3, 4.9, 119, 120, 7200, 7500, 200_000].map(duration)).toEqual([
      "0 s",
      "< 1 s",
      "4 s",
      "119 s",
      "2 min",
      "2 h",
      "2 h 5 min",
      "2 d",
    ]);
    expect([0, 0.003, 2, 45].map(took)).toEqual(["under 1 ms", "3.0 ms", "2.00 s", "45 s"]);
  });

  it("say the date only of another day", () => {
    const now = new Date(2026, 10, 30, 20, 0, 0).getTime();
    expect(clock(new Date(2026, 10, 30, 8, 4, 6).getTime(), now)).toBe("08:04:06");
    expect(clock(new Date(2026, 10, 29, 8, 4, 6).getTime(), now)).toBe("Nov 29, 08:04:06");
    expect(clock("no time", now)).toBe("–");
    expect(between("no time", "2026-11-30T10:00:00Z")).toBeNull();
  });
});

describe("callers", () => {
  it("are named", () => {
    expect([{ token: "ci" }, { uid: 0 }, { uid: 1000 }, "teal" as const, null].map(actor)).toEqual([
      "ci",
      "root",
      "user 1000",
      "Teal itself",
      "",
    ]);
  });
});

describe("events", () => {
  it("are sentences with a weight", () => {
    const moved = event("switch", {
      from: "blue",
      to: "green",
      version: "v42",
      actor: { token: "ci" },
      reason: "release",
    });
    expect(sentence(moved)).toEqual({
      weight: "good",
      text: "Switched from blue to green (v42), by ci",
      reason: "release",
    });
    const refused = event("refused", {
      actor: { token: "ci" },
      reason: "Target green is not healthy:\nanswered 500",
    });
    expect(sentence(refused)).toEqual({
      weight: "bad",
      text: "Refused, by ci",
      reason: "Target green is not healthy: answered 500",
    });
    const down = event("health", {
      color: "green",
      target: "http://10.0.0.1:81",
      health: "down",
      active: true,
    });
    expect(sentence(down).weight).toBe("bad");
    expect(sentence({ ...down, active: false }).weight).toBe("warn");
    const cut = { total: 3, unanswered: 1, answering: 1, tunnels: 1 };
    expect(sentence(event("drained", { drain: { color: "blue", state: "cut", cut } })).text).toBe(
      "The drain of blue ended at its deadline: 3 requests cut",
    );
  });

  it("of rollouts say what became of the version", () => {
    const rollout = { rollout: 3, version: "v2", color: "green" } as const;
    expect(sentence(event("rollout", { ...rollout, rollout_state: "baking" })).text).toBe(
      "Rollout 3 of v2 to green has begun: the version is watched",
    );
    const back = {
      ...rollout,
      rollout_state: "rolled_back",
      reason: "web: 40 of 90 requests failed",
    } as const;
    expect(sentence(event("rollout", back))).toEqual({
      weight: "bad",
      text: "Rollout 3 of v2 to green was rolled back: the version failed",
      reason: "web: 40 of 90 requests failed",
    });
  });

  it("of a kind that is not known yet are shown by their name", () => {
    expect(sentence(event("rollout_paused")).text).toBe("Rollout paused");
  });

  it("without any member are still sentences", () => {
    const kinds = [
      "switch",
      "rollback",
      "failover",
      "published",
      "drained",
      "waiting",
      "refused",
      "health",
      "hold",
    ];
    const more = [
      "resume",
      "warm_up",
      "maintenance_on",
      "maintenance_off",
      "reload",
      "shorten",
      "retire",
      "targets",
      "deploy",
      "rollout",
    ];
    for (const kind of [...kinds, ...more, "preview_made", "previews_revoked"]) {
      expect(sentence({ id: 1, at: "", kind }).text).not.toBe("");
    }
  });
});

describe("decisions", () => {
  it("say what a switch cost", () => {
    expect(line({ ...receipt({ version: "v42" }), kind: "switch" })).toMatchObject({
      text: "Switched from blue to green (v42)",
      who: "ci",
      outcome: "drained in 2.00 s, nothing cut",
      tone: "",
      receipt: 7,
    });
    const drain = { color: "blue", state: "superseded", superseded_by: 9 } as const;
    expect(line({ ...receipt({ cause: "rollback", drain }), kind: "switch" }).text).toMatch(/^Rolled back/);
  });

  it("show a switch under way as stages", () => {
    const draining = receipt({ ended: null, drain: { color: "blue", state: "draining" } });
    expect(stages(draining, "3 left").map((one) => [one.name, one.state])).toEqual([
      ["Gate", "past"],
      ["Published", "past"],
      ["Draining", "now"],
    ]);
    const call = {
      verb: "switch",
      to: "green",
      stage: "gate",
      actor: { token: "mia" },
      age_seconds: 10,
    } as const;
    const wait = { ...call, services: ["web"], since: "", dry_run: false, reason: "connection refused" };
    expect(pendingStages(wait)[0]?.text).toBe(
      "switch to green by mia waits for healthy probes, 10 s: connection refused",
    );
    const writing = receipt({ ended: null, published: null, drain: null });
    expect(stages(writing, "").map((one) => one.state)).toEqual(["past", "now", "ahead"]);
  });
});
