// The flow: from the clients to the colors, each ribbon as thick as its color's share of the traffic.

import type { Color, Service } from "../api/types";
import { newest } from "../state/series";
import { rate } from "../words/number";

const THICKEST = 22;
const THINNEST = 2;

export function Flow({ service }: { service: Service }) {
  const seen = newest.value;
  const per = (color: Color) => (seen === null ? null : (seen.of[color].requests[0] ?? 0) / seen.seconds);
  const blue = per("blue");
  const green = per("green");
  const total = blue === null || green === null ? null : blue + green;
  return (
    <div class="flow">
      <p class="flow-total">
        <span class="flow-number">{rate(total)}</span> <span class="quiet">requests per second</span>
      </p>
      <svg class="flow-map" viewBox="0 0 400 100" preserveAspectRatio="none" aria-hidden="true">
        <Ribbon service={service} color="blue" width={width(blue, total, service.active === "blue")} />
        <Ribbon service={service} color="green" width={width(green, total, service.active === "green")} />
      </svg>
    </div>
  );
}

function Ribbon({ service, color, width: thick }: { service: Service; color: Color; width: number }) {
  const end = color === "blue" ? 100 : 300;
  const { role, in_flight } = service.colors[color];
  const flows = role === "active" || thick > THINNEST;
  const state = flows ? "active" : role === "draining" && in_flight > 0 ? "draining" : "idle";
  return (
    <path
      class={`ribbon ${color} ${state}`}
      d={`M200 0C200 62 ${end} 38 ${end} 100`}
      fill="none"
      vector-effect="non-scaling-stroke"
      stroke-width={thick}
    />
  );
}

function width(mine: number | null, total: number | null, active: boolean): number {
  if (mine === null || total === null || total === 0) return active ? 6 : THINNEST;
  return mine === 0 ? THINNEST : Math.max(THINNEST + 2, (mine / total) * THICKEST);
}
