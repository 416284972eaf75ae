// A closer deadline for a drain under way: what is left then is cut.

import { useState } from "preact/hooks";

import { shortenDrain } from "../../api/calls";
import type { Problem } from "../../api/problem";
import type { Color } from "../../api/types";
import { done } from "../../state/ask";
import { refresh, services } from "../../state/live";
import { token } from "../../state/session";
import { capital, other } from "../../words/name";
import { some } from "../../words/number";
import { duration } from "../../words/time";
import { Buttons, Frame, Outcome, Refusal } from "./frame";

const WITHIN = ["1s", "5s", "10s", "30s", "60s"];

export function ShortenDialog({ service, color }: { service: string; color: Color }) {
  const [within, setWithin] = useState("10s");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [words, setWords] = useState("");
  const draining = services.value.find((each) => each.name === service)?.colors[color];
  const left = draining?.deadline_seconds ?? null;
  const act = async () => {
    if (busy || words !== "") return;
    setBusy(true);
    const answer = await shortenDrain(token.peek(), service, other(color), within);
    setBusy(false);
    refresh();
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    const said =
      answer.value.drain?.state === "draining"
        ? `${capital(color)} has at most ${duration(Number.parseInt(within, 10))} left`
        : `${capital(color)} does not drain any more`;
    setWords(said);
    done.value = said;
  };
  return (
    <Frame title={`Shorten the drain of ${color}${words === "" ? "?" : ""}`} onSubmit={() => void act()}>
      {words === "" ? (
        <>
          <ul class="sentences">
            <li>
              {draining
                ? `${some(draining.in_flight - (draining.streams ?? 0), "request")} and ${some(draining.streams ?? 0, "stream")} on ${color} may still end by themselves.`
                : `What is left on ${color} may still end by itself.`}
            </li>
            <li>What is left at the new deadline is cut, counted, and listed in the receipt.</li>
            <li>
              {left === null
                ? "The drain has no deadline now."
                : `The deadline is in ${duration(left)} now; a later one changes nothing.`}
            </li>
          </ul>
          <label class="field">
            <span>New deadline</span>
            <select value={within} onChange={(event) => setWithin(event.currentTarget.value)}>
              {WITHIN.map((each) => (
                <option key={each} value={each}>
                  in {duration(Number.parseInt(each, 10))}
                </option>
              ))}
            </select>
          </label>
        </>
      ) : (
        <Outcome>
          <strong>{words}</strong>
        </Outcome>
      )}
      {problem && <Refusal problem={problem} />}
      <Buttons closing={words === "" ? "Cancel" : "Close"}>
        {words === "" && (
          <button type="submit" class="button strong" aria-disabled={busy}>
            Shorten
          </button>
        )}
      </Buttons>
    </Frame>
  );
}
