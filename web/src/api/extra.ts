// Documents and members of the API that docs/reference/openapi.json does not have yet. The page shows "–" where a
// Teal lacks them.

import type { ColorStatus, Service, Status, SwitchAnswer, Target } from "./types";

export interface Books {
  accepted: number;
  answered: { blue: number; green: number; teal: number };
  aborted: number;
  in_flight: number;
  lost: number;
}

export interface Changed {
  at: string;
  actor: import("./types").Actor;
  verb: string;
  reason?: string | null;
}

export interface Rollback {
  to: import("./types").Color;
  version?: string | null;
  until?: string | null;
}

export interface Forecast {
  requests_per_second?: number | null;
  in_flight?: number;
  streams?: number;
  drain_seconds?: number | null;
  to_version?: string | null;
  can_roll_back?: boolean;
}

export type ServiceNow = Service & {
  books?: Books | null;
  changed?: Changed | null;
  rollback?: Rollback | null;
};

/** A color whose streams are told apart. */
export type ColorNow = ColorStatus & {
  tunnels?: number;
};

export type TargetNow = Target & {
  in_flight?: number;
  passes?: number;
  fails?: number;
  rise?: number;
  fall?: number;
  changed_at?: string | null;
  changed_reason?: string | null;
};

export type StatusNow = Omit<Status, "services"> & {
  services: ServiceNow[];
  workers?: { total: number; acknowledged: number } | null;
};

export type DryRun = SwitchAnswer & { forecast?: Forecast | null; sentences?: string[] | null };
