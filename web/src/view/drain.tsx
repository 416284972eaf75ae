// A drain: the time to the deadline, and what is left by kind.

import { mayShorten } from "../act/allowed";
import type { Color, ColorStatus } from "../api/types";
import { ask } from "../state/ask";
import { some } from "../words/number";
import { duration } from "../words/time";
import { capital } from "../words/name";
import { Action } from "./actions";

export function Drain({ service, color, of }: { service: string; color: Color; of: ColorStatus }) {
  const streams = of.streams ?? 0;
  const requests = of.in_flight - streams;
  const left = of.deadline_seconds ?? null;
  const oldest = oldestRequest(of);
  return (
    <div class="drain">
      <p class="drain-clock">
        {of.cutting ? (
          <strong>Cutting the rest</strong>
        ) : left === null ? (
          <>
            <strong>No deadline</strong> <span>{capital(color)} may take its time</span>
          </>
        ) : (
          <>
            <strong>{duration(left)}</strong> <span>to the deadline</span>
          </>
        )}
      </p>
      <ul class="drain-left">
        <li>
          <strong>{requests}</strong> {requests === 1 ? "request" : "requests"}
          {requests > 0 && oldest !== null ? `, oldest ${duration(oldest)}` : ""}
        </li>
        {kinds(of).map(([count, one, many]) => (
          <li key={many}>
            <strong>{count}</strong> {count === 1 ? one : many}
          </li>
        ))}
        {streams > 0 && of.oldest_stream_age_seconds ? (
          <li>the oldest for {duration(of.oldest_stream_age_seconds)}</li>
        ) : null}
        {of.connections !== undefined && (
          <li class="quiet">{some(of.connections, "connection")} to its targets</li>
        )}
      </ul>
      {of.role === "draining" && left !== null && (
        <Action
          disabled={mayShorten(of).disabled}
          act={() => (ask.value = { what: "shorten", service, color })}
        >
          Shorten
        </Action>
      )}
    </div>
  );
}

/** The streams by kind, as far as Teal tells them apart. */
function kinds({ streams = 0, tunnels }: ColorStatus): [number, string, string][] {
  if (tunnels === undefined)
    return [[streams, "WebSocket, tunnel or event stream", "WebSockets, tunnels or event streams"]];
  return [
    [tunnels, "WebSocket or other tunnel", "WebSockets or other tunnels"],
    [streams - tunnels, "event stream", "event streams"],
  ];
}

/** The age of the oldest request. It is known only where the oldest of all is not a stream. */
function oldestRequest({
  oldest_age_seconds: all,
  oldest_stream_age_seconds: stream,
}: ColorStatus): number | null {
  if (all === null || all === undefined) return null;
  return stream === null || stream === undefined || all > stream ? all : null;
}
