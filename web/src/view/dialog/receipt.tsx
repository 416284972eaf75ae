// A receipt: what one switch did, with its evidence and its figures. Copied in the words of the command line.

import { useEffect, useState } from "preact/hooks";

import { readReceipt, readReceiptText } from "../../api/calls";
import type { Problem } from "../../api/problem";
import type { ColorFigures, Figures, Receipt } from "../../api/types";
import { token } from "../../state/session";
import { line } from "../../words/change";
import { actor, capital } from "../../words/name";
import { count, percent } from "../../words/number";
import { between, milliseconds } from "../../words/time";
import { Copy } from "../copy";
import { Clock, Fact, Reason } from "../words";
import { Evidence } from "./evidence";
import { Buttons, Frame, Refusal } from "./frame";

const AGAIN_MS = 1000;

export function ReceiptDialog({ service, generation }: { service: string; generation: number }) {
  const [receipt, setReceipt] = useState<Receipt | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let closed = false;
    const read = async () => {
      const answer = await readReceipt(token.peek(), generation, service);
      if (closed) return;
      setProblem(answer.ok ? null : answer.problem);
      if (answer.ok) setReceipt(answer.value);
      // It is completed when the drain ends.
      if (answer.ok && !answer.value.ended) timer = setTimeout(() => void read(), AGAIN_MS);
    };
    void read();
    return () => {
      closed = true;
      clearTimeout(timer);
    };
  }, [service, generation]);
  return (
    <Frame title={`Receipt ${generation} of ${service}`} wide>
      {problem && <Refusal problem={problem} />}
      {receipt ? <Content of={receipt} /> : problem === null && <p class="quiet">Reading the receipt…</p>}
      <Buttons closing="Close">
        {receipt && (
          <Copy
            name="Copy receipt"
            text={async () => {
              const answer = await readReceiptText(token.peek(), generation, service);
              return answer.ok ? answer.value : null;
            }}
          />
        )}
      </Buttons>
    </Frame>
  );
}

function Content({ of }: { of: Receipt }) {
  const said = line({ ...of, kind: "switch" });
  const published = between(of.decided, of.published);
  return (
    <>
      <p class="receipt-lead">{said.text}</p>
      <dl class="facts">
        <Fact label="By">{actor(of.actor)}</Fact>
        {of.reason && (
          <Fact label="Reason">
            <Reason text={of.reason} />
          </Fact>
        )}
        <Fact label="Decided">
          <Clock at={of.decided} />
        </Fact>
        <Fact label="Published">{published === null ? "–" : `${milliseconds(published * 1000)} later`}</Fact>
        <Fact label="Drain" tone={said.tone}>
          {said.outcome || "–"}
        </Fact>
        {of.drain?.cut && (
          <Fact label="Cut">
            {count(of.drain.cut.unanswered)} unanswered, {count(of.drain.cut.answering)} being answered,{" "}
            {count(of.drain.cut.tunnels)} tunnels
          </Fact>
        )}
        {of.figures && (
          <>
            <Fact label="Last on the old color">
              <Clock at={of.figures.last_on_old} />
            </Fact>
            <Fact label="First on the new color">
              <Clock at={of.figures.first_on_new} />
            </Fact>
            <Fact label="Waited at Teal">{count(of.figures.parked)}</Fact>
            <Fact label="Retried">{count(of.figures.retries)}</Fact>
            <Fact label="Lost to a stale connection" tone={of.figures.stale_lost > 0 ? "bad" : ""}>
              {count(of.figures.stale_lost)}
            </Fact>
          </>
        )}
      </dl>
      {of.figures && <Traffic of={of.figures} />}
      <Evidence of={of.evidence} />
    </>
  );
}

function Traffic({ of }: { of: Figures }) {
  const rows: [string, (color: ColorFigures) => string][] = [
    ["Requests", (color) => count(color.requests)],
    ["Errors", (color) => `${count(color.errors)} (${percent(color.error_rate)})`],
    ["Median", (color) => milliseconds(color.p50_ms)],
    ["p99", (color) => milliseconds(color.p99_ms)],
  ];
  return (
    <table class="receipt-figures">
      <caption>From 30 s before the switch to the end of the drain</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="unseen">Figure</span>
          </th>
          {(["blue", "green"] as const).map((color) => (
            <th scope="col" key={color}>
              {capital(color)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{value(of.blue)}</td>
            <td>{value(of.green)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
