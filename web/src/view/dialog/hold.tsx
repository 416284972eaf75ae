// Hold and resume: new requests wait at Teal instead of failing, and go on.

import { useState } from "preact/hooks";

import { hold, resume, wouldHold, wouldResume } from "../../api/calls";
import { token } from "../../state/session";
import { some } from "../../words/number";
import { duration } from "../../words/time";
import { Change } from "./change";
import { Times } from "./times";

const WAITS = ["10s", "30s", "60s", "120s"];

export function HoldDialog({ service }: { service: string }) {
  const [wait, setWait] = useState("30s");
  return (
    <Change
      title={`Hold new requests to ${service}`}
      verb="hold"
      service={service}
      button="Hold"
      options={wait}
      fields={<Times label="Longest wait of a request" of={WAITS} value={wait} onChange={setWait} />}
      rehearse={() => wouldHold(token.peek(), service, wait)}
      sentences={(dry) => dry.sentences}
      act={(dry) => hold(token.peek(), service, wait, dry.generation)}
      said={(held) => `New requests to ${service} are held, each up to ${duration(held.max_wait_seconds)}`}
      outcome={() => <p>Resume when the service can answer again.</p>}
    />
  );
}

export function ResumeDialog({ service }: { service: string }) {
  return (
    <Change
      title={`Resume ${service}`}
      verb="resume"
      service={service}
      button="Resume"
      rehearse={() => wouldResume(token.peek(), service)}
      sentences={(dry) => dry.sentences}
      act={(dry) => resume(token.peek(), service, dry.generation)}
      said={(resumed) => `${some(resumed.waiting, "request")} released to ${resumed.color}`}
    />
  );
}
