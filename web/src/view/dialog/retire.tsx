// Retire: after it Teal sends the color nothing at all. The color must be typed.

import { useState } from "preact/hooks";

import { retire } from "../../api/calls";
import type { Problem } from "../../api/problem";
import type { Color } from "../../api/types";
import { done } from "../../state/ask";
import { refresh, services } from "../../state/live";
import { token } from "../../state/session";
import { capital } from "../../words/name";
import { Buttons, Frame, Outcome, Refusal } from "./frame";
import { Typed } from "./typed";

export function RetireDialog({ service, color }: { service: string; color: Color }) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [words, setWords] = useState("");
  const mine = services.value.find((one) => one.name === service)?.colors[color];
  const act = async () => {
    if (busy || typed !== color || words !== "") return;
    setBusy(true);
    const answer = await retire(token.peek(), service, color);
    setBusy(false);
    refresh();
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    const said = `${capital(color)} of ${service} is retired: it may be stopped for good`;
    setWords(said);
    done.value = said;
  };
  return (
    <Frame
      title={words === "" ? `Retire ${color} of ${service}?` : `Retire ${color} of ${service}`}
      onSubmit={() => void act()}
    >
      {words === "" ? (
        <>
          <ul class="sentences">
            <li>
              Teal sends {color} nothing any more, not even a probe, so that it may be stopped for good.
            </li>
            <li>A rollback to {color} is possible only after it runs again and has been proven healthy.</li>
            {mine && (
              <li>
                Now {color} is {mine.words ?? mine.role}.
              </li>
            )}
          </ul>
          <Typed word={color} value={typed} onInput={setTyped} />
        </>
      ) : (
        <Outcome>
          <strong>{words}</strong>
        </Outcome>
      )}
      {problem && <Refusal problem={problem} />}
      <Buttons closing={words === "" ? "Cancel" : "Close"}>
        {words === "" && (
          <button type="submit" class="button danger" aria-disabled={busy || typed !== color}>
            Retire {color}
          </button>
        )}
      </Buttons>
    </Frame>
  );
}
