// Continue and abandon a deploy. Its steps run in the command line of whoever deploys, where the runners and their
// rights are: the console can end the record, and says which command does the rest.

import { useState } from "preact/hooks";

import { endDeploy, takeDeploy } from "../../api/calls";
import type { Problem } from "../../api/problem";
import type { Deploy } from "../../api/types";
import { done } from "../../state/ask";
import { refreshList } from "../../state/live";
import { token, who } from "../../state/session";
import { Copy } from "../copy";
import { Buttons, Frame, Outcome, Refusal } from "./frame";
import { Typed } from "./typed";

export function ContinueDialog({ deploy }: { deploy: Deploy }) {
  const command = `teal deploy --resume ${deploy.id}`;
  return (
    <Frame title={`Continue deploy ${deploy.id}`}>
      <p>
        Its next steps run where it was begun{deploy.by ? ` (${deploy.by})` : ""}, since only there are its
        runner and its rights. Run:
      </p>
      <p class="command">
        <code>{command}</code>
        <Copy text={() => Promise.resolve(command)} name="Copy the command" />
      </p>
      <p class="quiet">It goes on from the step {deploy.step}, and this page follows it.</p>
      <Buttons closing="Close" />
    </Frame>
  );
}

export function AbandonDialog({ deploy }: { deploy: Deploy }) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [words, setWords] = useState("");
  const act = async () => {
    if (busy || typed !== deploy.color || words !== "") return;
    setBusy(true);
    const by = who.peek()?.name ?? "an operator";
    const detail = `abandoned from the console by ${by}: what was started is left as it is`;
    const taken = await takeDeploy(token.peek(), deploy.id);
    const ended = taken.ok ? await endDeploy(token.peek(), taken.value, detail) : taken;
    setBusy(false);
    refreshList();
    setProblem(ended.ok ? null : ended.problem);
    if (!ended.ok) return;
    const said = `Deploy ${deploy.id} is abandoned: another one may begin`;
    setWords(said);
    done.value = said;
  };
  return (
    <Frame
      title={words === "" ? `Abandon deploy ${deploy.id}?` : `Abandon deploy ${deploy.id}`}
      onSubmit={() => void act()}
    >
      {words === "" ? (
        <>
          <ul class="sentences">
            <li>Its record ends, and another deploy may begin.</li>
            <li>
              What it has started in {deploy.color} is left as it is. To stop that, too, run{" "}
              <code>teal deploy --abandon {deploy.id}</code> instead.
            </li>
            {typeof deploy.generation === "number" && (
              <li>Traffic stays on {deploy.color}: roll back if it should not.</li>
            )}
          </ul>
          <Typed word={deploy.color} value={typed} onInput={setTyped} />
        </>
      ) : (
        <Outcome>
          <strong>{words}</strong>
        </Outcome>
      )}
      {problem && <Refusal problem={problem} />}
      <Buttons closing={words === "" ? "Cancel" : "Close"}>
        {words === "" && (
          <button type="submit" class="button danger" aria-disabled={busy || typed !== deploy.color}>
            Abandon
          </button>
        )}
      </Buttons>
    </Frame>
  );
}
