// The stream of events may be cut anywhere: the events that were whole must be the same.

import { describe, expect, it } from "vitest";

import { type Message, Parser } from "../src/api/sse";
import { delay } from "../src/api/stream";

const STREAM =
  "\uFEFFretry: 1000\n\n" +
  'id: 1-teal-a\nevent: switch\ndata: {"kind":"switch"}\n\n' +
  ": still here\n\n" +
  'id: 2-teal-a\r\nevent: health\r\ndata: {"reason":"a\\r\\nb"}\r\n\r\n' +
  "data: one\rdata: two\r\r" +
  "event: nothing\n\n" +
  "id: 3-teal-a\ndata:no space\n\n" +
  'id: 4-teal-a\nevent: lost\ndata: {"cut":';

function read(pieces: string[]): { messages: Message[]; retryMs: number | null } {
  const messages: Message[] = [];
  const parser = new Parser((message) => messages.push(message));
  for (const piece of pieces) parser.push(piece);
  return { messages, retryMs: parser.retryMs };
}

describe("the parser of server-sent events", () => {
  const whole = read([STREAM]);

  it("reads kinds, ids, data of several lines, and every line ending", () => {
    expect(whole.retryMs).toBe(1000);
    expect(whole.messages).toEqual([
      { kind: "switch", data: '{"kind":"switch"}', id: "1-teal-a" },
      { kind: "health", data: '{"reason":"a\\r\\nb"}', id: "2-teal-a" },
      { kind: "message", data: "one\ntwo", id: "2-teal-a" },
      { kind: "message", data: "no space", id: "3-teal-a" },
    ]);
  });

  it("reads the same wherever the stream is cut in two", () => {
    for (let at = 0; at <= STREAM.length; at += 1) {
      expect(read([STREAM.slice(0, at), STREAM.slice(at)])).toEqual(whole);
    }
  });

  it("reads the same in pieces of any size", () => {
    let seed = 7;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 300; round += 1) {
      const pieces: string[] = [];
      for (let at = 0; at < STREAM.length;) {
        const length = Math.floor(random() * 9);
        pieces.push(STREAM.slice(at, at + length));
        at += length;
      }
      expect(read(pieces)).toEqual(whole);
    }
  });

  it("gives only whole events of a stream that ends anywhere", () => {
    for (let at = 0; at <= STREAM.length; at += 1) {
      const { messages } = read([STREAM.slice(0, at)]);
      expect(messages).toEqual(whole.messages.slice(0, messages.length));
    }
  });

  it("drops an event that never ends instead of keeping all of it", () => {
    const messages: Message[] = [];
    const parser = new Parser((message) => messages.push(message));
    for (let sent = 0; sent < 40; sent += 1) parser.push(`data: ${"x".repeat(100_000)}\n`);
    parser.push("\ndata: next\n\n");
    expect(messages.map((one) => one.data)).toEqual(["next"]);
  });
});

describe("the wait before connecting again", () => {
  it("grows, stays within its bounds, and is never the same for all", () => {
    for (let failures = 1; failures < 40; failures += 1) {
      expect(delay(failures, 500, 0)).toBeGreaterThanOrEqual(250);
      expect(delay(failures, 500, 1)).toBeLessThanOrEqual(15_000);
      expect(delay(failures, 500, 1)).toBeGreaterThan(delay(failures, 500, 0));
    }
    expect(delay(5, 500, 0)).toBeGreaterThan(delay(1, 500, 1));
  });
});
