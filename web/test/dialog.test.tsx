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
