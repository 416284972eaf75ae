// The probes that prove a color healthy.

import type { Evidence as Probe } from "../../api/types";
import { milliseconds } from "../../words/time";
import { Mark } from "../mark";
import { Clock } from "../words";

export function Evidence({ of }: { of: Probe[] }) {
  if (of.length === 0) return null;
  return (
    <details class="evidence">
      <summary>
        <Mark shape="active" tone="good" /> {of.length === 1 ? "1 probe" : `${of.length} probes`} passed
      </summary>
      <ul>
        {of.map((one) => (
          <li key={`${one.target}${one.address ?? ""}${one.at}`}>
            <code>{one.target}</code> {one.status} in {milliseconds(one.latency_ms)}, <Clock at={one.at} />
          </li>
        ))}
      </ul>
    </details>
  );
}
