// @vitest-environment happy-dom
// What the page shows where a browser cannot be brought to it: markup, long names, a clock that is wrong, refusals.

import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { mayRetire, mayRollBack } from "../src/act/allowed";
import { noteDate, now, since, skew } from "../src/state/clock";
import { items } from "../src/state/events";
import {
  firstVersion,
  problem,
  service as openService,
  staleSeconds,
  status as live,
} from "../src/state/live";
import { chosen } from "../src/state/route";
import { token, who } from "../src/state/session";
import { tick } from "../src/state/clock";
import { arrange } from "../src/view/arrange";
import { overtaken } from "../src/view/dialog/overtaken";
import { App } from "../src/view/app";
import { color, event, service, status } from "./fixtures";

const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script>&"'`;

let root: HTMLElement;

beforeEach(() => {
  root = document.body.appendChild(document.createElement("div"));
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
});

afterEach(() => {
  act(() => render(null, root));
  root.remove();
  live.value = null;
  firstVersion.value = "0.1.0";
  problem.value = null;
  items.value = [];
  token.value = null;
  who.value = null;
  chosen.value = null;
  noteDate(Date.now());
});

function show(...services: Parameters<typeof status>[0]): string {
  act(() => {
    live.value = { value: status(services), at: performance.now() };
    tick.value = performance.now();
    render(<App />, root);
  });
  return root.textContent ?? "";
}

describe("text from outside", () => {
  it("is text, whatever is in it, and folds where it is long", () => {
    const reason = HOSTILE + "x".repeat(4096);
    const green = color({ healthy: false, reason, words: HOSTILE });
    const [target] = green.targets;
    if (target === undefined) throw new Error("no target");
    target.health = "down";
    target.last_probe = { at: "", ok: false, latency_ms: 1, reason, age_seconds: 1 };
    const text = show(
      service({
        colors: { blue: color({ role: "active" }), green },
        problems: [{ severity: "outage", text: reason }],
      }),
    );
    expect(text).toContain(HOSTILE);
    expect(text).not.toContain("x".repeat(1000));
    expect(root.querySelectorAll("img, script")).toHaveLength(0);
    act(() => root.querySelector<HTMLButtonElement>('.attention [aria-expanded="false"]')?.click());
    expect(root.querySelector(".attention")?.textContent).toContain("x".repeat(4096));
  });

  it("is text in events, too", () => {
    act(() => {
      items.value = [
        {
          key: "1",
          gap: null,
          event: event("refused", { reason: HOSTILE, actor: { token: HOSTILE } }),
        },
      ];
    });
    expect(show(service())).toContain(HOSTILE);
    expect(root.querySelectorAll("img, script")).toHaveLength(0);
  });
});

describe("a Teal that lacks something", () => {
  it("is shown without invented numbers", () => {
    const text = show(service());
    expect(text).toContain("Blue serves web");
    expect(root.querySelector(".lost-count strong")?.textContent).toBe("–");
    expect(root.querySelector(".flow-number")?.textContent).toBe("–");
    expect([...root.querySelectorAll(".ledger dd")].map((one) => one.textContent)).toEqual(
      Array(6).fill("–"),
    );
  });

  it("without services says so", () => {
    expect(show()).toContain("has no service yet");
  });

  it("that does not know the chosen service says so", () => {
    chosen.value = "gone";
    expect(show(service())).toContain("There is no service gone");
  });
});

describe("trust", () => {
  it("says since when what is shown is old, and why", () => {
    show(service());
    act(() => {
      live.value = { value: status([service()]), at: performance.now() - 12_500 };
      problem.value = { code: "unreachable", title: "Teal cannot be reached", detail: "", status: 0 };
      tick.value = performance.now();
    });
    expect(staleSeconds.value).toBeGreaterThan(12);
    expect(root.querySelector("#trust")?.textContent).toContain("Stale for 12 s: Teal cannot be reached");
    expect(root.textContent).toContain("Blue serves web");
  });

  it("counts ages by Teal's clock, and tells of a clock that differs", () => {
    const ahead = Date.now() + 180_000;
    act(() => noteDate(ahead));
    expect(skew.value).toBeGreaterThan(170);
    expect(Math.abs(now() - ahead)).toBeLessThan(2000);
    expect(since(new Date(ahead - 4000).toISOString())).toBeLessThan(7);
    expect(since(new Date(ahead + 60_000).toISOString())).toBe(0);
    show(service());
    expect(root.querySelector("#trust")?.textContent).toContain("Your clock is 3 min behind Teal's");
  });
});

describe("the list", () => {
  it("has the worst first, then the groups, each service once", () => {
    const ill = service({ name: "ill", problems: [{ severity: "degraded", text: "" }] });
    const out = service({ name: "out", problems: [{ severity: "outage", text: "" }] });
    const noted = service({ name: "noted", problems: [{ severity: "notice", text: "" }] });
    const groups = [{ name: "shop", services: ["ill", "noted"] }];
    const blocks = arrange([ill, noted, out, service()], groups, "");
    expect(blocks.map((one) => [one.title, one.services.map((each) => each.name)])).toEqual([
      ["Needs attention", ["out", "ill"]],
      ["shop", ["noted"]],
      ["Without a group", ["web"]],
    ]);
    expect(arrange([ill, noted, out], groups, " NOT ed ").flatMap((one) => one.services)).toEqual([noted]);
  });

  it("shows names of any length", () => {
    const longest = "a".repeat(63);
    expect(show(service({ name: longest }), service())).toContain(longest);
    expect(openService.value).toBeNull();
    expect(root.querySelectorAll(".row")).toHaveLength(2);
  });
});

describe("actions", () => {
  it("are disabled for who may only look, with the reason", () => {
    show(service());
    const buttons = [...root.querySelectorAll(".actions button")];
    expect(buttons.map((one) => one.getAttribute("aria-disabled"))).toEqual(["true", "true", "true", "true"]);
    act(() => {
      token.value = "a";
      who.value = { name: "eyes", role: "viewer" };
    });
    expect(root.querySelector(".actions-why")?.textContent).toContain("viewer");
    act(() => {
      who.value = { name: "mia", role: "operator" };
    });
    expect(buttons[0]?.getAttribute("aria-disabled")).toBe("false");
  });

  it("say why one makes no sense now", () => {
    token.value = "a";
    who.value = { name: "mia", role: "operator" };
    expect(mayRollBack(service({ can_roll_back: false })).disabled).toBe("There is nothing to roll back to");
    const green = color({ role: "draining", drained: false });
    expect(mayRetire(service({ colors: { blue: color({ role: "active" }), green } })).disabled).toContain(
      "not drained",
    );
  });
});

describe("two operators", () => {
  const mismatch = { code: "generation_mismatch", title: "", detail: "", status: 412 };

  it("see who came first", () => {
    const at = new Date(now() - 4000).toISOString();
    items.value = [
      { key: "1", gap: null, event: event("switch", { at, to: "green", actor: { token: "mia" } }) },
    ];
    expect(overtaken(mismatch, "web")).toMatch(/^Mia switched web to green [45] s ago$/);
    expect(overtaken({ ...mismatch, code: "unhealthy" }, "web")).toBeNull();
  });

  it("see it from the status where no event came", () => {
    const at = new Date(now() - 4000).toISOString();
    live.value = {
      value: status([service({ changed: { at, actor: { uid: 0 }, verb: "rollback" } })]),
      at: 0,
    };
    expect(overtaken(mismatch, "web")).toMatch(/^Root rolled back web [45] s ago$/);
  });
});

describe("a rollout", () => {
  const open = {
    id: 3,
    services: ["web"],
    stable: "blue",
    candidate: "green",
    version: "v2",
    actor: { token: "ci" },
    generation: 8,
    began: new Date().toISOString(),
    state: "baking",
    bake_seconds: 600,
    left_seconds: 480,
    takes_back: true,
    verdict: `web: 1240 requests, 3 failed; ${HOSTILE}`,
    evidence: [
      {
        service: "web",
        requests: 1240,
        failed: 3,
        clients: 3,
        allowed: 0.011,
        at_most: 0.0093,
        log10_e: 0.1,
        passes: false,
        stable_requests: 20_000,
        stable_failed: 12,
      },
    ],
  } as const;

  it("is shown with its evidence, in the numbers of the API", () => {
    const text = show(
      service({ active: "green", rollout: { ...open, services: [], evidence: [...open.evidence] } }),
    );
    expect(text).toContain("Rollout 3 of green (v2)");
    expect(text).toContain("8 min left");
    expect(text).toContain("1,240 requests, 3 failed; at most 0.93 % with 95 % confidence");
    expect(text).toContain("Blue before: 12 of 20,000; at most 1.1 % may fail");
    expect(text).toContain("traffic goes back to blue by itself");
    expect(root.querySelector("progress")?.getAttribute("value")).toBe("120");
    expect(root.querySelector("#rollouts img, #rollouts script")).toBeNull();
  });

  it("has no part where nothing was ever watched", () => {
    show(service());
    expect(root.querySelector("#rollouts")).toBeNull();
  });
});
