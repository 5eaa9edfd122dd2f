/** `npm run test:mesos` against the embedded Mesos as if it were a foreign one, which it must pass and can fail. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { claimPortBlock } from '../../src/local/port-block.ts';
import { startLocalMesos } from '../../src/local/server.ts';
import { defaultAgents } from '../../src/local/topology.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { testFolder } from '../test-folder.ts';
import { root } from './harness.ts';

const test = suite('the test for a real Mesos');
const home = mkdtempSync(join(testFolder, 'kafka-mesos-foreign-'));
const token = 'x'.repeat(32);
const ports = await claimPortBlock(join(home, 'ports.json'));
const mesos = await startLocalMesos({
  directory: join(home, 'mesos'),
  port: 0,
  agents: defaultAgents(0, ports.firstPort),
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  token,
  // An agent is given up after 3 s, where a real master takes 75.
  settings: { heartbeatIntervalMs: 3_000, agentPingTimeoutMs: 1_000, maxAgentPingTimeouts: 3 },
  onFatal: (error) => {
    throw error;
  },
});

/** A command for the control API, which stands for what an operator does by ssh. */
const control = join(home, 'control.mjs');
writeFileSync(
  control,
  `const [path, body] = process.argv.slice(2);
const response = await fetch('${mesos.masterUrl}/local/' + path, {
  method: 'POST', headers: { authorization: 'Bearer ${token}' }, body: body ?? '',
});
if (!response.ok) throw new Error(await response.text());
`,
);
const hook = (path: string, body = '') => `'${process.execPath}' '${control}' ${path} ${body}`;
const name = '{"name": "\'{agent}\'"';

function run(
  chapters: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; text: string }> {
  const own = Object.entries(process.env).filter(([key]) => !/^(MESOS|KAFKA_MESOS_ADVERTISE)/.test(key));
  const child = spawn(process.execPath, [...process.execArgv, 'test/real-mesos/main.ts', ...chapters], {
    cwd: root,
    env: { ...Object.fromEntries(own), MESOS_MASTER: new URL(mesos.masterUrl).host, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, text: Buffer.concat(parts).toString() }));
  });
}

test('everything passes, nothing is skipped, and nothing is left', async () => {
  const { code, text } = await run([], {
    MESOS_AGENT_STOP: hook('stop-agent', `'${name}, "executors": "running"}'`),
    MESOS_AGENT_START: hook('start-agent', `'${name}}'`),
    MESOS_MASTER_FAILOVER: hook('restart-master'),
  });
  assert.is(code, 0, text);
  assert.match(text, /\n\d\d passed, 0 failed, 0 skipped\n$/, text);
  assert.match(text, /✓ nothing of kafka-mesos-test-\w+ is left in Mesos \(there was nothing/, text);
});

test('what cannot work is refused before anything is started, with names and a remedy', async () => {
  for (const agent of ['agent-1', 'agent-2']) await mesos.stopAgent(agent, 'gone');
  const { code, text } = await run([], {});
  assert.is(code, 1, text);
  assert.match(text, '✗ three agents have room for a broker each');
  assert.match(text, /2 of \d agents have room; 3 are needed, each with cpus 0\.6/);
  assert.match(text, '→ start more agents');
  assert.match(text, '- flow: skipped, for the preflight failed');
  assert.match(text, /\n2 passed, 1 failed, \d+ skipped\n$/, text);
});

test.after(async () => {
  await mesos.shutdown(0);
  await mesos.close();
  await ports.release();
  rmSync(home, { recursive: true, force: true });
});

test.run();
