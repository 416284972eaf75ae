// @vitest-environment happy-dom
// Dialogs where a browser cannot be brought to them: a receipt that does not exist, a Teal without sentences.

import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { type Ask, ask } from "../src/state/ask";
import { status } from "../src/state/live";
import { Dialogs } from "../src/view/dialog/dialogs";
import { color, service, status as document_ } from "./fixtures";

let root: HTMLElement;

beforeEach(() => {
  root = document.body.appendChild(document.createElement("div"));
});

afterEach(() => {
  act(() => render(null, root));
  root.remove();
  ask.value = null;
  status.value = null;
  vi.unstubAllGlobals();
});

async function open(wanted: Ask, code: number, body: unknown): Promise<string> {
  const answer = () => Promise.resolve(new Response(JSON.stringify(body), { status: code }));
  vi.stubGlobal("fetch", vi.fn(answer));
  act(() => {
    const green = color({ in_flight: 3, streams: 1 });
    status.value = {
      value: document_([service({ colors: { blue: color({ in_flight: 9, streams: 2 }), green } })]),
      at: 0,
    };
    ask.value = wanted;
    render(<Dialogs />, root);
  });
  await vi.waitFor(() => expect(root.querySelector(".refusal, .sentences")).not.toBeNull());
  return root.textContent ?? "";
}

it("says that a receipt does not exist, and can be closed", async () => {
  const wanted: Ask = { what: "receipt", service: "web", generation: 99 };
  const text = await open(wanted, 404, { code: "no_receipt", title: "There is no receipt 99", status: 404 });
  expect(text).toContain("There is no receipt 99");
  act(() => root.querySelector<HTMLButtonElement>("#dialog-close")?.click());
  expect(root.querySelector("dialog")).toBeNull();
});

it("shows the sentences of the dry run, and those alone", async () => {
  const wanted: Ask = { what: "move", verb: "switch", service: "web", to: "green" };
  const answer = {
    result: "would_switch",
    service: "web",
    from: "blue",
    to: "green",
    generation: 7,
    evidence: [],
  };
  const sentences = [
    "412 requests per second move to green (v42)",
    "<b>A rollback</b> to blue stays possible",
  ];
  await open(wanted, 200, { ...answer, sentences });
  expect([...root.querySelectorAll(".sentences li")].map((one) => one.textContent)).toEqual(sentences);
});

it("says what the status says where a Teal has no sentences", async () => {
  const wanted: Ask = { what: "move", verb: "switch", service: "web", to: "green" };
  const answer = {
    result: "would_switch",
    service: "web",
    from: "blue",
    to: "green",
    generation: 7,
    evidence: [],
  };
  const text = await open(wanted, 200, answer);
  expect(text).toContain("7 requests and 2 streams now");
});

it("disables what is refused, and gives Teal's reason", async () => {
  const wanted: Ask = { what: "move", verb: "switch", service: "web", to: "green" };
  const refusal = {
    code: "unhealthy",
    title: "Target green is not healthy",
    detail: "http://x: 500",
    status: 412,
  };
  const text = await open(wanted, 412, refusal);
  expect(text).toContain("Switch would be refused");
  expect(text).toContain("http://x: 500");
  expect(root.querySelector("button[type=submit]")).toBeNull();
});

it("does not call refused what Teal may have done: the answer was lost", async () => {
  const wanted: Ask = { what: "move", verb: "switch", service: "web", to: "green" };
  const answer = {
    result: "would_switch",
    service: "web",
    from: "blue",
    to: "green",
    generation: 7,
    evidence: [],
  };
  await open(wanted, 200, answer);
  vi.stubGlobal(
    "fetch",
    vi.fn(() => Promise.reject(new TypeError("network error"))),
  );
  act(() => root.querySelector<HTMLButtonElement>("button[type=submit]")?.click());
  await vi.waitFor(() => expect(root.querySelector(".refusal")).not.toBeNull());
  const text = root.textContent ?? "";
  expect(text).toContain("It is not known whether this was done");
  expect(text).not.toContain("nothing has changed");
});

it("says that the service is gone instead of waiting for a dry run", async () => {
  const wanted: Ask = { what: "move", verb: "switch", service: "gone", to: "green" };
  expect(await open(wanted, 200, {})).toContain("There is no service gone any more");
});

it("holds at the generation of the dry run, and says who was faster", async () => {
  const sentences = ["412 requests per second wait at Teal, each at most 30s"];
  const dry = { dry_run: true, services: ["web"], color: "blue", generation: 7, sentences };
  await open({ what: "hold", service: "web" }, 200, dry);
  expect([...root.querySelectorAll(".sentences li")].map((one) => one.textContent)).toEqual(sentences);
  const stale = { code: "generation_mismatch", title: "web is at generation 8, not 7", status: 412 };
  const calls = vi.fn((_url: string | URL, _how?: RequestInit) =>
    Promise.resolve(new Response(JSON.stringify(stale), { status: 412 })),
  );
  vi.stubGlobal("fetch", calls);
  act(() => root.querySelector<HTMLButtonElement>("button[type=submit]")?.click());
  await vi.waitFor(() => expect(root.querySelector(".refusal")).not.toBeNull());
  const [url, how] = calls.mock.calls[0] ?? [];
  expect(String(url)).not.toContain("dry_run");
  expect(new Headers(how?.headers).get("if-match")).toBe('"7"');
  expect(root.textContent).toContain("web was changed meanwhile");
});

/** The dry run of a hold. */
function held(wait: string) {
  const sentences = [`each at most ${wait}`];
  return { dry_run: true, services: ["web"], color: "blue", generation: 7, sentences };
}

it("asks again when an option changes, and acts on no older dry run", async () => {
  await open({ what: "hold", service: "web" }, 200, held("30s"));
  let answer: ((response: Response) => void) | undefined;
  const late = new Promise<Response>((resolve) => (answer = resolve));
  vi.stubGlobal(
    "fetch",
    vi.fn(() => late),
  );
  const select = root.querySelector("select");
  act(() => {
    if (select === null) return;
    select.value = "60s";
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
  expect(root.querySelector("button[type=submit]")?.getAttribute("aria-disabled")).toBe("true");
  expect(root.querySelector("select")).toBe(select);
  answer?.(new Response(JSON.stringify(held("60s")), { status: 200 }));
  await vi.waitFor(() => expect(root.textContent).toContain("each at most 60s"));
});

it("says that a drain was left alone if it is another one than was looked at", async () => {
  const answer = { result: "already", service: "web", from: "blue", to: "green", evidence: [] };
  const sentences = ["2 requests on blue have 10s instead of 28s"];
  const drain = { color: "blue", state: "draining" };
  await open({ what: "shorten", service: "web", color: "blue" }, 200, {
    ...answer,
    generation: 7,
    sentences,
  });
  const later = JSON.stringify({ ...answer, generation: 8, drain });
  vi.stubGlobal(
    "fetch",
    vi.fn(() => Promise.resolve(new Response(later, { status: 200 }))),
  );
  act(() => root.querySelector<HTMLButtonElement>("button[type=submit]")?.click());
  await vi.waitFor(() => expect(root.querySelector(".outcome")).not.toBeNull());
  expect(root.textContent).toContain("this drain was not shortened");
});
