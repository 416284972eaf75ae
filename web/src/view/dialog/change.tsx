// A change in a dialog: the dry run first, then the act with the generation that was seen, then the outcome in words.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Answer } from "../../api/http";
import type { Problem } from "../../api/problem";
import { done } from "../../state/ask";
import { refresh, refreshList } from "../../state/live";
import { capital } from "../../words/name";
import { Buttons, Frame, Outcome, Refusal } from "./frame";
import { overtaken } from "./overtaken";
import { Typed } from "./typed";

/** A change: `D` is what its dry run tells, `R` what it has done. */
interface Props<D, R> {
  title: string;
  /** The verb of a refusal: `Hold would be refused`. */
  verb: string;
  service: string;
  tone?: string;
  button: string;
  acting?: string;
  /** A word that must be typed before a dangerous act. */
  typed?: string;
  /** The options that the dry run depends on: it is asked for again when they change. */
  options?: string;
  /** Fields for the options and for remarks. */
  fields?: ComponentChildren;
  rehearse: () => Promise<Answer<D>>;
  sentences: (dry: D) => string[];
  /** False if there is nothing to do. */
  acts?: (dry: D) => boolean;
  evidence?: (dry: D) => ComponentChildren;
  act: (dry: D) => Promise<Answer<R>>;
  said: (result: R, dry: D) => string;
  outcome?: (result: R, dry: D) => ComponentChildren;
}

type Stage<D, R> =
  | { at: "checking" }
  | { at: "ready"; dry: D }
  | { at: "acting"; dry: D }
  | { at: "refused"; problem: Problem; dry: boolean }
  | { at: "done"; result: R; dry: D };

export function Change<D, R>(props: Props<D, R>) {
  const { title, service, tone = "", button, typed = "", options = "" } = props;
  const [stage, setStage] = useState<Stage<D, R>>({ at: "checking" });
  const [word, setWord] = useState("");
  const [tries, setTries] = useState(0);
  const newest = useRef(0);

  useEffect(() => {
    const mine = ++newest.current;
    const check = async () => {
      setStage({ at: "checking" });
      const answer = await props.rehearse();
      if (mine !== newest.current) return;
      setStage(
        answer.ok
          ? { at: "ready", dry: answer.value }
          : { at: "refused", problem: answer.problem, dry: true },
      );
    };
    void check();
    return () => {
      newest.current++;
    };
  }, [tries, options]);

  const may = stage.at === "ready" && word === typed && (props.acts?.(stage.dry) ?? true);
  const act = async () => {
    if (!may || stage.at !== "ready") return;
    const { dry } = stage;
    setStage({ at: "acting", dry });
    const result = await props.act(dry);
    refresh();
    refreshList();
    if (!result.ok) {
      setStage({ at: "refused", problem: result.problem, dry: false });
      return;
    }
    setStage({ at: "done", result: result.value, dry });
    done.value = props.said(result.value, dry);
  };

  const isOpen = stage.at === "checking" || stage.at === "ready" || stage.at === "acting";
  return (
    <Frame
      title={isOpen || stage.at === "refused" ? `${title}?` : title}
      tone={tone}
      onSubmit={() => void act()}
    >
      {stage.at === "checking" && (
        <p class="quiet" role="status">
          Asking Teal for a dry run: nothing changes yet…
        </p>
      )}
      {(stage.at === "ready" || stage.at === "acting") && <Forecast {...props} dry={stage.dry} />}
      {isOpen && props.fields}
      {isOpen && typed !== "" && <Typed word={typed} value={word} onInput={setWord} />}
      {stage.at === "refused" && (
        <Refusal
          problem={stage.problem}
          lead={
            overtaken(stage.problem, service) ??
            (stage.dry ? `${capital(props.verb)} would be refused` : failed(stage.problem))
          }
        />
      )}
      {stage.at === "done" && (
        <Outcome>
          <p>
            <strong>{props.said(stage.result, stage.dry)}</strong>
          </p>
          {props.outcome?.(stage.result, stage.dry)}
        </Outcome>
      )}
      <Buttons closing={isOpen ? "Cancel" : "Close"}>
        {stage.at === "refused" && (
          <button type="button" class="button" onClick={() => setTries(tries + 1)}>
            Check again
          </button>
        )}
        {isOpen && (
          <button
            type="submit"
            class={`button ${typed === "" ? "strong" : "danger"} ${tone}`}
            aria-disabled={!may}
          >
            {stage.at === "acting" ? (props.acting ?? button) : button}
          </button>
        )}
      </Buttons>
    </Frame>
  );
}

function Forecast<D, R>({ dry, sentences, evidence }: Props<D, R> & { dry: D }) {
  return (
    <>
      <ul class="sentences">
        {sentences(dry).map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
      {evidence?.(dry)}
    </>
  );
}

/** What is certain after an act that did not succeed. Without an answer Teal may have done it. */
function failed(problem: Problem): string {
  if (problem.status === 0)
    return "It is not known whether this was done: look at the page before you try again";
  if (problem.code === "publish_incomplete") return "It is decided, but not in force everywhere yet";
  return "Refused, nothing has changed";
}
