// Teal itself: the process, its workers, an upgrade under way, the journal, certificates, waiting calls, listeners.

import type { Status } from "../api/types";
import { status } from "../state/live";
import { actor } from "../words/name";
import { duration } from "../words/time";
import { Fact, Part, Reason } from "./words";

export function Teal() {
  const now = status.value?.value;
  if (now === undefined) return null;
  const { teal, workers } = now;
  const behind = workers ? workers.acknowledged < workers.total : false;
  return (
    <Part id="teal" title="Teal">
      <dl class="facts">
        <Fact label="Version">{teal.version}</Fact>
        <Fact label="Up for">{duration(teal.uptime_seconds)}</Fact>
        <Fact label="Process">{teal.pid}</Fact>
        <Fact label="Workers" tone={behind ? "warn" : ""}>
          {workers ? `${workers.acknowledged} of ${workers.total} have acknowledged` : "–"}
        </Fact>
        <Fact label="Upgrade" tone={teal.older_pid ? "warn" : ""}>
          {teal.older_pid
            ? `the older Teal (${teal.older_pid}) finishes its last requests`
            : "none under way"}
        </Fact>
        <Fact label="Journal" tone={now.journal ? "bad" : ""}>
          {now.journal ? <Reason text={now.journal} /> : "writable"}
        </Fact>
        {typeof now.publishing === "number" && <Fact label="Publishing">generation {now.publishing}</Fact>}
        <Fact label="Listens on">{now.listeners.join(", ") || "–"}</Fact>
        <Certificates status={now} />
        {now.last_reload && (
          <Fact label="Last reload" tone={now.last_reload.problem ? "warn" : ""}>
            {now.last_reload.problem ? "refused" : "in force"}, {duration(now.last_reload.age_seconds)} ago by{" "}
            {actor(now.last_reload.actor)}
          </Fact>
        )}
        {now.notify?.map((one) => (
          <Fact key={one.name} label={`Notifies ${one.name}`}>
            {one.url}
          </Fact>
        ))}
      </dl>
      <Waits status={now} />
    </Part>
  );
}

function Certificates({ status: { certificates = [], acme = [] } }: { status: Status }) {
  return (
    <>
      {certificates.map((one) => (
        <Fact
          key={`${one.names.join()}${one.not_after}`}
          label={one.target ? `Certificate of ${one.target.url}` : "Certificate"}
          tone={one.left_seconds < 7 * 86_400 ? "warn" : ""}
        >
          {one.names.join(", ")},{" "}
          {one.left_seconds < 0 ? "has expired" : `${duration(one.left_seconds)} left`}
        </Fact>
      ))}
      {acme
        .filter((one) => one.problem)
        .map((one) => (
          <Fact key={one.name} label={`Order for ${one.name}`} tone="warn">
            <Reason text={one.problem ?? ""} />
          </Fact>
        ))}
    </>
  );
}

/** The calls in progress, so that an operator sees what another one is doing. */
function Waits({ status: { waits = [] } }: { status: Status }) {
  if (waits.length === 0) return null;
  return (
    <>
      <h3>Calls in progress</h3>
      <ul class="waits">
        {waits.map((one) => (
          <li key={`${one.verb}${one.since}`}>
            {one.dry_run ? "Dry run of a " : ""}
            {one.verb}
            {one.to ? ` to ${one.to}` : ""}
            {one.services.length > 0 ? ` of ${one.services.join(", ")}` : ""} by {actor(one.actor)}:{" "}
            {one.stage}, {duration(one.age_seconds)}
            {one.reason && (
              <>
                , <Reason text={one.reason} />
              </>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
