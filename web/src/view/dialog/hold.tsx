// Hold and resume: new requests wait at Teal instead of failing, and go on.

import { useState } from "preact/hooks";

import { hold, resume } from "../../api/calls";
import type { Problem } from "../../api/problem";
import { done } from "../../state/ask";
import { refresh, services } from "../../state/live";
import { token } from "../../state/session";
import { count, some } from "../../words/number";
import { duration } from "../../words/time";
import { Buttons, Frame, Outcome, Refusal } from "./frame";

const WAITS = ["10s", "30s", "60s", "120s"];

export function HoldDialog({ service }: { service: string }) {
  const [wait, setWait] = useState("30s");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [words, setWords] = useState("");
  const one = services.value.find((each) => each.name === service);
  const act = async () => {
    if (busy || words !== "") return;
    setBusy(true);
    const answer = await hold(token.peek(), service, wait);
    setBusy(false);
    refresh();
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    const said = `New requests to ${service} are held, each up to ${duration(answer.value.max_wait_seconds)}`;
    setWords(said);
    done.value = said;
  };
  return (
    <Frame
      title={words === "" ? `Hold new requests to ${service}?` : `Hold ${service}`}
      onSubmit={() => void act()}
    >
      {words !== "" ? (
        <Outcome>
          <p>
            <strong>{words}</strong>
          </p>
          <p>Resume when the service can answer again.</p>
        </Outcome>
      ) : (
        <>
          <ul class="sentences">
            <li>New requests wait at Teal, in the order of their arrival, instead of failing.</li>
            <li>
              {one
                ? `${some(one.colors[one.active].in_flight, "request")} on ${one.active} may end first.`
                : "What has begun may end first."}
            </li>
            <li>A request that has waited for too long gets 503.</li>
          </ul>
          <label class="field">
            <span>Longest wait of a request</span>
            <select value={wait} onChange={(event) => setWait(event.currentTarget.value)}>
              {WAITS.map((each) => (
                <option key={each} value={each}>
                  {duration(Number.parseInt(each, 10))}
                </option>
              ))}
            </select>
          </label>
        </>
      )}
      {problem && <Refusal problem={problem} />}
      <Buttons closing={words === "" ? "Cancel" : "Close"}>
        {words === "" && (
          <button type="submit" class="button strong" aria-disabled={busy}>
            Hold
          </button>
        )}
      </Buttons>
    </Frame>
  );
}

export function ResumeDialog({ service }: { service: string }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [words, setWords] = useState("");
  const one = services.value.find((each) => each.name === service);
  const act = async () => {
    if (busy || words !== "") return;
    setBusy(true);
    const answer = await resume(token.peek(), service);
    setBusy(false);
    refresh();
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    const said = `${some(answer.value.waiting, "request")} released to ${answer.value.color}`;
    setWords(said);
    done.value = said;
  };
  return (
    <Frame title={words === "" ? `Resume ${service}?` : `Resume ${service}`} onSubmit={() => void act()}>
      {words === "" ? (
        <ul class="sentences">
          <li>
            {count(one?.held?.waiting)} waiting requests go to {one?.active ?? "the active color"}, in the
            order of their arrival.
          </li>
        </ul>
      ) : (
        <Outcome>
          <strong>{words}</strong>
        </Outcome>
      )}
      {problem && <Refusal problem={problem} />}
      <Buttons closing={words === "" ? "Cancel" : "Close"}>
        {words === "" && (
          <button type="submit" class="button strong" aria-disabled={busy}>
            Resume
          </button>
        )}
      </Buttons>
    </Frame>
  );
}
