// The deploys of a service and their steps, the one in progress first.

import type { Deploy, Service } from "../api/types";
import { ask } from "../state/ask";
import { status } from "../state/live";
import { deploys } from "../state/past";
import { forbidden } from "../state/session";
import { actor } from "../words/name";
import { between, duration } from "../words/time";
import { Action } from "./actions";
import { Mark, type Shape } from "./mark";
import { Ago, Part, Reason } from "./words";

const SHOWN = 5;

export function Deploys({ service }: { service: Service }) {
  const running = (status.value?.value.deploys ?? []).filter((one) => one.services.includes(service.name));
  // What waits for a person stands first.
  running.sort((a, b) => Number(waits(b)) - Number(waits(a)));
  const known = deploys.value?.service === service.name ? deploys.value.list : [];
  const ids = new Set(running.map((one) => one.id));
  const past = known.filter((one) => !ids.has(one.id) && one.result).slice(0, SHOWN);
  const list = [...running, ...past];
  return (
    <Part id="deploys" title="Deploys">
      {list.length === 0 && (
        <p class="quiet">
          None yet. <code>teal deploy {service.name}</code> makes one.
        </p>
      )}
      <ol class="deploys">
        {list.map((one) => (
          <DeployRow key={one.id} deploy={one} />
        ))}
      </ol>
    </Part>
  );
}

function DeployRow({ deploy }: { deploy: Deploy }) {
  const [shape, tone, word] = outcome(deploy);
  return (
    <li class="deploy">
      <p class="deploy-head">
        <span class={`deploy-word ${tone}`}>
          <Mark shape={shape} /> {word}
        </span>
        <span>
          {deploy.sweep ? "Sweep" : "Deploy"} {deploy.id}
          {deploy.version && <span class="version"> {deploy.version}</span>} to {deploy.color}
        </span>
        <span class="quiet">
          {deploy.by ?? actor(deploy.actor)}, <Ago at={deploy.started} />
        </span>
      </p>
      {!deploy.result && <Steps deploy={deploy} />}
      {deploy.client_gone && !deploy.paused && (
        <p class="warn">Its command line has been silent for {duration(deploy.silent_seconds)}.</p>
      )}
      {deploy.detail && (
        <p class="deploy-detail">
          <Reason text={deploy.detail} />
        </p>
      )}
      {waits(deploy) && (
        <div class="actions">
          <Action disabled={forbidden.value} act={() => (ask.value = { what: "continue", deploy })}>
            Continue
          </Action>
          <Action disabled={forbidden.value} act={() => (ask.value = { what: "abandon", deploy })}>
            Abandon
          </Action>
        </div>
      )}
    </li>
  );
}

/** The steps that were begun, with their durations; the last one is under way. */
function Steps({ deploy }: { deploy: Deploy }) {
  return (
    <ol class="steps" aria-label={`Steps of deploy ${deploy.id}`}>
      {deploy.steps.map((one, at) => {
        const next = deploy.steps[at + 1];
        const now = next === undefined;
        const took = now ? (deploy.step_seconds ?? null) : between(one.at, next.at);
        return (
          <li
            key={`${one.step}${one.at}`}
            class={now ? "now" : "past"}
            aria-current={now ? "step" : undefined}
          >
            <span>{one.step}</span> <span class="quiet">{took === null ? "" : duration(took)}</span>
          </li>
        );
      })}
    </ol>
  );
}

function waits(deploy: Deploy): boolean {
  return !deploy.result && (deploy.paused === true || deploy.client_gone === true);
}

function outcome(deploy: Deploy): [Shape, string, string] {
  switch (deploy.result) {
    case "succeeded":
      return ["active", "good", "succeeded"];
    case "failed":
      return ["down", "bad", "failed"];
    case "reverted":
      return ["down", "bad", "switched back"];
    case "unknown":
      return ["warn", "bad", "unknown"];
    case "abandoned":
      return ["none", "", "abandoned"];
    case "swept":
      return ["idle", "", "swept"];
    default:
      if (deploy.client_gone) return ["warn", "warn", "left alone"];
      return deploy.paused ? ["warn", "warn", "waits for you"] : ["draining", "", `at ${deploy.step}`];
  }
}
