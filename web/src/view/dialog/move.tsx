// Switch and rollback.

import { useState } from "preact/hooks";

import { move } from "../../api/calls";
import type { Answer } from "../../api/http";
import type { Problem } from "../../api/problem";
import type { Color, SwitchAnswer } from "../../api/types";
import { services } from "../../state/live";
import { token } from "../../state/session";
import { forecastWords } from "../../words/forecast";
import { capital, other } from "../../words/name";
import { Mark } from "../mark";
import { Change } from "./change";
import { Evidence } from "./evidence";
import { mover } from "./overtaken";

interface Props {
  verb: "switch" | "rollback";
  service: string;
  to: Color;
}

export function MoveDialog({ verb, service, to }: Props) {
  const [reason, setReason] = useState("");
  const is = verb === "switch";
  const rehearse = async (): Promise<Answer<SwitchAnswer>> => {
    const generation = services.peek().find((one) => one.name === service)?.generation;
    if (generation === undefined) return { ok: false, problem: gone(service) };
    return await move(token.peek(), { verb, service, to, generation, dryRun: true });
  };
  const act = (dry: SwitchAnswer) => {
    const { generation } = dry;
    const said = reason.trim();
    const wanted = { verb, service, to, generation, dryRun: false };
    return move(token.peek(), said === "" ? wanted : { ...wanted, reason: said });
  };
  return (
    <Change
      title={is ? `Switch ${service} to ${to}` : `Roll ${service} back to ${to}`}
      verb={verb}
      service={service}
      tone={to}
      button={is ? `Switch to ${to}` : `Roll back to ${to}`}
      acting="Switching…"
      rehearse={rehearse}
      sentences={(dry) => [
        ...(dry.result === "already" ? [`${capital(to)} is active already`] : []),
        ...forecastWords(
          dry,
          services.value.find((one) => one.name === service),
        ),
      ]}
      acts={(dry) => dry.result !== "already"}
      evidence={(dry) => <Evidence of={dry.evidence} />}
      fields={
        <label class="field">
          <span>Reason, for the receipt (optional)</span>
          <input
            type="text"
            maxLength={500}
            autocomplete="off"
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
      }
      act={act}
      said={(answer) => doneWords(verb, answer)}
      outcome={(answer) => (
        <>
          {answer.result === "already" && <p>{mover(service)}</p>}
          <Left service={service} from={answer.from} />
        </>
      )}
    />
  );
}

/** What is left on the old color, as it goes. */
function Left({ service, from }: { service: string; from: Color }) {
  const mine = services.value.find((one) => one.name === service)?.colors[from];
  if (mine === undefined) return null;
  return (
    <p>
      <Mark shape={mine.drained ? "active" : "draining"} tone={mine.drained ? "good" : ""} /> {capital(from)}{" "}
      is {mine.words ?? mine.role}
    </p>
  );
}

function gone(service: string): Problem {
  return { code: "not_found", title: `There is no service ${service} any more`, detail: "", status: 404 };
}

function doneWords(verb: string, answer: SwitchAnswer): string {
  if (answer.result === "already") return `Already on ${answer.to}`;
  const did = verb === "rollback" ? "Rolled back" : "Switched";
  return `${did} ${answer.service} from ${other(answer.to)} to ${answer.to}, generation ${answer.generation}`;
}
