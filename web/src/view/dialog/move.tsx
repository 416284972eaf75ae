// Switch and rollback: the dry run first, then the act with the generation that was seen, then the outcome in words.

import { useEffect, useState } from "preact/hooks";

import { type Move, move } from "../../api/calls";
import type { Problem } from "../../api/problem";
import type { Color, SwitchAnswer } from "../../api/types";
import { done } from "../../state/ask";
import { refresh, services } from "../../state/live";
import { token } from "../../state/session";
import { capital, other } from "../../words/name";
import { forecastWords } from "../../words/forecast";
import { Mark } from "../mark";
import { Buttons, Frame, Outcome, Refusal } from "./frame";
import { Evidence } from "./evidence";
import { mover, overtaken } from "./overtaken";

interface Props {
  verb: "switch" | "rollback";
  service: string;
  to: Color;
}

type Stage =
  | { at: "checking" }
  | { at: "ready"; answer: SwitchAnswer }
  | { at: "acting"; answer: SwitchAnswer }
  | { at: "refused"; problem: Problem; dry: boolean }
  | { at: "done"; answer: SwitchAnswer };

export function MoveDialog({ verb, service, to }: Props) {
  const [stage, setStage] = useState<Stage>({ at: "checking" });
  const [reason, setReason] = useState("");
  const [tries, setTries] = useState(0);
  const title = verb === "switch" ? `Switch ${service} to ${to}` : `Roll ${service} back to ${to}`;

  const order = (dryRun: boolean): Move | null => {
    const generation = services.peek().find((one) => one.name === service)?.generation;
    return generation === undefined ? null : { verb, service, to, generation, dryRun };
  };

  useEffect(() => {
    let late = false;
    const check = async () => {
      setStage({ at: "checking" });
      const wanted = order(true);
      if (wanted === null) {
        setStage({ at: "refused", problem: gone(service), dry: true });
        return;
      }
      const answer = await move(token.peek(), wanted);
      if (late) return;
      setStage(
        answer.ok
          ? { at: "ready", answer: answer.value }
          : { at: "refused", problem: answer.problem, dry: true },
      );
    };
    void check();
    return () => {
      late = true;
    };
  }, [tries]);

  const act = async () => {
    if (stage.at !== "ready" || stage.answer.result === "already") return;
    const { answer } = stage;
    setStage({ at: "acting", answer });
    const wanted: Move = { verb, service, to, generation: answer.generation, dryRun: false };
    const result = await move(
      token.peek(),
      reason.trim() === "" ? wanted : { ...wanted, reason: reason.trim() },
    );
    refresh();
    if (!result.ok) {
      setStage({ at: "refused", problem: result.problem, dry: false });
      return;
    }
    setStage({ at: "done", answer: result.value });
    done.value = doneWords(verb, result.value);
  };

  return (
    <Frame title={`${title}${stage.at === "done" ? "" : "?"}`} tone={to} onSubmit={() => void act()}>
      <Body stage={stage} verb={verb} service={service} to={to} reason={reason} onReason={setReason} />
      <Buttons closing={stage.at === "done" || stage.at === "refused" ? "Close" : "Cancel"}>
        {stage.at === "refused" && (
          <button type="button" class="button" onClick={() => setTries(tries + 1)}>
            Check again
          </button>
        )}
        {(stage.at === "ready" || stage.at === "acting" || stage.at === "checking") && (
          <button type="submit" class={`button strong ${to}`} aria-disabled={stage.at !== "ready"}>
            {stage.at === "acting"
              ? "Switching…"
              : verb === "switch"
                ? `Switch to ${to}`
                : `Roll back to ${to}`}
          </button>
        )}
      </Buttons>
    </Frame>
  );
}

interface BodyProps extends Props {
  stage: Stage;
  reason: string;
  onReason: (text: string) => void;
}

function Body({ stage, verb, service, to, reason, onReason }: BodyProps) {
  switch (stage.at) {
    case "checking":
      return (
        <p class="quiet" role="status">
          Asking Teal for a dry run: nothing changes yet…
        </p>
      );
    case "refused":
      return (
        <>
          <Refusal
            problem={stage.problem}
            lead={
              overtaken(stage.problem, service) ??
              (stage.dry ? `${capital(verb)} would be refused` : failed(stage.problem))
            }
          />
        </>
      );
    case "done":
      return (
        <Outcome>
          <p>
            <strong>{doneWords(verb, stage.answer)}</strong>
          </p>
          {stage.answer.result === "already" && <p>{mover(service)}</p>}
          <Left service={service} from={stage.answer.from} />
        </Outcome>
      );
    default:
      return (
        <>
          {stage.answer.result === "already" && <p>{capital(to)} is active already.</p>}
          <ul class="sentences">
            {forecastWords(
              stage.answer,
              services.value.find((one) => one.name === service),
            ).map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
          <Evidence of={stage.answer.evidence} />
          <label class="field">
            <span>Reason, for the receipt (optional)</span>
            <input
              type="text"
              maxLength={500}
              autocomplete="off"
              value={reason}
              onInput={(event) => onReason(event.currentTarget.value)}
            />
          </label>
        </>
      );
  }
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

/** What is certain after an act that did not succeed. Without an answer Teal may have done it. */
function failed(problem: Problem): string {
  if (problem.status === 0)
    return "It is not known whether this was done: look at the page before you try again";
  if (problem.code === "publish_incomplete") return "It is decided, but not in force everywhere yet";
  return "Refused, nothing has changed";
}

function gone(service: string): Problem {
  return { code: "not_found", title: `There is no service ${service} any more`, detail: "", status: 404 };
}

function doneWords(verb: string, answer: SwitchAnswer): string {
  if (answer.result === "already") return `Already on ${answer.to}`;
  const did = verb === "rollback" ? "Rolled back" : "Switched";
  return `${did} ${answer.service} from ${other(answer.to)} to ${answer.to}, generation ${answer.generation}`;
}
