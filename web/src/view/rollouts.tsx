// The rollouts of a service: the release that is watched now with its evidence, then how the last ones ended. A service
// that was never watched has no such part.

import type { Rollout, RolloutEvidence, Service } from "../api/types";
import { rollouts } from "../state/past";
import { capital, running } from "../words/name";
import { count, percent, some } from "../words/number";
import { duration } from "../words/time";
import { Mark, type Shape } from "./mark";
import { Ago, Part, Reason } from "./words";

const SHOWN = 3;

export function Rollouts({ service }: { service: Service }) {
  const known = rollouts.value?.service === service.name ? rollouts.value.list : [];
  const open = service.rollout ?? null;
  const past = known.filter((one) => one.ended).slice(0, SHOWN);
  const list = open ? [open, ...past] : past;
  if (list.length === 0) return null;
  return (
    <Part id="rollouts" title="Rollouts">
      <ol class="deploys">
        {list.map((one) => (
          <Row key={one.id} of={one} service={service.name} />
        ))}
      </ol>
    </Part>
  );
}

function Row({ of, service }: { of: Rollout; service: string }) {
  const [shape, tone, word] = state(of);
  const evidence = of.evidence?.find((one) => one.service === service);
  return (
    <li class="deploy">
      <p class="deploy-head">
        <span class={`deploy-word ${tone}`}>
          <Mark shape={shape} /> {word}
        </span>
        <span>
          Rollout {of.id} of {running(of.candidate, of.version)}
        </span>
        <span class="quiet">
          <Ago at={of.ended ?? of.began} />
        </span>
      </p>
      {of.state === "baking" ? (
        <Watch of={of} evidence={evidence} />
      ) : (
        of.verdict && (
          <p class="deploy-detail">
            <Reason text={of.verdict} />
          </p>
        )
      )}
    </li>
  );
}

/** The release under way: its time, what is known, and what follows if it fails. */
function Watch({ of, evidence }: { of: Rollout; evidence: RolloutEvidence | undefined }) {
  const left = of.left_seconds ?? 0;
  return (
    <>
      <p class={`bake ${of.candidate}`}>
        <progress
          value={Math.max(0, of.bake_seconds - left)}
          max={of.bake_seconds}
          aria-label={`Watched time of rollout ${of.id}`}
        />
        <span>{duration(left)} left</span>
      </p>
      {evidence && (
        <p>
          {capital(of.candidate)}: {some(evidence.requests, "request")}, {count(evidence.failed)} failed
          {evidence.requests > 0 && `; at most ${percent(evidence.at_most)} with 95 % confidence`}.{" "}
          {capital(of.stable)} before: {count(evidence.stable_failed)} of {count(evidence.stable_requests)};
          at most {percent(evidence.allowed)} may fail.
        </p>
      )}
      {of.verdict && !evidence?.passes && (
        <p class="quiet">
          <Reason text={of.verdict} />
        </p>
      )}
      <p class="quiet">
        {of.takes_back
          ? `If it fails beyond doubt, traffic goes back to ${of.stable} by itself.`
          : "If it fails, that is told, and traffic stays."}
      </p>
    </>
  );
}

function state(of: Rollout): [Shape, string, string] {
  switch (of.state) {
    case "done":
      return ["active", "good", "stays"];
    case "rolled_back":
      return ["down", "bad", "taken back"];
    case "stuck":
      return ["warn", "bad", "stuck"];
    case "aborted":
      return ["none", "", "aborted"];
    default:
      return ["draining", "", "watched"];
  }
}
