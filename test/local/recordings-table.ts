/**
 * All recorded scenarios, and whether the embedded Mesos behaves as the real one did in them.
 *
 * `variants`: `json` is `<name>.jsonl`, `protobuf` is `<name>.protobuf.jsonl`. `slackMs` is how far an
 * event may be off its recorded time, where the default of the replay does not do; `untilNote` ends the
 * replay before a note of the recorder; of the answers to `cutAnswers` only what was recorded is compared.
 */
export type Scenario = {
  readonly name: string;
  readonly variants?: readonly ('json' | 'protobuf')[];
} & (
  | {
      readonly state: 'passing';
      readonly slackMs?: Partial<Record<'json' | 'protobuf', number>>;
      readonly untilNote?: string;
      readonly cutAnswers?: readonly string[];
      /** Why the scenario needs one of the three above. */
      readonly why?: string;
    }
  | { readonly state: 'unsupported'; readonly reason: string }
);

const both = ['json', 'protobuf'] as const;

export const scenarios: readonly Scenario[] = [
  { name: '01-subscribe', variants: both, state: 'passing' },
  { name: '02-decline-filters', state: 'passing' },
  { name: '03-launch-resend', variants: both, state: 'passing' },
  { name: '04-task-failures', state: 'passing' },
  {
    name: '05-kill',
    variants: both,
    state: 'passing',
    slackMs: { protobuf: 700 },
    why: 'eight executors started at once on a loaded machine: their first updates took up to 600 ms',
  },
  { name: '06-reconcile', state: 'passing' },
  { name: '07-invalid-offers', state: 'passing' },
  { name: '08-reserve-volume', variants: both, state: 'passing' },
  { name: '09-operation-feedback', variants: both, state: 'passing' },
  { name: '10-failover', state: 'passing' },
  { name: '11-disconnect', state: 'passing' },
  {
    name: '12-bad-requests',
    state: 'passing',
    untilNote: 'last of all',
    why: 'a call of type UNKNOWN aborts a real master; the embedded one answers 400',
  },
  { name: '13-agent-restart', state: 'passing' },
  {
    name: '14-agent-unreachable',
    state: 'passing',
    slackMs: { json: 1_100 },
    why: 'pings come every second: the agent is given up 2 to 3 s after it falls silent',
  },
  { name: '15-agent-wiped', state: 'passing' },
  { name: '16-gone-drain-deactivate', state: 'passing' },
  { name: '17-maintenance', state: 'passing' },
  { name: '18-master-restart', state: 'passing' },
  {
    name: '19-zookeeper',
    state: 'unsupported',
    reason: 'one master on one machine: there is no follower that could redirect and no other leader to find',
  },
  { name: '20-custom-executor', variants: both, state: 'passing' },
  {
    name: '21-health-checks',
    state: 'unsupported',
    reason:
      'checks of command tasks are ignored: brokers run under an executor of their own, which does its own',
  },
  {
    name: '22-launch-group',
    state: 'unsupported',
    reason: 'LAUNCH_GROUP is answered TASK_ERROR by name: it needs the default executor, a program of Mesos',
  },
  {
    name: '23-update-framework',
    state: 'passing',
    cutAnswers: ['GET_FRAMEWORKS'],
    why: 'the recorder left out resources and completed frameworks: Content-Length is larger than the body',
  },
  {
    name: '24-operator-api',
    variants: both,
    state: 'unsupported',
    reason:
      "its framework is not in the recording: operator-recording.test.ts plays it and compares the operator's answers; no event stream, flags, metrics and files there",
  },
  {
    name: '25-authentication',
    state: 'unsupported',
    reason: 'it listens on loopback only and asks nobody who he is; there are no principals to tell apart',
  },
  {
    name: '26-quota-roles',
    state: 'unsupported',
    reason:
      'quotas divide a cluster between roles; here one user has it all. UPDATE_QUOTA is refused by name',
  },
  { name: '27-two-frameworks', state: 'passing' },
];
