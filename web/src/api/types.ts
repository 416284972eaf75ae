// The documents of Teal's admin API. Generated from docs/reference/openapi.json by `npm run types`: do not edit.

/** The caller that asked for a change. */
export type Actor = {
  /** The holder of the token with this name. */
  token: string;
} | {
  /** A local user on the Unix socket, by user id. */
  uid: number;
} | "teal";

/** Answers by the side that gave them. */
export interface Answered {
  /** Answers of blue targets. */
  blue: number;
  /** Answers of green targets. */
  green: number;
  /** Answers of Teal itself, such as 503 during maintenance. */
  teal: number;
}

/** The requests of a service: accepted = answered + aborted + in flight + lost. Upgrades carry the counts on. */
export interface Books {
  /** Requests that ended without a complete answer. */
  aborted: number;
  /** Requests whose head was taken from a client. */
  accepted: number;
  /** Requests with a complete answer, or a tunnel, by the side that gave it. */
  answered: Answered;
  /** Requests that have not ended, without open tunnels. */
  in_flight: number;
  /** Requests that are none of these: always 0, else it is a bug in Teal. */
  lost: number;
}

/** The calls that a caller may make. */
export type CallerRole = "operator" | "deployer" | "viewer";

/** A certificate in use at the listeners, or one presented by a target. */
export interface Certificate {
  /** The file it was read from; `null` for a target's certificate. */
  file?: string | null;
  /** The time until it expires; negative once it has expired. */
  left_seconds: number;
  /** The DNS names and IP addresses it is valid for. */
  names: string[];
  /** The time at which it expires. */
  not_after: string;
  target?: TargetName | null;
}

/** A name for which certificates are ordered from a CA (ACME). */
export interface CertificateOrder {
  /** The name. */
  name: string;
  /** The time of the next check of the name; `null`: immediately. */
  next?: string | null;
  /** The reason the last order failed; `null` if it did not. */
  problem?: string | null;
}

/** One decision. */
export type Change = Receipt & ({
  kind: "switch";
}) | ReloadChange & ({
  kind: "reload";
}) | HoldChange & ({
  kind: "hold";
}) | ResumeChange & ({
  kind: "resume";
}) | RetireChange & ({
  kind: "retire";
}) | TargetsChange & ({
  kind: "targets";
}) | DeployChange & ({
  kind: "deploy";
}) | MaintenanceChange & ({
  kind: "maintenance";
}) | WaitChange & ({
  kind: "wait";
});

/** One of the two environments of a service. */
export type Color = "blue" | "green";

/** Traffic figures of one color. */
export interface ColorFigures {
  /** The error rate, from 0 to 1; `null` without requests. */
  error_rate?: number | null;
  /** Responses with a status of 500 or above, and requests without a complete response. */
  errors: number;
  /** The median response time; `null` without responses. */
  p50_ms?: number | null;
  /** The 99th percentile of the response time; `null` without responses. */
  p99_ms?: number | null;
  /** Requests that ended. */
  requests: number;
}

/** The recent traffic of one color, by step. Previews are not in it. */
export interface ColorSeries {
  /** Complete answers with a status from 400 to 499. */
  client_errors: number[];
  /** Requests that got no complete answer from a target, perhaps sent again to another one. */
  failed: number[];
  /** Requests and tunnels in flight at the end of the step. */
  in_flight: number[];
  /**
   * The time within which half of the complete answers came, in milliseconds; `null`: there were none. At most
   * a quarter above the exact value.
   */
  p50_ms: (number | null)[];
  /** The time within which 99 % of the complete answers came; as `p50_ms`. */
  p99_ms: (number | null)[];
  /** Requests to its targets that ended: with a complete answer, or failed. */
  requests: number[];
  /** Complete answers with a status from 500 to 599. */
  server_errors: number[];
  /** WebSockets, other tunnels and event streams among those in flight. */
  streams: number[];
}

/** One color of a service. */
export interface ColorStatus {
  /** Connections to its targets: being established, in use or idle. */
  connections?: number;
  /** True if the deadline has passed and leases are being cut now. */
  cutting?: boolean;
  /** The time until leases are cut; `null` if it is not draining or has no deadline. */
  deadline_seconds?: number | null;
  /** True if no lease and no connection is left and no new one can begin: safe to stop. */
  drained: boolean;
  /** Its health in words, as in texts and on the page. */
  health?: string;
  /** True if a switch to it would pass the gate now; `null`: not enough probes have ended to tell. */
  healthy?: boolean | null;
  /** The leases held: requests and tunnels in flight. */
  in_flight: number;
  /** The host names of which each address is a target, in the order of the configuration. */
  names?: Name[];
  /** The age of the oldest lease; `null` without leases. */
  oldest_age_seconds?: number | null;
  /** The age of the oldest of the streams. */
  oldest_stream_age_seconds?: number | null;
  /** The reason a switch to it would not pass the gate; `null` if it would. */
  reason?: string | null;
  /** True if nothing is sent to it, not even a probe, until a switch or a deploy to it. */
  retired?: boolean;
  /** Its current role. */
  role: Role;
  /** The number of WebSockets, other tunnels and event streams among those in flight. */
  streams?: number;
  /** Its targets, in the order of the configuration. */
  targets: Target[];
  /** True if the configuration leaves its targets to a runner (`targets = "runner"`). */
  told?: boolean;
  /** The number of WebSockets and other tunnels among the streams; the rest are event streams. */
  tunnels?: number;
  /** The version that a deploy has started in it, if known. */
  version?: string | null;
  /** Its role and whether it may be stopped, in words, as in texts and on the page. */
  words?: string;
}

/** Both colors of a service. */
export interface Colors {
  /** The first environment. */
  blue: ColorStatus;
  /** The second environment. */
  green: ColorStatus;
}

/** The leases that a drain deadline cut. */
export interface Cut {
  /** Responses that had begun: aborted. */
  answering: number;
  /** The total number of leases cut. */
  total: number;
  /** Tunnels: closed. */
  tunnels: number;
  /** Requests without a response yet: answered with 504. */
  unanswered: number;
}

/** The record of one deploy. */
export interface Deploy {
  /** The caller that began it, or that resumed it last. */
  actor: Actor;
  /** The user and the host of its command line. */
  by?: string | null;
  /**
   * The number of the present command line's claim: 1 for the one that began it, one more for each that
   * resumed or abandoned it. A change must name it, so that a command line that was replaced changes nothing.
   */
  claim: number;
  /** True if the command line has been silent for so long that it can be presumed dead. */
  client_gone?: boolean;
  /** The color that it deploys to. */
  color: Color;
  /** The reason for a result other than `succeeded`, and what was left as it is. */
  detail?: string | null;
  /** True if it was begun inside a freeze window, by `--emergency`. */
  emergency?: boolean;
  /** The time at which it ended. */
  ended?: string | null;
  /** The version of the color that was active at its begin; `null` if that is not known. */
  from_version?: string | null;
  /** The generation of its switch; `null` before that. */
  generation?: number | null;
  /** The group, if one was named. */
  group?: string | null;
  /** Its number, counted from 1 over all services. */
  id: number;
  /** The time until then; 0 once it is over. */
  keep_seconds?: number | null;
  /** The time until which the old environment stays up; then `teal sweep` stops it. */
  keep_until?: string | null;
  /** True if it waits before its switch (`--no-switch`) for `teal deploy --resume ID`. */
  paused?: boolean;
  /** The reason given for it. */
  reason?: string | null;
  result?: DeployResult | null;
  /** The services that it deploys: one, or those of a group. */
  services: string[];
  /** The time since the command line last reported; `null` if the deploy has ended or is paused. */
  silent_seconds?: number | null;
  /** The time at which it began. */
  started: string;
  /** The present step, or the last one. */
  step: DeployStep;
  /** The time since that step began; `null` if the deploy has ended. */
  step_seconds?: number | null;
  /** All steps that were begun, in order. */
  steps: DeployStepRecord[];
  /** True if it is a sweep: it stops an old environment whose time is over, and deploys nothing. */
  sweep?: boolean;
  /** The version that it deploys; `null` if none was named. */
  version?: string | null;
}

/** The begin or the end of a deploy. */
export interface DeployChange {
  /** The caller that has it. */
  actor: Actor;
  /** The time. */
  at: string;
  /** The user and the host of its command line. */
  by?: string | null;
  /** The color that it deploys to. */
  color: Color;
  /** The reason for the result. */
  detail?: string | null;
  /** The number of the deploy. */
  id: number;
  result?: DeployResult | null;
  /** Its services. */
  services: string[];
  /** The version, if one was named. */
  version?: string | null;
}

/** The answer to a report about a deploy. */
export type DeployOutcome = DryRun | Deploy;

/**
 * A report about a deploy: the body of `PATCH /admin/deploys/{id}`. Without a step and a result it says that the
 * command line is alive.
 */
export interface DeployReport {
  /** The user and the host of the command line that takes it over. */
  by?: string | null;
  /** The claim of the command line, from the record; ignored with `take`. */
  claim?: number;
  /** The reason for the result, at most 500 characters. */
  detail?: string | null;
  /** Only check the report and change nothing. */
  dry_run?: boolean;
  /** The time for which the old environment stays up, counted from the result; at most 30 days. */
  keep_seconds?: number | null;
  /** Pause before the switch: the command line ends, and the deploy stays. */
  pause?: boolean;
  result?: DeployResult | null;
  step?: DeployStep | null;
  /** Take the deploy over from its command line, which must have been silent; the answer has the new claim. */
  take?: boolean;
}

/**
 * The request to begin a deploy: the body of `POST /admin/deploys`. `If-Match` may name the generation
 * of the service.
 */
export interface DeployRequest {
  /** The user and the host of the command line, at most 128 characters. */
  by?: string | null;
  /** The deploy begins inside a freeze window; recorded. */
  emergency?: boolean;
  /** The group, instead of a service. */
  group?: string | null;
  /** The reason, at most 500 characters. */
  reason?: string | null;
  /** The service; optional if there is only one, or if a group is named. */
  service?: string | null;
  /** Begin although the service was rolled back after its last deploy. */
  supersede?: boolean;
  /** Deploy nothing, but stop the environment in the idle color, whose time is over. The record is the lock meanwhile. */
  sweep?: boolean;
  /** The version: 1 to 128 of letters, digits and `._:/@+~-`. */
  version?: string | null;
}

/** The result of a deploy. */
export type DeployResult = "succeeded" | "failed" | "reverted" | "unknown" | "abandoned" | "swept";

/** A step of a deploy. */
export type DeployStep = "lock" | "before" | "start" | "gate" | "smoke" | "switch" | "drain" | "outside" | "after" | "keep";

/** A step that was begun. */
export interface DeployStepRecord {
  /** The time at which it began. */
  at: string;
  /** The step. */
  step: DeployStep;
}

/** The deploys, newest first: those in progress and those that ended last. */
export interface Deploys {
  /** The records. */
  deploys: Deploy[];
}

/** The progress of the drain of a color. */
export interface Drain {
  /** The color being drained. */
  color: Color;
  cut?: Cut | null;
  left?: Remaining | null;
  /** Its state. */
  state: DrainState;
  /** The newer generation; only if the state is `superseded`. */
  superseded_by?: number | null;
}

/** The state of a drain. */
export type DrainState = "draining" | "drained" | "cut" | "stuck" | "superseded" | "interrupted";

/** The forecast of a call that was only checked; nothing was changed. */
export interface DryRun {
  /** The color that the call is about. */
  color: Color;
  /** True: this is not the answer of the call itself. */
  dry_run: boolean;
  /** The generation of the service, for `If-Match`; of several, the highest. */
  generation: number;
  /** The effects that the call would have, in words, as in texts and in dialogs. */
  sentences: string[];
  /** The services. */
  services: string[];
}

/** One event. Which members are present depends on the kind. */
export interface Event {
  /** True if the health is that of a target of the active color. */
  active?: boolean;
  actor?: Actor | null;
  /** The target's address, if the target is a single address. */
  address?: string | null;
  /** The time of the event. */
  at: string;
  /** The user and the host of the command line of a deploy. */
  by?: string | null;
  /** The changes that a reload made. */
  changes?: string[];
  /** The stable code of a refusal. */
  code?: string | null;
  color?: Color | null;
  /** The time until the deadline of a drain that was brought closer. */
  deadline_seconds?: number | null;
  /** The number of a deploy. */
  deploy?: number | null;
  drain?: Drain | null;
  from?: Color | null;
  /** The generation. */
  generation?: number | null;
  /** The group; only for the refusal or the deploy of a group. */
  group?: string | null;
  health?: Health | null;
  /** Starts at 1 and grows by one with each event; starts over when the process restarts. */
  id: number;
  /**
   * `switch`, `rollback`, `failover`, `published`, `drained`, `refused`, `health`, `hold`,
   * `resume`, `warm_up`, `maintenance_on`, `maintenance_off`, `reload`, `shorten`, `retire`, `targets`, `preview_made`,
   * `previews_revoked`, `deploy` or `rollout`.
   */
  kind: string;
  /** True if a deploy now waits before its switch. */
  paused?: boolean;
  /** The reason: of a switch, of a refusal, of the last probe's result, of a deploy's result, or of a rollout's end. */
  reason?: string | null;
  result?: DeployResult | null;
  /** The number of a rollout. */
  rollout?: number | null;
  rollout_state?: RolloutState | null;
  /** The service. */
  service?: string | null;
  step?: DeployStep | null;
  /** The target whose health changed, or that was drained alone. */
  target?: string | null;
  /** The targets that a runner has told; absent: none. */
  targets?: string[];
  to?: Color | null;
  /** The command of a waiting call: `switch` or `rollback`. */
  verb?: string | null;
  /** The version that a deploy or a rollout names, or that a switch goes to. */
  version?: string | null;
  warm_up?: WarmUp | null;
}

/** One passed probe, as evidence for a switch. */
export interface Evidence {
  /** The address that was probed; `null`: the target is not a single address, or it is no longer known. */
  address?: string | null;
  /** The time at which the probe ended. */
  at: string;
  /** The duration of the probe. */
  latency_ms: number;
  /** The status code of the response. */
  status: number;
  /** The target that was probed. */
  target: string;
}

/** Traffic figures from 30 s before the publish to the end of the drain. */
export interface Figures {
  /** Traffic on blue. */
  blue: ColorFigures;
  /** The time at which the first lease was taken on the new color. */
  first_on_new?: string | null;
  /** Traffic on green. */
  green: ColorFigures;
  /** The time at which the last lease was taken on the old color. */
  last_on_old?: string | null;
  /** Requests that had to wait at Teal. */
  parked: number;
  /** Requests that were retried. */
  retries: number;
  /** Requests lost because a reused connection closed and a retry was not safe. */
  stale_lost: number;
}

/** The traffic that a switch would move, as it is now. */
export interface Forecast {
  /** True if a rollback would pass the gate now: the color that would be left is healthy. */
  can_roll_back: boolean;
  /** The time they have until they are cut. */
  drain_seconds: number;
  /** Requests in flight there, without the streams. */
  in_flight: number;
  /** The mean rate of the last ten seconds on the color that would be left. */
  requests_per_second: number;
  /** WebSockets, other tunnels and event streams there. */
  streams: number;
  /** The version of the color that would become active, if known. */
  to_version?: string | null;
}

/** Services that can be switched together. */
export interface Group {
  /** Its name. */
  name: string;
  /** Its services. */
  services: string[];
}

/** The outcome of a switch or a rollback for the services of a group. */
export interface GroupAnswer {
  /** The color that was active before, for the services that moved; for `already` the idle color. */
  from: Color;
  /** The generation of the switch; if nothing moved, the highest generation of the services. */
  generation: number;
  /** The group. */
  group: string;
  /** The result: `already` only if no service had to move. */
  result: SwitchResult;
  /** The outcome for each service, in the order of the configuration. */
  services: SwitchAnswer[];
  /** The color that is active now; for `would_switch` the one that would become active. */
  to: Color;
}

/** The health of a target according to the probes. */
export type Health = "unknown" | "up" | "down";

/** A hold: new requests wait at Teal. */
export interface Held {
  /** The caller that asked for it. */
  actor: Actor;
  /** The longest time a request waits, from its arrival. */
  max_wait_seconds: number;
  /** The time at which it began. */
  since: string;
  /** Requests waiting now. */
  waiting: number;
}

/** The decisions, newest first. */
export interface History {
  /** The changes. */
  changes: Change[];
}

/** The outcome of a hold. */
export interface HoldAnswer {
  /** The active color, which is draining now. */
  color: Color;
  /** The drain of the active color. */
  drain: Drain;
  /** The longest time a request waits, from its arrival. */
  max_wait_seconds: number;
  /** The service. */
  service: string;
}

/** New requests were put on hold. */
export interface HoldChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time of the decision. */
  at: string;
  /** The longest time a request waits. */
  max_wait_seconds: number;
  /** The service. */
  service: string;
}

/** The answer to a hold. */
export type HoldOutcome = DryRun | HoldAnswer;

/** The last change of where the traffic of a service goes. */
export interface LastChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time of the decision. */
  at: string;
  /** The reason that was given for it; `null`: none. */
  reason?: string | null;
  /** The kind: `switch`, `rollback`, `failover` or `reload`. */
  verb: string;
}

/** The log levels of a Teal. */
export interface LogLevel {
  /** The level for everything and those of single modules, separated by commas. */
  level: string;
}

/** A maintenance: Teal answers new requests itself. */
export interface Maintenance {
  /** The caller that asked for it, or for its present message and page. */
  actor: Actor;
  /** The clients whose requests go to the service as always. */
  allow: string[];
  /** The sentence for clients; `null`: the usual one. */
  message?: string | null;
  /** True if it has a page of its own. */
  page: boolean;
  /** The time at which it began. */
  since: string;
}

/** The outcome of a call about a maintenance. */
export interface MaintenanceAnswer {
  /** The clients whose requests go to the services as always. */
  allow: string[];
  /** True if the services are in maintenance. */
  on: boolean;
  /** The services that were changed. */
  services: string[];
}

/** A maintenance began, had another message, or ended. */
export interface MaintenanceChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time of the decision. */
  at: string;
  /** The sentence for clients, if one was given. */
  message?: string | null;
  /** True unless it ended. */
  on: boolean;
  /** The services. */
  services: string[];
}

/** A host name of which each address is a target. */
export interface Name {
  /** The number of addresses in the last answer of a resolver. */
  addresses: number;
  /** The problem with it; `null`: none. */
  problem?: string | null;
  /** The time since which lookups get no answer; `null`: the last one was answered. */
  unanswered_since?: string | null;
  /** The target as configured. */
  url: string;
  /** The number of those addresses that receive traffic. */
  used: number;
}

/** An endpoint that is notified of events. Counts begin with the process. */
export interface NotifyEndpoint {
  /** Messages delivered. */
  delivered: number;
  /** True if nothing is sent until a reload or restart, since the endpoint answered 410. */
  disabled: boolean;
  /** Messages dropped because too many waited. */
  dropped: number;
  /** The events that it gets. */
  events: string[];
  /** Messages given up after 24 hours. */
  expired: number;
  /** Tries that have failed. */
  failed: number;
  /** The number of tries that have failed since the last delivery. */
  failures: number;
  /** `json` or `slack`. */
  format: string;
  last_failure?: NotifyFailure | null;
  last_success?: NotifySuccess | null;
  /** Its name. */
  name: string;
  /** The time of the next try; `null`: nothing waits, or a try is under way. */
  next_try?: string | null;
  /** The time of the oldest of them; `null`: there are none. */
  oldest?: string | null;
  /** The reason why a crash would lose messages that wait; `null`: they are on the disk. */
  outbox_problem?: string | null;
  /** The number of messages that wait for it. */
  pending: number;
  /** Scheme, host and port of its URL. The rest may be a secret. */
  url: string;
}

/** The endpoints that are notified, in the order of the configuration. */
export interface NotifyEndpoints {
  /** The endpoints. */
  endpoints: NotifyEndpoint[];
}

/** A try that failed. */
export interface NotifyFailure {
  /** The time. */
  at: string;
  /** The reason. */
  reason: string;
}

/** A delivery. */
export interface NotifySuccess {
  /** The time. */
  at: string;
  /** The status of the answer. */
  status: number;
  /** The time that it took. */
  took_ms: number;
}

/** The result of a test of an endpoint. */
export interface NotifyTest {
  /** True if the test message was delivered. */
  delivered: boolean;
  /** The name of the endpoint. */
  endpoint: string;
  /** The reason why it was not delivered; `null`: it was. */
  problem?: string | null;
  /** The status of the answer; `null`: there was none. */
  status?: number | null;
  /** The time that it took. */
  took_ms: number;
}

/** A call in progress. */
export interface PendingCall {
  /** The caller. */
  actor: Actor;
  /** The time that has passed since then. */
  age_seconds: number;
  /** True for a dry run, which only passes the gate. */
  dry_run: boolean;
  /** The group that was named; `null` if none was. */
  group?: string | null;
  /** The time for which it still waits for the gate; `null` if it does not wait. */
  left_seconds?: number | null;
  /** The reason it does not pass the gate; `null` if it is not waiting for the gate. */
  reason?: string | null;
  /** The services it concerns; empty: all. */
  services: string[];
  /** The time at which the call began. */
  since: string;
  /**
   * `gate` (waiting for probes; nothing is decided), `warm-up` (warming the color up; nothing is decided), `queued` (waiting for another change; nothing
   * is decided) or `writing` (decided, being written to the journal and published).
   */
  stage: string;
  to?: Color | null;
  /** The command: `switch`, `rollback`, `hold`, `resume`, `reload` or `failover`. */
  verb: string;
}

/** A preview of the idle color of a service. */
export interface Preview {
  /** The idle color, which it shows. */
  color: Color;
  /** The time at which the token expires. */
  expires_at?: string | null;
  /** The generation of the service. The preview ends with the next one. */
  generation: number;
  /** The addresses of the listener for previews, which needs no token. */
  listener_urls?: string[];
  /** The service. */
  service: string;
  /** The token, for the field `Teal-Preview` of a request; absent: the service has none. Whoever has it sees the color. */
  token?: string | null;
  /** Addresses to open in a browser. Those with the token set a cookie and lead to the same address without it. */
  urls: string[];
  /** The version that runs in the color, if known. */
  version?: string | null;
}

/** The tokens of a service that were made until now are void. */
export interface PreviewsRevoked {
  /** The service. */
  service: string;
}

/** One active health check. */
export interface Probe {
  /** The time that has passed since then. */
  age_seconds?: number;
  /** The time at which it ended. */
  at: string;
  /** Its duration. */
  latency_ms: number;
  /** True if it passed. */
  ok: boolean;
  /** The reason it failed, in words; `null` if it passed. */
  reason?: string | null;
  /** The status code of the response; `null` if there was none. */
  status?: number | null;
}

/** A problem document (RFC 9457). Further members depend on the code. */
export interface ProblemDocument {
  /** The stable code for scripts, such as `unhealthy`. */
  code: string;
  /** The reason, and what to do about it. */
  detail?: string | null;
  /** The HTTP status code. */
  status: number;
  /** A one-line summary of the problem. */
  title: string;
  /** `urn:teal:problem:` followed by the code. */
  type: string;
}

/** The process that answered. */
export interface ProcessInfo {
  /** The random id of this process, as in the `Via` header. */
  instance: string;
  /**
   * The process id of the older Teal that it took over from, while that is still finishing its last
   * requests.
   */
  older_pid?: number | null;
  /** The process id. */
  pid: number;
  /** The time for which it has been serving. */
  uptime_seconds: number;
  /** The version of the program. */
  version: string;
}

/** The record of one switch. */
export interface Receipt {
  /** The caller that asked for it. */
  actor: Actor;
  /** `switch`, `rollback` or `failover`. */
  cause: string;
  /** The time of the decision. */
  decided: string;
  drain?: Drain | null;
  /** The time at which the drain ended; `null` before that. */
  ended?: string | null;
  /** The probes that proved the new color healthy. */
  evidence: Evidence[];
  figures?: Figures | null;
  /** The color that was active before. */
  from: Color;
  /** The version of the old color, if known. */
  from_version?: string | null;
  /** The generation that the switch created. */
  generation: number;
  /** The time at which every worker had applied it; `null` before that. */
  published?: string | null;
  /** The reason that the caller gave. */
  reason?: string | null;
  /** The service. */
  service: string;
  /** The color that has been active since. */
  to: Color;
  /** The version of the new color, if known. */
  version?: string | null;
}

/** The outcome of a configuration reload. */
export interface Reload {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time that has passed since then. */
  age_seconds: number;
  /** The time at which it ended. */
  at: string;
  /** The reason it was refused; `null`: the configuration is in force. */
  problem?: string | null;
}

/** A reload that changed where traffic goes. */
export interface ReloadChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time of the decision. */
  at: string;
  /** The generation it created. */
  generation: number;
  /** The services that were added, removed or moved. */
  services: string[];
}

/** The outcome of a reload. */
export interface Reloaded {
  /** The changes, one text each; empty: none. */
  changes: string[];
  /** The generation it created; `null`: routing did not change. */
  generation?: number | null;
}

/** The leases and connections left on a color whose drain is stuck. */
export interface Remaining {
  /** Connections to its targets. */
  connections: number;
  /** Requests and tunnels. */
  leases: number;
}

/** Requests on hold were released. */
export interface ResumeChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time of the decision. */
  at: string;
  /** The service. */
  service: string;
}

/** The answer to a resume. */
export type ResumeOutcome = DryRun | Resumed;

/** The outcome of a resume. */
export interface Resumed {
  /** The color to which the requests are released. */
  color: Color;
  /** The service. */
  service: string;
  /** Requests that were waiting and are being released. */
  waiting: number;
}

/** A color was retired: nothing is sent to it any more. */
export interface RetireChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time of the decision. */
  at: string;
  /** The color. */
  color: Color;
  /** The service. */
  service: string;
}

/** The answer to a retirement. */
export type RetireOutcome = DryRun | Retired;

/** A color to which nothing is sent any more. */
export interface Retired {
  /** The color. */
  color: Color;
  /** The service. */
  service: string;
}

/** The current role of a color. */
export type Role = "active" | "draining" | "idle";

/** The destination of a rollback. */
export interface Rollback {
  /** The color. */
  to: Color;
  /** The time until which the deploy keeps it up; `null`: no such time is set. */
  until?: string | null;
  /** The version that runs there, if known. */
  version?: string | null;
}

/** One rollout: a release that is watched until it is judged. */
export interface Rollout {
  /** The caller that began it. */
  actor: Actor;
  /** The time for which its candidate is watched. */
  bake_seconds: number;
  /** The time at which it began. */
  began: string;
  /** The color that it releases. */
  candidate: Color;
  /** The time at which it ended; `null` while it is open. */
  ended?: string | null;
  /** The evidence about each service; empty if it has ended. */
  evidence?: RolloutEvidence[];
  /** The generation of its switch. */
  generation: number;
  /** Its number, counted from 1 over all services. */
  id: number;
  /** The rest of that time; `null` if it has ended. */
  left_seconds?: number | null;
  /** The services that it releases: one, or those of a group. */
  services: string[];
  /** The color that was active before, to which traffic goes back. */
  stable: Color;
  /** Its state. */
  state: RolloutState;
  /** True if traffic goes back when the candidate fails; otherwise it is only told. */
  takes_back: boolean;
  /** What is known about the candidate, in words; `null`: nothing yet. */
  verdict?: string | null;
  /** The version of the candidate; `null` if that is not known. */
  version?: string | null;
}

/** The evidence about the candidate of a service. */
export interface RolloutEvidence {
  /** The share of failures that is allowed. */
  allowed: number;
  /** The highest share of failures that the evidence agrees with, with 95 % confidence whenever it is read. */
  at_most: number;
  /** The clients whose requests failed: at least this many. */
  clients: number;
  /** Those that failed: answers with a status from 500 on, and requests that got no complete answer. */
  failed: number;
  /** The decimal logarithm of the e-value against the candidate. It fails at 3.48, with enough failures of enough clients. */
  log10_e: number;
  /** True if the candidate passes: a share of failures that is not allowed would have shown by now. */
  passes: boolean;
  /** Requests to the candidate that have ended. */
  requests: number;
  /** The service. */
  service: string;
  /** Those that failed. */
  stable_failed: number;
  /** Requests to the stable color before: since it became active, at most 15 minutes. */
  stable_requests: number;
}

/** The state of a rollout. */
export type RolloutState = "baking" | "done" | "aborted" | "rolled_back" | "stuck";

/** The rollouts, newest first: those that are open, and the last 64 that ended. */
export interface Rollouts {
  /** The rollouts. */
  rollouts: Rollout[];
}

/** The recent traffic of services. */
export interface Series {
  /** The time at which the newest step ends. */
  at: string;
  /** The same in seconds since 1970: the value for `after` in the next call. */
  end: number;
  /** The services that were asked for, in the order of the configuration. */
  services: ServiceSeries[];
  /** The length of a step: 1 or 10. */
  step_seconds: number;
}

/** One service. */
export interface Service {
  /** The color that receives traffic. */
  active: Color;
  books?: Books | null;
  /** True if there is something to roll back to. */
  can_roll_back?: boolean;
  changed?: LastChange | null;
  /** Both colors. */
  colors: Colors;
  /** The failover mode, for when the active color fails: `off` or `auto`. */
  failover?: string;
  /** The generation of its last change, for `If-Match`. */
  generation: number;
  held?: Held | null;
  maintenance?: Maintenance | null;
  /** Its name. */
  name: string;
  /** Problems that need attention, the most severe first. */
  problems?: ServiceProblem[];
  rollback?: Rollback | null;
  rollout?: Rollout | null;
}

/** A problem that needs attention. */
export interface ServiceProblem {
  /** The severity. */
  severity: Severity;
  /** A description of the problem. */
  text: string;
}

/** The recent traffic of one service. */
export interface ServiceSeries {
  /** Requests that ended without a complete answer, whatever the cause, by step. */
  aborted: number[];
  /** The first environment. */
  blue: ColorSeries;
  /** The second environment. */
  green: ColorSeries;
  /** The service. */
  service: string;
  /** Requests that Teal answered itself, by step. */
  teal: number[];
}

/** The severity of a problem, worst first. */
export type Severity = "outage" | "degraded" | "unknown" | "notice";

/** The current routing of traffic, and what may be stopped. */
export interface Status {
  /** The names for which certificates are ordered from a CA (ACME). */
  acme?: CertificateOrder[];
  /** The address of this API. */
  admin: string;
  /** The reason newer certificates are not in use; `null` if all are. */
  certificate_problem?: string | null;
  /**
   * The certificates in use at the listeners, in the order of the configuration, then those that
   * targets have presented.
   */
  certificates?: Certificate[];
  /** The deploys in progress, oldest first. */
  deploys?: Deploy[];
  /** The generation of the newest change of routing. */
  generation: number;
  /** The groups of these services, in the order of the configuration. */
  groups?: Group[];
  /** The reason no change can be made durable at present; `null` if the journal is writable. */
  journal?: string | null;
  last_reload?: Reload | null;
  /** The public addresses. */
  listeners: string[];
  /** The endpoints that are notified of events. */
  notify?: NotifyEndpoint[];
  /** The generation being published, which not every worker has applied yet; `null` if there is none. */
  publishing?: number | null;
  /**
   * The services that were asked for, in the order of the configuration; with `problems=true`, the most
   * severe problem first.
   */
  services: Service[];
  /** This Teal. */
  teal: ProcessInfo;
  /** The number of all services, whatever the filter. */
  total?: number;
  /** The calls in progress that change something or would, oldest first. */
  waits?: PendingCall[];
  workers?: Workers | null;
}

/** The outcome of a switch or a rollback for a service. */
export interface SwitchAnswer {
  drain?: Drain | null;
  /** The probes that proved the new color healthy. */
  evidence: Evidence[];
  forecast?: Forecast | null;
  /** The color that was active before; for `already` the idle color. */
  from: Color;
  /** The generation of the service. */
  generation: number;
  /** The result of a switch or a rollback. */
  result: SwitchResult;
  /** The forecast in words, as in texts and in dialogs; for `already` the effect of a closer `drain`. */
  sentences?: string[];
  /** The service. */
  service: string;
  /** The color that is active now; for `would_switch` the one that would become active. */
  to: Color;
  /** The reason the color would fail the gate now; only if the result is `already`, and probes have found that. */
  unhealthy?: string | null;
  warm_up?: WarmUp | null;
}

/** The outcome of a switch or a rollback of one service or of a group. */
export type SwitchOutcome = GroupAnswer | SwitchAnswer;

/** The result of a switch or a rollback. */
export type SwitchResult = "switched" | "already" | "would_switch";

/** One target of a color. */
export interface Target {
  /**
   * The single address it stands for: one of those its name resolves to, or the configured one;
   * `null`: a Unix socket, a name without an address, or all addresses of a name
   * (`resolve = "first"`).
   */
  address?: string | null;
  /** The addresses that receive traffic: those its name resolves to that have passed probes; empty: none. */
  addresses?: string[];
  /** The time at which its health changed last; `null`: not since this Teal serves. */
  changed_at?: string | null;
  /** The reason of the last probe before that change; `null` if it passed. */
  changed_reason?: string | null;
  /** Probes that failed in a row up to now. */
  fails?: number;
  /** The number of failed probes in a row that makes it `down`. */
  fall?: number;
  /** Its health according to the probes. */
  health: Health;
  /** Requests and tunnels in flight on it. */
  in_flight?: number;
  last_probe?: Probe | null;
  /** A note on how traffic uses it; `null`: nothing unusual. */
  note?: string | null;
  /** Probes that passed in a row up to now, counted up to `rise`. */
  passes?: number;
  /** The number of passed probes in a row that makes it `up`. */
  rise?: number;
  /** The address as configured. */
  url: string;
  /** Its address, its health and the newest probe in words, as in texts and on the page. */
  words?: string;
}

/** A target, identified by its service, its color and its address. */
export interface TargetName {
  /** The address it stands for, one of those its name resolves to; `null`: it is configured by address. */
  address?: string | null;
  /** The color. */
  color: Color;
  /** The service. */
  service: string;
  /** The address as configured. */
  url: string;
}

/** The targets that a color has now. */
export interface TargetsAnswer {
  /** The color. */
  color: Color;
  /** The generation that this created; `null`: the color receives no traffic, or had these targets already. */
  generation?: number | null;
  /** The service. */
  service: string;
  /** Its targets. */
  targets: string[];
}

/** A runner has told the targets of a color. */
export interface TargetsChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time of the decision. */
  at: string;
  /** The color. */
  color: Color;
  /** The generation that it created; `null`: the color received no traffic. */
  generation?: number | null;
  /** The service. */
  service: string;
  /** Its targets; empty: none. */
  targets: string[];
}

/** The targets of a color that the configuration leaves to a runner. */
export interface TargetsRequest {
  /** The claim of its command line. */
  claim?: number | null;
  /** The number of the deploy that starts or stops them; needed while there is one. */
  deploy?: number | null;
  /** The targets as they would be configured; empty: nothing runs there. Needed. */
  targets?: string[] | null;
}

/** A step of a followed request. Which members are present depends on the step. */
export interface TraceStep {
  /** The address of the target, if its name has several. */
  address?: string | null;
  /** The time since the head of the request was read. */
  after_ms: number;
  /** True if a failed attempt is retried. */
  again?: boolean | null;
  /** The bytes of the body: of the request at `sent`, of the response at `ended`. */
  bytes?: number | null;
  /** The address of the client, with its port if known. */
  client?: string | null;
  color?: Color | null;
  /** `new`, `kept`, `shared` or `login` (the one that its client has logged in on). */
  connection?: string | null;
  /** The host. */
  host?: string | null;
  /** The time for which a reused connection (`kept`) had been idle. */
  idle_ms?: number | null;
  /** The address of the listener. */
  listener?: string | null;
  /** The method; absent: the request head could not be parsed. */
  method?: string | null;
  /** The number of steps lost before this one because they were not read in time; 0: none. */
  missed?: number;
  /** The path, without the query. */
  path?: string | null;
  /** The HTTP version of the client. */
  protocol?: string | null;
  /** The reason it waits, failed, was answered by Teal or was aborted. */
  reason?: string | null;
  /** The number of the request within this response, from 1. */
  request: number;
  /** The id of the request. */
  request_id?: string | null;
  /** The service. */
  service?: string | null;
  /** The status code of the response. */
  status?: number | null;
  /** `accepted`, `routed`, `waits`, `goes`, `leased`, `connected`, `sent`, `answers`, `failed` or `ended`. */
  step: string;
  /** The target of the lease. */
  target?: string | null;
  /** The TLS version; absent: no TLS. */
  tls?: string | null;
  /** True if the response was complete. */
  whole?: boolean | null;
}

/** A newer Teal has taken over. */
export interface Upgraded {
  /** Its process id. */
  pid: number;
  /** Its version. */
  version: string;
}

/** A call that ended while it was still waiting; it changed nothing. */
export interface WaitChange {
  /** The caller that asked for it. */
  actor: Actor;
  /** The time at which it ended. */
  at: string;
  /** The command that superseded it, such as `switch to blue`. */
  by?: string | null;
  by_actor?: Actor | null;
  /** The reason it ended: `superseded` or `abandoned`. */
  end: string;
  /** The services it concerned; empty: all. */
  services: string[];
  /** The time since which it was waiting. */
  since: string;
  to?: Color | null;
  /** The command: `switch`, `rollback` or `reload`. */
  verb: string;
}

/** The result of the warm-up of a color. */
export interface WarmUp {
  /** Requests that failed, or that its deadline left unsent. */
  failed: number;
  /** The reason of the first failure; absent: none failed. */
  reason?: string | null;
  /** Requests to all targets of the color. */
  requests: number;
  /** The time that it took. */
  seconds: number;
}

/** The caller, as Teal takes it. */
export interface Whoami {
  /** The name of the token, or `uid N` over the Unix socket; `null`: a caller without a token. */
  name?: string | null;
  /** The calls that it may make. */
  role: CallerRole;
}

/** The workers of the data plane. An older Teal that is finishing its last requests counts as one. */
export interface Workers {
  /** The number of those that have applied the newest table. */
  acknowledged: number;
  /** The number of workers. */
  total: number;
}
