// Documents and members of the API that docs/reference/openapi.json does not have yet. The page shows "–" where a
// Teal lacks them.

import type { Service, Status, SwitchAnswer, Target } from "./types";

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

export type TargetNow = Target & {
  in_flight?: number | null;
  passes?: number | null;
  fails?: number | null;
};

export type StatusNow = Omit<Status, "services"> & {
  services: ServiceNow[];
  workers?: { total: number; acknowledged: number } | null;
};

export type DryRun = SwitchAnswer & { forecast?: Forecast | null; sentences?: string[] | null };
