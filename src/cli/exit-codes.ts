/**
 * The exit codes, a contract that scripts may rely on. The table in `kafka-mesos --help` and in
 * docs/exit-codes.md is `exitCodeTable`.
 */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** `plan --detailed-exitcode`: there are changes. */
  changes: 2,
  /** `apply --wait`: a person has to act or consent. `teardown`: something is left. */
  held: 2,
  /** `apply --wait`, `wait`: the time-out passed; the scheduler goes on. */
  stillConverging: 3,
  /** EX_USAGE of sysexits.h */
  usage: 64,
  /** EX_TEMPFAIL: another scheduler leads, or may lead; a supervisor starts this one again, as a standby. */
  lostLeadership: 75,
  /** EX_PROTOCOL: Mesos has removed the framework; starting again does not help, only an operator's consent. */
  frameworkRemoved: 76,
  /** EX_CONFIG: a file, an address or a secret cannot be used, or the framework's id is lost; starting again does not help. */
  badConfig: 78,
  /** 128 + SIGINT: `--wait` or `--watch` was left by Ctrl-C; the scheduler goes on. */
  detached: 130,
  /** 128 + SIGPIPE: whoever read the output went away. */
  brokenPipe: 141,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Command, code, meaning. */
export const exitCodeTable: readonly (readonly [string, number, string])[] = [
  ['every command', 0, 'done'],
  ['every command', 1, 'failed; stderr says what, where and what to do'],
  ['every command', 64, 'wrong usage'],
  ['validate', 1, 'a file has errors'],
  ['plan --detailed-exitcode', 0, 'nothing would change'],
  ['plan --detailed-exitcode', 2, 'there are changes'],
  ['apply', 0, 'stored; with --wait: converged'],
  ['apply --wait', 2, 'held: a person has to act or consent'],
  ['apply --wait', 3, 'still converging at the time-out; the scheduler goes on'],
  ['wait', 0, 'it is as wanted'],
  ['wait', 3, 'not so at the time-out; the scheduler goes on'],
  ['apply --wait, wait, status -w', 130, 'left by Ctrl-C; the scheduler goes on'],
  ['scheduler', 0, 'told to stop; the brokers go on'],
  ['scheduler', 75, 'lost the leadership, or another one took over; start it again'],
  ['scheduler', 76, 'Mesos has removed the framework; start it again only with --register-anew'],
  ['scheduler', 78, 'its configuration cannot be used, or the store has lost its framework; mend that first'],
  ['teardown', 0, 'gone, by the word of the master'],
  ['teardown', 2, 'something is left, named with its agent and how to remove it'],
  ['every command', 141, 'whoever read the output went away'],
];
