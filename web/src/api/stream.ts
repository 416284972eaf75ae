// The stream of events. A browser's EventSource cannot send a token, so the stream is read with fetch: it resumes
// after the last event that was read as a whole, waits longer after each failure, and never gives up.

import { type Problem, refused, unanswered } from "./problem";
import { type Message, Parser } from "./sse";

/** A silence after which the connection is given up: Teal sends a comment every 10 s. */
const SILENCE_MS = 25_000;
const SHORTEST_MS = 500;
const LONGEST_MS = 15_000;

/** The id from which a stream begins with the oldest event that Teal still has. */
export const OLDEST = "0";

export interface Listener {
  /** Returns the token at this moment; `null`: none. */
  token(): string | null;
  onOpen(): void;
  onMessage(message: Message): void;
  /** The connection has ended; the next attempt begins by itself. */
  onLost(problem: Problem): void;
}

/** A running stream. */
export interface Stream {
  /** Ends it. Returns the id of the last event, to go on from there with another stream. */
  stop(): string;
  /** Connects anew, such as after signing in. */
  restart(): void;
}

/** Opens the stream and keeps it open. */
export function stream(listener: Listener, from: string): Stream {
  let attempt = new AbortController();
  let stopped = false;
  let lastId = from;
  let failures = 0;
  let wake: (() => void) | undefined;

  const run = async () => {
    for (;;) {
      attempt = new AbortController();
      const parser = new Parser(
        (message) => {
          if (message.id !== "") lastId = message.id;
          listener.onMessage(message);
        },
        lastId === OLDEST ? "" : lastId,
      );
      const problem = await read(attempt, listener, lastId, parser, () => {
        failures = 0;
        listener.onOpen();
      });
      if (stopped) return;
      listener.onLost(problem);
      failures += 1;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delay(failures, parser.retryMs ?? SHORTEST_MS, Math.random()));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  void run();
  return {
    stop() {
      stopped = true;
      attempt.abort();
      wake?.();
      return lastId;
    },
    restart() {
      failures = 0;
      attempt.abort();
      wake?.();
    },
  };
}

/** Returns the wait before an attempt: it doubles with each failure, and half of it is random. */
export function delay(failures: number, firstMs: number, random: number): number {
  const longest = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, firstMs) * 2 ** Math.min(failures - 1, 10));
  return longest / 2 + (longest / 2) * random;
}

async function read(
  attempt: AbortController,
  listener: Listener,
  lastId: string,
  parser: Parser,
  opened: () => void,
): Promise<Problem> {
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => attempt.abort(), SILENCE_MS);
  };
  try {
    alive();
    const headers: Record<string, string> = { accept: "text/event-stream" };
    const token = listener.token();
    if (token !== null) headers["authorization"] = `Bearer ${token}`;
    headers["last-event-id"] = lastId;
    const response = await fetch("/admin/events", {
      headers,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: attempt.signal,
    });
    if (!response.ok || response.body === null) return refused(response.status, await response.text());
    opened();
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return unanswered(null);
      alive();
      parser.push(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    return unanswered(error);
  } finally {
    clearTimeout(watchdog);
  }
}
