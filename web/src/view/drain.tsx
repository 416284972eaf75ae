// A drain: the time to the deadline, and what is left by kind.

import type { Color, ColorStatus } from "../api/types";
import { some } from "../words/number";
import { duration } from "../words/time";
import { capital } from "../words/name";

export function Drain({ color, of }: { color: Color; of: ColorStatus }) {
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
        <li>
          <strong>{streams}</strong> {streams === 1 ? "stream" : "streams"}{" "}
          <span class="quiet">(WebSocket, tunnel or event stream)</span>
          {streams > 0 && of.oldest_stream_age_seconds
            ? `, oldest ${duration(of.oldest_stream_age_seconds)}`
            : ""}
        </li>
        {of.connections !== undefined && (
          <li class="quiet">{some(of.connections, "connection")} to its targets</li>
        )}
      </ul>
    </div>
  );
}

/** The age of the oldest request. It is known only where the oldest of all is not a stream. */
function oldestRequest({
  oldest_age_seconds: all,
  oldest_stream_age_seconds: stream,
}: ColorStatus): number | null {
  if (all === null || all === undefined) return null;
  return stream === null || stream === undefined || all > stream ? all : null;
}
