// Continue and abandon a deploy. Its steps run in the command line of whoever deploys, where the runners and their
// rights are: the console can end the record, and says which command does the rest.

import { abandonDeploy, wouldAbandonDeploy } from "../../api/calls";
import type { Deploy } from "../../api/types";
import { token, who } from "../../state/session";
import { Copy } from "../copy";
import { Change } from "./change";
import { Buttons, Frame } from "./frame";

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
  const by = who.peek()?.name ?? "an operator";
  const detail = `abandoned from the console by ${by}: what was started is left as it is`;
  return (
    <Change
      title={`Abandon deploy ${deploy.id}`}
      verb="abandon"
      service={deploy.services[0] ?? ""}
      button="Abandon"
      typed={deploy.color}
      rehearse={() => wouldAbandonDeploy(token.peek(), deploy.id)}
      sentences={(dry) => dry.sentences}
      act={() => abandonDeploy(token.peek(), deploy.id, detail)}
      said={() => `Deploy ${deploy.id} is abandoned: another one may begin`}
    />
  );
}
