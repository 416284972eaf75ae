// The page as a whole: the head, what needs attention, the list or one service, the rail, the dialogs.

import { effect } from "@preact/signals";

import { problem, service, services, staleSeconds, status } from "../state/live";
import { chosen, open } from "../state/route";
import { ended, token } from "../state/session";
import { ask } from "../state/ask";
import { capital } from "../words/name";
import { Announcer } from "./announcer";
import { Dialogs } from "./dialog/dialogs";
import { Events } from "./events";
import { Head } from "./head";
import { List } from "./list";
import { Notices } from "./notices";
import { ServicePage } from "./service";
import { Teal } from "./teal";

export function App() {
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <Head />
      <Notices />
      <div class={`frame ${staleSeconds.value === null ? "" : "stale"}`}>
        <main id="main" tabIndex={-1}>
          <Screen />
        </main>
        <aside class="rail" aria-label="Events and Teal">
          <Events />
          <Teal />
        </aside>
      </div>
      <Dialogs />
      <Announcer />
    </>
  );
}

function Screen() {
  if (status.value === null) return <Waiting />;
  const one = service.value;
  if (one !== null) return <ServicePage key={one.name} service={one} />;
  if (chosen.value !== null) return <Unknown name={chosen.value} />;
  if (services.value.length === 0)
    return <p class="empty">This Teal has no service yet. Its configuration has none.</p>;
  return <List />;
}

function Waiting() {
  const why = problem.value;
  if (why === null) return <p class="empty">Reading the status…</p>;
  if (why.status === 401) {
    return (
      <div class="empty">
        <h1>Sign in to see this Teal</h1>
        <p>{ended.value || "From outside its machine, reading needs a token, too."}</p>
        <button type="button" class="button strong" onClick={() => (ask.value = { what: "sign-in" })}>
          Sign in
        </button>
      </div>
    );
  }
  return (
    <div class="empty">
      <h1>{why.title}</h1>
      <p>{why.detail || "The page tries again by itself."}</p>
    </div>
  );
}

function Unknown({ name }: { name: string }) {
  return (
    <div class="empty">
      <h1>There is no service {name}</h1>
      <p>It may have been removed from the configuration, or the address has a typing error.</p>
      <button type="button" class="button" onClick={() => open(null)}>
        Show all services
      </button>
    </div>
  );
}

effect(() => {
  const one = service.value;
  const stale = staleSeconds.value === null ? "" : "▲ ";
  document.title = stale + (one === null ? "Teal" : `${capital(one.active)} · ${one.name} · Teal`);
});

// Where reading needs a token, too, the dialog comes by itself.
effect(() => {
  if (problem.value?.status === 401 && token.value === null && status.peek() === null) {
    ask.value = { what: "sign-in" };
  }
});
