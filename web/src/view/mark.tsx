// The marks: a shape for each state, so that no state is told by its hue alone. A word always stands beside a mark.

import type { JSX } from "preact";

import type { ColorStatus, Health } from "../api/types";

export type Shape = "active" | "idle" | "draining" | "warn" | "down" | "none";

const SHAPES: Record<Shape, JSX.Element> = {
  active: <circle cx="6" cy="6" r="5" fill="currentColor" />,
  idle: <circle cx="6" cy="6" r="4.1" fill="none" stroke="currentColor" stroke-width="1.8" />,
  draining: (
    <>
      <circle cx="6" cy="6" r="4.1" fill="none" stroke="currentColor" stroke-width="1.8" />
      <path d="M6 2a4 4 0 0 1 0 8z" fill="currentColor" />
    </>
  ),
  warn: <path d="M6 .8 11.6 11H.4z" fill="currentColor" />,
  down: <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" />,
  none: <path d="M2.5 6h7" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />,
};

export function Mark({ shape, tone = "" }: { shape: Shape; tone?: string }) {
  return (
    <svg class={`mark ${tone}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {SHAPES[shape]}
    </svg>
  );
}

/** The shape of a color's role. */
export function roleShape(status: ColorStatus): Shape {
  if (status.role === "active") return status.healthy === false ? "down" : "active";
  return status.role === "draining" ? "draining" : "idle";
}

/** The shape of a target's health. */
export function healthShape(health: Health): Shape {
  if (health === "up") return "active";
  return health === "down" ? "down" : "none";
}
