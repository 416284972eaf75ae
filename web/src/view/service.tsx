// One service: its state in a sentence, the actions, the two colors and the flow between them, then the details.

import type { Color, ColorStatus, Service } from "../api/types";
import { history } from "../state/past";
import { actor, capital, other, running } from "../words/name";
import { duration } from "../words/time";
import { count } from "../words/number";
import { Actions } from "./actions";
import { Books } from "./books";
import { Charts } from "./charts";
import { ColorColumn } from "./color";
import { Deploys } from "./deploys";
import { Flow } from "./flow";
import { HistoryPart } from "./history";
import { Mark, roleShape } from "./mark";
import { Rollouts } from "./rollouts";
import { Timeline } from "./timeline";
import { Ago, Clock, Reason } from "./words";

export function ServicePage({ service }: { service: Service }) {
  return (
    <>
      <Lead service={service} />
      <section class={`centre ${service.active}-first`} aria-label="Blue and green">
        <Timeline service={service} />
        <Flow service={service} />
        <div class="columns">
          <ColorColumn service={service} color="blue" />
          <ColorColumn service={service} color="green" />
        </div>
      </section>
      <Rollouts service={service} />
      <Charts service={service} />
      <div class="pair">
        <Books service={service} />
        <Deploys service={service} />
      </div>
      <HistoryPart service={service} />
    </>
  );
}

function Lead({ service }: { service: Service }) {
  const { active, name, generation } = service;
  const mine = service.colors[active];
  const idle = other(active);
  return (
    <header class="lead">
      <h1 class={active}>
        <Mark shape={roleShape(mine)} /> {capital(active)} serves {name}{" "}
        {mine.version && <span class="version">{mine.version}</span>}
      </h1>
      <p class="lead-stop">
        <Mark shape={roleShape(service.colors[idle])} /> {capital(idle)} is{" "}
        {mayStop(idle, service.colors[idle])}
      </p>
      <p class="lead-sub">
        <Last service={service} /> <Back service={service} /> Generation {generation}.
      </p>
      <Actions service={service} />
      <Attention service={service} />
    </header>
  );
}

/** The answer to the question of everybody who deploys: may I stop the other color? The column has the details. */
function mayStop(color: Color, of: ColorStatus): string {
  const left = of.in_flight > 0 ? `, ${count(of.in_flight)} left` : "";
  return of.role === "draining" && !of.drained && !of.retired
    ? `draining${left}: do not stop ${color}`
    : (of.words ?? of.role);
}

/** Who moved the service last, and when. */
function Last({ service }: { service: Service }) {
  const known = service.changed ?? newest(service.name);
  if (!known) return null;
  const verb = {
    rollback: "Rolled back",
    failover: "Failed over",
    reload: "Moved by a reload",
    hold: "Held",
    resume: "Resumed",
  }[known.verb];
  return (
    <>
      {verb ?? "Switched"} <Ago at={known.at} />
      {actor(known.actor) && ` by ${actor(known.actor)}`}
      {known.reason && (
        <>
          {" "}
          <q class="why">{known.reason}</q>
        </>
      )}
      .
    </>
  );
}

/** Whether a rollback is possible, to what, and until when. */
function Back({ service: { rollback, can_roll_back } }: { service: Service }) {
  if (rollback) {
    return (
      <>
        A rollback to {running(rollback.to, rollback.version)} is possible
        {rollback.until && (
          <>
            {" "}
            until <Clock at={rollback.until} />
          </>
        )}
        .
      </>
    );
  }
  return can_roll_back === false ? <>There is nothing to roll back to.</> : null;
}

function newest(name: string): Service["changed"] {
  const found = (history.value ?? []).find((one) => one.kind === "switch" && one.service === name);
  if (found?.kind !== "switch") return null;
  return { at: found.decided, actor: found.actor, verb: found.cause, reason: found.reason ?? null };
}

function Attention({ service }: { service: Service }) {
  const { held, maintenance, problems = [] } = service;
  // These two have a line of their own, with more in it.
  const others = problems.filter(
    ({ text }) => !(held && text.startsWith("held ")) && !(maintenance && text.startsWith("in maintenance")),
  );
  return (
    <ul class="attention">
      {others.map((one) => (
        <li key={one.text} class={one.severity === "outage" ? "bad" : "warn"}>
          <Mark shape={one.severity === "outage" ? "down" : "warn"} />
          <Reason text={capital(one.text)} />
        </li>
      ))}
      {held && (
        <li class="warn">
          <Mark shape="warn" />
          <span>
            New requests are held by {actor(held.actor)}, since <Clock at={held.since} />:{" "}
            {count(held.waiting)} wait now, each up to {duration(held.max_wait_seconds)}.
          </span>
        </li>
      )}
      {maintenance && (
        <li class="warn">
          <Mark shape="warn" />
          <span>
            In maintenance by {actor(maintenance.actor)}, since <Clock at={maintenance.since} />: new requests
            get 503.
          </span>
        </li>
      )}
    </ul>
  );
}
