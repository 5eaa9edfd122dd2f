/** Why an executor ended that said nothing itself: all there is are the agent's words and a wait status. */
import { commandExits, type ReportCode } from '../model/launch.ts';
import type { TaskUpdate } from '../model/mesos.ts';

export type ExecutorExit = { readonly message: string; readonly code?: ReportCode };

/**
 * Mesos says "Executor terminated" (`REASON_EXECUTOR_TERMINATED`) whatever the cause, and the status only in
 * the FAILURE event before it. That its fetcher failed it says in the message (recording 04). Undefined when the update
 * has another cause.
 */
export function explainExit(update: TaskUpdate): ExecutorExit | undefined {
  if (update.reason === 'CONTAINER_LAUNCH_FAILED' && update.message?.includes('Failed to fetch') === true) {
    return {
      code: 'fetch-failed',
      message: `${update.message}: the agent could not get the executor or Node, and the sandbox's stderr says from where; check that the mirror behind --artifact-url, or without one the scheduler's --artifact-listen, is up and reached from the agent, and has what \`kafka-mesos dist export\` writes`,
    };
  }
  const status = update.executorWaitStatus;
  if (update.reason !== 'EXECUTOR_TERMINATED' || status === undefined || status < 0) return undefined;
  const words = update.message ?? 'Executor terminated';
  const signal = status & 0x7f;
  if (signal !== 0) return { message: `${words} (by signal ${signal})` };
  const exitCode = (status >> 8) & 0xff;
  switch (exitCode) {
    case commandExits.runtimeUnusable:
      return {
        code: 'runtime-unusable',
        message:
          "the Node that this agent was given does not run on it, its words are in the sandbox's stderr; most often the agent's C library is too old or its processor another one (or, with --artifact-url file:, it was removed under the scheduler: start that anew): update the agent, or start the scheduler with an --agent-node that runs there (try `./node --version` on the agent)",
      };
    case commandExits.digestMismatch:
      return {
        code: 'digest-mismatch',
        message:
          "what the agent fetched (executor or Node) does not have the expected sha512, the sandbox's stderr names the file and that digest; nothing of it was run: look at artifacts/DIGEST/FILE on the mirror behind --artifact-url, then restart the scheduler if its files were replaced while it ran",
      };
    case 0:
      return { message: words };
    default:
      return { message: `${words} (exit code ${exitCode})` };
  }
}
