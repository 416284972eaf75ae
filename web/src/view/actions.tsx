// The actions of a service. A disabled one stays in the order of the keys and says why it is disabled.

import type { ComponentChildren } from "preact";

import { mayHold, mayMove, mayRetire, mayRollBack } from "../act/allowed";
import type { Service } from "../api/types";
import { ask } from "../state/ask";
import { forbidden } from "../state/session";
import { capital, other, running } from "../words/name";

export function Actions({ service }: { service: Service }) {
  const { name } = service;
  const to = other(service.active);
  const back = service.rollback?.to ?? to;
  const retire = mayRetire(service);
  return (
    <div class="actions" role="group" aria-label={`Actions for ${name}`}>
      <Action
        keys="s"
        tone={`strong ${to}`}
        disabled={mayMove(service).disabled}
        act={() => (ask.value = { what: "move", verb: "switch", service: name, to })}
      >
        Switch to {to}
      </Action>
      <Action
        keys="r"
        disabled={mayRollBack(service).disabled}
        act={() => (ask.value = { what: "move", verb: "rollback", service: name, to: back })}
      >
        Roll back{service.rollback?.version ? ` to ${running(back, service.rollback.version)}` : ""}
      </Action>
      <Action
        keys="h"
        disabled={mayHold(service).disabled}
        act={() => (ask.value = { what: service.held ? "resume" : "hold", service: name })}
      >
        {service.held ? "Resume" : "Hold"}
      </Action>
      <Action
        disabled={retire.disabled}
        act={() => (ask.value = { what: "retire", service: name, color: retire.color })}
      >
        Retire {retire.color}
      </Action>
      {forbidden.value !== "" && <p class="actions-why">{capital(forbidden.value)}.</p>}
    </div>
  );
}

interface Props {
  keys?: string;
  tone?: string;
  disabled: string;
  act: () => void;
  children: ComponentChildren;
}

export function Action({ keys, tone = "", disabled, act, children }: Props) {
  return (
    <button
      type="button"
      class={`button ${tone}`}
      aria-disabled={disabled !== ""}
      title={disabled || undefined}
      aria-description={disabled || undefined}
      aria-keyshortcuts={keys}
      onClick={() => disabled === "" && act()}
    >
      {children}
    </button>
  );
}
