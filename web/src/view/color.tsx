// One color: its role, what it does now, what is left on it, whether the gate would let traffic to it, its targets.

import type { Color, ColorStatus, Service, Target } from "../api/types";
import { staleSeconds } from "../state/live";
import { recent } from "../state/series";
import { capital } from "../words/name";
import { count, percent, rate } from "../words/number";
import { duration, milliseconds } from "../words/time";
import { Drain } from "./drain";
import { healthShape, Mark, roleShape } from "./mark";
import { Clock, Fact, Reason } from "./words";

export function ColorColumn({ service, color }: { service: Service; color: Color }) {
  const mine = service.colors[color];
  return (
    <section class={`color ${color} is-${mine.role}`} aria-labelledby={`color-${color}`}>
      <header class="color-head">
        <h2 id={`color-${color}`}>
          <Mark shape={roleShape(mine)} /> {capital(color)}
        </h2>
        <span class="role">{mine.retired ? "retired" : mine.role}</span>
        <span class="version">{mine.version ?? ""}</span>
      </header>
      <p class="verdict">{verdict(service, mine)}</p>
      {(mine.role === "draining" || (mine.deadline_seconds ?? null) !== null) && (
        <Drain service={service.name} color={color} of={mine} />
      )}
      <Figures color={color} of={mine} />
      <Gate of={mine} />
      <Targets color={color} of={mine} />
    </section>
  );
}

/** What the color is for now. The figures below say the rest of the active one. */
function verdict(service: Service, mine: ColorStatus): string {
  if (mine.role === "draining" && !mine.drained)
    return `Do not stop ${mine === service.colors.blue ? "blue" : "green"}`;
  if (mine.role !== "active") return capital(mine.words ?? mine.role);
  if (service.held) return "New requests wait at Teal";
  return service.maintenance ? "New requests are answered by Teal" : "Receives all new requests";
}

function Figures({ color, of }: { color: Color; of: ColorStatus }) {
  const seen = recent.value;
  const mine = seen?.of[color] ?? null;
  const requests = mine?.requests[0] ?? null;
  const bad = mine === null ? null : (mine.server_errors[0] ?? 0) + (mine.failed[0] ?? 0);
  const share = requests === null || bad === null || requests === 0 ? null : bad / requests;
  const streams = of.streams ?? 0;
  return (
    <dl class="figures">
      <Fact label="Requests/s">
        {requests === null || seen === null ? "–" : rate(requests / seen.seconds)}
      </Fact>
      <Fact label="Errors" tone={share !== null && share > 0.01 ? "bad" : ""}>
        {percent(share)}
      </Fact>
      <Fact label="In flight">{count(of.in_flight - streams)}</Fact>
      <Fact label="Median">{milliseconds(mine?.p50_ms[0])}</Fact>
      <Fact label="p99">{milliseconds(mine?.p99_ms[0])}</Fact>
      <Fact label="Streams">{count(streams)}</Fact>
    </dl>
  );
}

/** Whether a switch to the color would pass the gate now, and if not, why. */
function Gate({ of }: { of: ColorStatus }) {
  if (staleSeconds.value !== null) return <p class="gate quiet">Not known while Teal does not answer</p>;
  if (of.retired) return <p class="gate quiet">Not probed: it is retired</p>;
  if (of.healthy === true) {
    return (
      <p class="gate good">
        <Mark shape="active" /> {of.role === "active" ? "Healthy" : "Would pass the gate now"}
      </p>
    );
  }
  const unknown = of.healthy !== false;
  return (
    <p class={`gate ${unknown ? "warn" : "bad"}`}>
      <Mark shape={unknown ? "warn" : "down"} />
      <span>
        {unknown
          ? "Not known to be healthy"
          : of.role === "active"
            ? "Not healthy"
            : "Would not pass the gate"}
        {of.reason && (
          <>
            : <Reason text={of.reason} />
          </>
        )}
      </span>
    </p>
  );
}

function Targets({ color, of }: { color: Color; of: ColorStatus }) {
  if (of.targets.length === 0) return <p class="quiet">No target: a runner tells them when it deploys.</p>;
  return (
    <ul class="targets" aria-label={`Targets of ${color}`}>
      {of.targets.map((one) => (
        <TargetRow key={`${one.url} ${one.address ?? ""}`} of={one} />
      ))}
    </ul>
  );
}

/** How far a target is from another health. */
function progress({ health, passes = 0, fails = 0, rise = 0, fall = 0 }: Target): string {
  if (health !== "up" && passes > 0 && rise > 0) return `${passes} of ${rise} probes passed in a row`;
  if (health !== "down" && fails > 0 && fall > 0) return `${fails} of ${fall} probes failed in a row`;
  return "";
}

function TargetRow({ of }: { of: Target }) {
  const probe = of.last_probe;
  const address = of.address && !of.url.includes(of.address) ? of.address : null;
  return (
    <li class={`target ${of.health}`}>
      <Mark shape={healthShape(of.health)} />
      <span class="target-name">
        {of.url}
        {address && <span class="quiet"> {address}</span>}
      </span>
      <span class="target-health">
        {of.health}
        {of.health === "down" && of.changed_at && (
          <>
            {" "}
            since <Clock at={of.changed_at} />
          </>
        )}
      </span>
      <span class="target-probe">
        {probe ? (
          <>
            {probe.ok && probe.status ? `${probe.status} in ${milliseconds(probe.latency_ms)}, ` : ""}
            {probe.age_seconds === undefined
              ? ""
              : `${duration(probe.age_seconds + (staleSeconds.value ?? 0))} ago`}
            {of.in_flight !== null && of.in_flight !== undefined ? `, ${count(of.in_flight)} in flight` : ""}
          </>
        ) : (
          "not probed yet"
        )}
      </span>
      {probe?.reason && (
        <span class="target-why">
          <Reason text={probe.reason} />
        </span>
      )}
      {progress(of) && <span class="target-why quiet">{progress(of)}</span>}
      {of.note && <span class="target-why quiet">{of.note}</span>}
    </li>
  );
}
