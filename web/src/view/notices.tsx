// What needs attention beyond one service: the journal, a refused reload, an upgrade, certificates, the session.

import type { ComponentChildren } from "preact";

import type { Status } from "../api/types";
import { ended } from "../state/session";
import { firstVersion, problem, staleSeconds, status } from "../state/live";
import { duration } from "../words/time";
import { Mark } from "./mark";
import { Reason } from "./words";

/** The time before its end from which on a certificate is worth a notice: 7 days. */
const SOON_SECONDS = 7 * 86_400;

export function Notices() {
  const now = status.value?.value;
  return (
    <div class="notices">
      {staleSeconds.value !== null && (
        <Notice tone="warn">
          What you see is {duration(staleSeconds.value)} old:{" "}
          {lower(problem.value?.title ?? "Teal does not answer")}. The page connects again by itself.
        </Notice>
      )}
      {ended.value !== "" && <Notice tone="warn">{ended.value}</Notice>}
      {now && now.teal.version !== firstVersion.value && (
        <Notice tone="warn">
          Teal is {now.teal.version} now, and this page came with {firstVersion.value}.{" "}
          <button type="button" class="link" onClick={() => location.reload()}>
            Load the newer page
          </button>
        </Notice>
      )}
      {now && <OfTeal status={now} />}
    </div>
  );
}

function OfTeal({ status: now }: { status: Status }) {
  const reload = now.last_reload;
  return (
    <>
      {now.journal && (
        <Notice tone="bad">
          No change can be made durable: <Reason text={now.journal} />
        </Notice>
      )}
      {reload?.problem && (
        <Notice tone="warn">
          The last reload was refused {duration(reload.age_seconds)} ago, the previous configuration stays in
          force: <Reason text={reload.problem} />
        </Notice>
      )}
      {now.certificate_problem && (
        <Notice tone="warn">
          Newer certificates are not in use: <Reason text={now.certificate_problem} />
        </Notice>
      )}
      {now.certificates
        ?.filter((one) => one.left_seconds < SOON_SECONDS)
        .map((one) => (
          <Notice tone={one.left_seconds < 0 ? "bad" : "warn"} key={`${one.names.join()}${one.not_after}`}>
            The certificate of {one.names.join(", ")}{" "}
            {one.left_seconds < 0 ? "has expired" : `expires in ${duration(one.left_seconds)}`}
          </Notice>
        ))}
    </>
  );
}

function Notice({ tone, children }: { tone: "warn" | "bad"; children: ComponentChildren }) {
  return (
    <p class={`notice ${tone}`}>
      <Mark shape={tone === "bad" ? "down" : "warn"} tone={tone} />
      <span>{children}</span>
    </p>
  );
}

function lower(text: string): string {
  return text.startsWith("Teal") ? text : text.charAt(0).toLowerCase() + text.slice(1);
}
