// Documents of the API, as small as the tests need them.

import type {
  ColorSeries,
  ColorStatus,
  Event as TealEvent,
  Receipt,
  Series,
  Service,
  Status,
} from "../src/api/types";

export function color(more: Partial<ColorStatus> = {}): ColorStatus {
  return {
    role: "idle",
    drained: true,
    in_flight: 0,
    streams: 0,
    healthy: true,
    words: "drained: safe to stop",
    targets: [
      {
        url: "http://127.0.0.1:8081",
        address: "127.0.0.1:8081",
        health: "up",
        last_probe: {
          at: "2026-11-30T10:00:00Z",
          age_seconds: 0.5,
          ok: true,
          latency_ms: 0.7,
          status: 200,
        },
      },
    ],
    ...more,
  };
}

export function service(more: Partial<Service> = {}): Service {
  return {
    name: "web",
    active: "blue",
    generation: 7,
    can_roll_back: true,
    colors: {
      blue: color({ role: "active", drained: false, words: "active, 0 in flight" }),
      green: color(),
    },
    problems: [],
    ...more,
  };
}

export function status(services: Service[], more: Partial<Status> = {}): Status {
  return {
    teal: { version: "0.1.0", pid: 42, instance: "teal-1", uptime_seconds: 60 },
    generation: 7,
    listeners: ["127.0.0.1:8080"],
    admin: "127.0.0.1:9900",
    total: services.length,
    services,
    groups: [],
    waits: [],
    deploys: [],
    ...more,
  };
}

export function event(kind: string, more: Partial<TealEvent> = {}): TealEvent {
  return { id: 1, at: new Date().toISOString(), kind, service: "web", ...more };
}

export function receipt(more: Partial<Receipt> = {}): Receipt {
  return {
    service: "web",
    generation: 7,
    cause: "switch",
    actor: { token: "ci" },
    from: "blue",
    to: "green",
    decided: "2026-11-30T10:00:00.000Z",
    published: "2026-11-30T10:00:00.003Z",
    ended: "2026-11-30T10:00:02.003Z",
    drain: { color: "blue", state: "drained" },
    evidence: [],
    ...more,
  };
}

/** A series of these requests on blue. */
export function series(end: number, requests: number[], step = 1): Series {
  const zeros = requests.map(() => 0);
  const nothing = requests.map(() => null);
  const empty: ColorSeries = {
    requests: zeros,
    client_errors: zeros,
    server_errors: zeros,
    failed: zeros,
    p50_ms: nothing,
    p99_ms: nothing,
    in_flight: zeros,
    streams: zeros,
  };
  const blue = { ...empty, requests, p50_ms: requests.map((one) => (one === 0 ? null : 5)) };
  return {
    at: new Date(end * 1000).toISOString(),
    end,
    step_seconds: step,
    services: [{ service: "web", blue, green: empty, teal: zeros, aborted: zeros }],
  };
}
