// The stream as a whole: cut within an event, refused, silent, restarted; it goes on after the last whole event.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Problem } from "../src/api/problem";
import type { Message } from "../src/api/sse";
import { OLDEST, type Stream, stream } from "../src/api/stream";

const SECRET = "teal-secret-of-the-test";

/** Answers the calls one after the other; the last one stays open. */
function serve(...bodies: string[]): { headers: Record<string, string>[]; end: () => void } {
  const headers: Record<string, string>[] = [];
  let open: ReadableStreamDefaultController<Uint8Array> | null = null;
  const encoder = new TextEncoder();
  vi.stubGlobal("fetch", (_: string, init: { headers: Record<string, string>; signal: AbortSignal }) => {
    headers.push(init.headers);
    const text = bodies[headers.length - 1];
    if (text?.startsWith("{")) return Promise.resolve(new Response(text, { status: 401 }));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(encoder.encode(text ?? ""));
        if (headers.length < bodies.length) controller.close();
        else open = controller;
        init.signal.addEventListener("abort", () => {
          if (open === controller) controller.error(new DOMException("", "AbortError"));
        });
      },
    });
    return Promise.resolve(new Response(body, { status: 200 }));
  });
  return { headers, end: () => open?.close() };
}

describe("the stream of events", () => {
  let running: Stream | null = null;
  let messages: Message[] = [];
  let lost: Problem[] = [];
  let token: string | null = null;

  const start = () => {
    running = stream(
      {
        token: () => token,
        onOpen() {},
        onMessage: (message) => messages.push(message),
        onLost: (problem) => lost.push(problem),
      },
      OLDEST,
    );
  };

  beforeEach(() => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    messages = [];
    lost = [];
    token = null;
  });

  afterEach(() => {
    running?.stop();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("goes on after the last whole event when it is cut within one", async () => {
    const served = serve(
      'id: 1-teal-a\nevent: switch\ndata: {"a":1}\n\nid: 2-teal-a\nevent: health\ndata: {"b',
      'id: 2-teal-a\nevent: health\ndata: {"b":2}\n\n',
    );
    start();
    await vi.waitFor(() => expect(messages).toHaveLength(2), 3000);
    expect(messages.map((one) => one.data)).toEqual(['{"a":1}', '{"b":2}']);
    expect(served.headers.map((one) => one["last-event-id"])).toEqual(["0", "1-teal-a"]);
    expect(lost.map((one) => one.code)).toEqual(["unreachable"]);
  });

  it("goes on after characters that are cut in two", async () => {
    const bytes = new TextEncoder().encode('data: {"reason":"größer – ✕"}\n\n');
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      },
    });
    vi.stubGlobal("fetch", () => Promise.resolve(new Response(body)));
    start();
    await vi.waitFor(() => expect(messages[0]?.data).toBe('{"reason":"größer – ✕"}'), 3000);
  });

  it("says why it was refused, tries again, and never names the token", async () => {
    token = SECRET;
    const served = serve('{"code":"invalid_token","title":"Token is invalid"}', "data: {}\n\n");
    start();
    await vi.waitFor(() => expect(messages).toHaveLength(1), 3000);
    expect(lost).toEqual([{ code: "invalid_token", title: "Token is invalid", detail: "", status: 401 }]);
    expect(served.headers[0]?.["authorization"]).toBe(`Bearer ${SECRET}`);
  });

  it("connects anew at once after signing in, and ends when it is stopped", async () => {
    const served = serve("id: 7-teal-a\ndata: {}\n\n");
    start();
    await vi.waitFor(() => expect(messages).toHaveLength(1), 3000);
    token = SECRET;
    running?.restart();
    await vi.waitFor(() => expect(served.headers).toHaveLength(2), 3000);
    expect(served.headers[1]).toMatchObject({
      authorization: `Bearer ${SECRET}`,
      "last-event-id": "7-teal-a",
    });
    expect(running?.stop()).toBe("7-teal-a");
    await new Promise((done) => setTimeout(done, 400));
    expect(served.headers).toHaveLength(2);
  });
});
