// The head of the page: where we are, whether what is shown can be trusted, and who we are.

import { ask } from "../state/ask";
import { skew } from "../state/clock";
import { streaming } from "../state/events";
import { problem, services, staleSeconds, status } from "../state/live";
import { chosen, open } from "../state/route";
import { signOut, token, who } from "../state/session";
import { duration } from "../words/time";
import { Mark } from "./mark";

export function Head() {
  return (
    <header class="head">
      <Brand />
      <Place />
      <div class="head-end">
        <Trust />
        <Session />
        <button
          type="button"
          class="icon"
          aria-label="Keys and help"
          onClick={() => (ask.value = { what: "keys" })}
        >
          ?
        </button>
      </div>
    </header>
  );
}

function Brand() {
  return (
    <button type="button" class="brand" onClick={() => open(null)} aria-label="Teal, to the begin">
      <svg viewBox="0 0 32 22" width="29" height="20" aria-hidden="true">
        <circle class="brand-blue" cx="11" cy="11" r="10" />
        <circle class="brand-green" cx="21" cy="11" r="10" />
        <path class="brand-teal" d="M16 2.34a10 10 0 0 1 0 17.32a10 10 0 0 1 0-17.32z" />
      </svg>
      <span>Teal</span>
    </button>
  );
}

/** The open service, and the way back to the list. */
function Place() {
  if (services.value.length < 2 || chosen.value === null) return null;
  return (
    <nav class="place" aria-label="Service">
      <button type="button" class="link" onClick={() => open(null)}>
        All services
      </button>
      <span aria-hidden="true">/</span>
      <span class="place-name">{chosen.value}</span>
    </nav>
  );
}

/** Whether the page is connected, or since when it is not. */
function Trust() {
  return (
    <div class="trust" id="trust">
      <Connection />
      {skew.value !== null && (
        <span class="skew" title="Ages and countdowns come from Teal's own clock.">
          Your clock is {duration(Math.abs(skew.value))} {skew.value > 0 ? "behind" : "ahead of"} Teal's
        </span>
      )}
    </div>
  );
}

function Connection() {
  const stale = staleSeconds.value;
  if (status.value === null) {
    return problem.value === null ? <span>Connecting</span> : <Lost text="Not connected" />;
  }
  if (stale !== null) {
    const why = problem.value?.title ?? "Teal does not answer";
    return <Lost text={`Stale for ${duration(stale)}`} why={why} />;
  }
  if (!streaming.value) return <Lost text="Live, events interrupted" />;
  return (
    <span class="live">
      <Mark shape="active" tone="good" /> Live
    </span>
  );
}

function Lost({ text, why }: { text: string; why?: string }) {
  return (
    <span class="lost">
      <Mark shape="warn" tone="warn" /> {text}
      {why && <span class="lost-why">: {why}</span>}
    </span>
  );
}

function Session() {
  if (token.value === null) {
    return (
      <button type="button" class="button small" onClick={() => (ask.value = { what: "sign-in" })}>
        Sign in
      </button>
    );
  }
  const said = who.value;
  return (
    <span class="session">
      <span class="session-who">
        {said?.name ?? "Signed in"}
        {said && <span class="session-role"> {said.role}</span>}
      </span>
      <button type="button" class="link" onClick={() => signOut()}>
        Sign out
      </button>
    </span>
  );
}
