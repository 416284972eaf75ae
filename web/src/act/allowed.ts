// Which actions a service offers, and why one is disabled. Teal decides in the end: this only saves a vain attempt.

import type { Color, ColorStatus, Service } from "../api/types";
import { forbidden } from "../state/session";
import { capital, other } from "../words/name";

/** An action and the reason why it is disabled; empty: it is not. */
export interface Allowed {
  disabled: string;
}

export function mayMove(_service: Service): Allowed {
  return { disabled: forbidden.value };
}

export function mayRollBack(service: Service): Allowed {
  if (forbidden.value) return { disabled: forbidden.value };
  if (service.can_roll_back === false) return { disabled: "There is nothing to roll back to" };
  const back = service.rollback?.to ?? other(service.active);
  return {
    disabled: service.colors[back].retired ? `${capital(back)} is retired: deploy to it, or switch` : "",
  };
}

export function mayHold(_service: Service): Allowed {
  return { disabled: forbidden.value };
}

export function mayShorten(status: ColorStatus): Allowed {
  if (forbidden.value) return { disabled: forbidden.value };
  return { disabled: status.cutting ? "The deadline has passed" : "" };
}

export function mayRetire(service: Service): Allowed & { color: Color } {
  const color = other(service.active);
  const { retired, drained } = service.colors[color];
  if (forbidden.value) return { disabled: forbidden.value, color };
  if (retired) return { disabled: `${capital(color)} is retired already`, color };
  return { disabled: drained ? "" : `${capital(color)} is not drained yet`, color };
}
