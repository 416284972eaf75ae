// The history of a service, newest first. A switch opens its receipt.

import { useState } from "preact/hooks";

import type { Service } from "../api/types";
import { ask } from "../state/ask";
import { history } from "../state/past";
import { about, line } from "../words/change";
import { Mark } from "./mark";
import { Ago, Clock, Part, Reason } from "./words";

const FIRST = 8;

export function HistoryPart({ service }: { service: Service }) {
  const [all, setAll] = useState(false);
  const own = (history.value ?? []).filter(
    (one) => about(one).length === 0 || about(one).includes(service.name),
  );
  const shown = own.map(line).slice(0, all ? own.length : FIRST);
  return (
    <Part id="history" title="History">
      {own.length === 0 ? (
        <p class="quiet">
          {history.value === null ? "Reading the history…" : "Nothing has been decided yet."}
        </p>
      ) : (
        <table class="history">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">What</th>
              <th scope="col">By</th>
              <th scope="col">Outcome</th>
              <th scope="col">
                <span class="unseen">Receipt</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((one) => (
              <tr key={`${one.at}${one.text}`}>
                <td class="history-at">
                  <Clock at={one.at} />{" "}
                  <span class="quiet history-ago">
                    <Ago at={one.at} />
                  </span>
                </td>
                <td>{one.text}</td>
                <td>{one.who}</td>
                <td class={one.tone}>
                  {one.tone === "warn" || one.tone === "bad" ? <Mark shape="warn" /> : null}{" "}
                  <Reason text={one.outcome} />
                </td>
                <td class="history-receipt">
                  {one.receipt !== null && (
                    <button
                      type="button"
                      class="link"
                      onClick={() =>
                        (ask.value = {
                          what: "receipt",
                          service: service.name,
                          generation: one.receipt ?? 0,
                        })
                      }
                    >
                      Receipt {one.receipt}
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {own.length > FIRST && (
        <button type="button" class="link" onClick={() => setAll(!all)}>
          {all ? "Only the newest" : `All ${own.length}`}
        </button>
      )}
    </Part>
  );
}
