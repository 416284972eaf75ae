// The list of services: what has a problem first, then by group, with a search. It stays quick with hundreds.

import { signal } from "@preact/signals";

import type { Service } from "../api/types";
import { services, status } from "../state/live";
import { open } from "../state/route";
import { rates } from "../state/series";
import { capital } from "../words/name";
import { rate } from "../words/number";
import { Mark, type Shape } from "./mark";
import { arrange, type Block } from "./arrange";

const wanted = signal("");

export function List() {
  const groups = status.value?.value.groups ?? [];
  const blocks = arrange(services.value, groups, wanted.value);
  const shown = blocks.reduce((sum, block) => sum + block.services.length, 0);
  return (
    <div class="list">
      <header class="list-head">
        <h1>Services</h1>
        <label class="find">
          <span class="unseen">Find a service</span>
          <input
            id="find"
            type="search"
            placeholder="Find a service"
            autocomplete="off"
            spellcheck={false}
            aria-keyshortcuts="/"
            value={wanted.value}
            onInput={(event) => (wanted.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "ArrowDown" || (event.key === "Enter" && shown === 1))
                move(event, 1, shown === 1);
            }}
          />
          <kbd aria-hidden="true">/</kbd>
        </label>
        <p class="list-count" role="status">
          {shown === services.value.length ? `${shown} in all` : `${shown} of ${services.value.length}`}
        </p>
      </header>
      {blocks.map((block) => (
        <Group key={block.title} block={block} />
      ))}
      {shown === 0 && <p class="empty">No service is called like that.</p>}
    </div>
  );
}

function Group({ block }: { block: Block }) {
  return (
    <section class="list-block" aria-label={block.title}>
      <h2>
        {block.title} <span class="quiet">{block.services.length}</span>
      </h2>
      <ul>
        {block.services.map((one) => (
          <Row key={one.name} service={one} />
        ))}
      </ul>
    </section>
  );
}

function Row({ service: one }: { service: Service }) {
  const [worst] = one.problems ?? [];
  const { version } = one.colors[one.active];
  const seen = rates.value.get(one.name);
  return (
    <li>
      <button
        type="button"
        class="row"
        onClick={() => open(one.name)}
        onKeyDown={(event) => move(event, 0, false)}
      >
        <span class="row-name">{one.name}</span>
        <span class={`row-color ${one.active}`}>
          <Mark shape="active" /> {capital(one.active)}
          {version && <span class="row-version"> {version}</span>}
        </span>
        <span class="row-rate">{seen ? `${rate(seen.blue + seen.green)}/s` : "–"}</span>
        <span class={`row-state ${worst ? severityTone(worst.severity) : ""}`}>
          {worst ? (
            <>
              <Mark shape={severityShape(worst.severity)} /> {capital(worst.text)}
            </>
          ) : (
            quietState(one)
          )}
        </span>
      </button>
    </li>
  );
}

function quietState(one: Service): string {
  if (one.held) return "New requests are held";
  if (one.maintenance) return "In maintenance";
  const draining = Object.entries(one.colors).find(([, color]) => color.role === "draining");
  return draining ? `${capital(draining[0])} is draining` : "";
}

function severityShape(severity: string): Shape {
  return severity === "outage" ? "down" : "warn";
}

function severityTone(severity: string): string {
  return severity === "outage" ? "bad" : "warn";
}

/** Moves the focus among the rows with the arrow keys. */
function move(event: KeyboardEvent, from: number, enter: boolean): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const rows = [...document.querySelectorAll<HTMLButtonElement>(".row")];
  if (enter && event.key === "Enter") {
    rows[0]?.click();
    return;
  }
  if (step === 0) return;
  event.preventDefault();
  if (from === 1) {
    rows[0]?.focus();
    return;
  }
  const at = rows.indexOf(event.currentTarget as HTMLButtonElement);
  if (at === 0 && step < 0) document.getElementById("find")?.focus();
  else rows[at + step]?.focus();
}
