import { join } from 'node:path';
import { type Executor, startExecutor } from '../../src/executor/executor.ts';
import type { RunOptions } from '../../src/executor/run-broker.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { freePort, inFolder, sampleLaunch, sampleTask, within } from './helpers.ts';
import { type ScriptedAgent, startScriptedAgent } from './scripted-agent.ts';
import { createStubPrograms } from './stub-programs.ts';

export type Stage = {
  readonly agent: ScriptedAgent;
  readonly executor: Executor;
  readonly sandbox: string;
  readonly volume: string;
  readonly port: number;
  launch(change?: Partial<BrokerLaunch>, taskId?: string): void;
  kill(graceMs?: number): void;
};

/** The real executor, with the stub broker unless said otherwise, in this process, under an agent that the test plays. */
export async function onStage(
  use: (stage: Stage) => Promise<void>,
  sandboxOf?: string,
  clock: Clock = systemClock,
  createPrograms: RunOptions['createPrograms'] = createStubPrograms,
): Promise<void> {
  const play = async (sandbox: string) => {
    const agent = await startScriptedAgent();
    const port = await freePort();
    const executor = startExecutor(
      {
        agentEndpoint: `127.0.0.1:${agent.port}`,
        frameworkId: 'f-1',
        executorId: 'e-1',
        agentId: 'agent-1',
        sandbox,
        checkpoint: true,
        // Of every test's clock, the fastest included: a moment that the machine is elsewhere is no agent that stays away.
        recoveryTimeoutMs: 86_400_000,
        backoffMaxMs: 40,
        shutdownGraceMs: 5_000,
      },
      { clock, random: systemRandom, logger: silentLogger, createPrograms },
    );
    await agent.awaitCall(({ type }) => type === 'SUBSCRIBE', 'SUBSCRIBE');
    const stage: Stage = {
      agent,
      executor,
      sandbox,
      volume: join(sandbox, 'volume'),
      port,
      launch: (change, taskId) =>
        agent.send({ type: 'LAUNCH', launch: { task: sampleTask(sampleLaunch(port, change), taskId) } }),
      kill: (graceMs) =>
        agent.send({
          type: 'KILL',
          kill: {
            task_id: { value: 'demo-0-1' },
            ...(graceMs === undefined
              ? {}
              : { kill_policy: { grace_period: { nanoseconds: graceMs * 1e6 } } }),
          },
        }),
    };
    try {
      await use(stage);
    } finally {
      executor.killNow();
      executor.shutDown();
      await within(executor.ended, 'the executor to end');
      await agent.stop();
    }
  };
  await (sandboxOf === undefined ? inFolder(play) : play(sandboxOf));
}
